/* SPDX-License-Identifier: MIT */
#include "base/out.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <string.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <unistd.h>

enum { PIPE_SIZE = 1 << 20 };

void out_init(struct out *o, int fd, const char *name)
{
	struct stat st;
	*o = (struct out){ .fd = fd, .name = name };
	o->pipe = fstat(fd, &st) == 0 && S_ISFIFO(st.st_mode);
	if (o->pipe) /* only a matter of speed */
		(void)fcntl(fd, F_SETPIPE_SZ, PIPE_SIZE);
}

void out_hold(struct out *o)
{
	o->held = 1;
}

void out_init_digest(struct out *o, struct digest *digest)
{
	*o = (struct out){ .fd = -1, .name = "<digest>", .digest = digest };
}

void out_init_function(struct out *o, out_function *function, void *context)
{
	*o = (struct out){
		.fd = -1, .name = "<function>", .function = function, .context = context
	};
}

static int report(const struct out *o, struct err *e)
{
	return err_set(e, o->failed, "cannot write '%s'", o->name);
}

/* A failure is told once in the function's own words. */
static int call(struct out *o, const void *data, size_t len, struct err *e)
{
	if (o->failed || !len || o->function(o->context, data, len, e) == 0)
		return o->failed ? report(o, e) : 0;
	o->failed = e->code ? e->code : EIO;
	return -1;
}

static int put(struct out *o, const void *data, size_t len, struct err *e)
{
	if (o->function)
		return call(o, data, len, e);
	if (o->also && len)
		digest_add(o->also, data, len);
	if (o->digest && len)
		digest_add(o->digest, data, len);
	else if (!o->failed && out_write_fd(o->fd, data, len) < 0)
		o->failed = errno;
	return o->failed ? report(o, e) : 0;
}

int out_flush(struct out *o, struct err *e)
{
	int r = put(o, o->buf.s, o->buf.len, e);
	buf_clear(&o->buf);
	return r;
}

int out_also_digest(struct out *o, struct digest *digest, struct err *e)
{
	int r = out_flush(o, e);
	o->also = digest;
	return r;
}

static int is_full(const struct out *o, size_t len)
{
	return !o->held && o->buf.len + len > OUT_BUFFER;
}

int out_write(struct out *o, const void *data, size_t len, struct err *e)
{
	if (o->failed)
		return report(o, e);
	o->written += len;
	if (is_full(o, len) && out_flush(o, e) < 0)
		return -1;
	if (is_full(o, len))
		return put(o, data, len, e);
	buf_add(&o->buf, data, len);
	return 0;
}

int out_zeros(struct out *o, uint64_t len, struct err *e)
{
	while (len) {
		size_t n = len < OUT_BUFFER ? (size_t)len : OUT_BUFFER;
		char *room = out_reserve(o, n, e);
		if (!room)
			return -1;
		memset(room, 0, n);
		out_commit(o, n);
		len -= n;
	}
	return 0;
}

char *out_reserve(struct out *o, size_t len, struct err *e)
{
	if (o->failed)
		return report(o, e), NULL;
	if (is_full(o, len) && out_flush(o, e) < 0)
		return NULL;
	char *room = buf_extend(&o->buf, len);
	o->buf.len -= len;
	return room;
}

void out_commit(struct out *o, size_t len)
{
	o->buf.len += len;
	o->written += len;
}

/*
 * Sends what sendfile(2) can send; *copied counts on. Whatever stops it shows again, and on
 * the right side, when the rest is read and written.
 */
static int send(struct out *o, int from, uint64_t len, uint64_t *copied, struct err *e)
{
	if (out_flush(o, e) < 0)
		return -1;
	while (*copied < len) {
		uint64_t rest = len - *copied;
		ssize_t n = sendfile(o->fd, from, NULL, rest < INT_MAX ? (size_t)rest : INT_MAX);
		if (n <= 0 && (n == 0 || errno != EINTR))
			return 0;
		if (n > 0) {
			*copied += (uint64_t)n;
			o->written += (uint64_t)n;
		}
	}
	return 0;
}

int out_copy(struct out *o, int from, const char *what, uint64_t len, uint64_t *copied,
	     struct err *e)
{
	uint64_t done = 0;
	if (o->pipe && !o->held && !o->also && send(o, from, len, &done, e) < 0)
		return -1;
	while (done < len) {
		size_t want = len - done < OUT_BUFFER / 2 ? (size_t)(len - done) : OUT_BUFFER / 2;
		char *room = out_reserve(o, want, e);
		if (!room)
			return -1;
		ssize_t n = read(from, room, want);
		if (n < 0 && errno != EINTR)
			return err_set(e, errno, "cannot read '%s'", what);
		if (n == 0)
			break;
		if (n > 0) {
			out_commit(o, (size_t)n);
			done += (uint64_t)n;
		}
	}
	*copied = done;
	return 0;
}

int out_close(struct out *o, struct err *e)
{
	int r = out_flush(o, e);
	if (close(o->fd) < 0 && r == 0) {
		o->failed = errno;
		r = report(o, e);
	}
	out_drop(o);
	return r;
}

void out_drop(struct out *o)
{
	buf_free(&o->buf);
}
