/* SPDX-License-Identifier: MIT */
#include "out.h"

#include <errno.h>
#include <poll.h>
#include <unistd.h>

enum { BUFFER = 256 << 10 };

void out_init(struct out *o, int fd, const char *name)
{
	*o = (struct out){ .fd = fd, .name = name };
}

int out_write_fd(int fd, const void *data, size_t len)
{
	const char *p = data;
	while (len) {
		ssize_t n = write(fd, p, len);
		if (n < 0 && errno == EAGAIN) {
			struct pollfd pfd = { .fd = fd, .events = POLLOUT };
			n = poll(&pfd, 1, -1) < 0 && errno != EINTR ? -1 : 0;
		}
		if (n < 0 && errno != EINTR)
			return -1;
		if (n > 0) {
			p += n;
			len -= (size_t)n;
		}
	}
	return 0;
}

static int report(const struct out *o, struct err *e)
{
	return err_set(e, o->failed, "cannot write '%s'", o->name);
}

static int put(struct out *o, const void *data, size_t len, struct err *e)
{
	if (!o->failed && out_write_fd(o->fd, data, len) < 0)
		o->failed = errno;
	return o->failed ? report(o, e) : 0;
}

int out_flush(struct out *o, struct err *e)
{
	int r = put(o, o->buf.s, o->buf.len, e);
	buf_clear(&o->buf);
	return r;
}

int out_write(struct out *o, const void *data, size_t len, struct err *e)
{
	if (o->failed)
		return report(o, e);
	o->written += len;
	if (o->buf.len + len > BUFFER && out_flush(o, e) < 0)
		return -1;
	if (len > BUFFER)
		return put(o, data, len, e);
	buf_add(&o->buf, data, len);
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
