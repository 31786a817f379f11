/* SPDX-License-Identifier: MIT */
#include "registry/blobbody.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <poll.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/within.h"
#include "registry/layoutread.h"

static int64_t seconds(void)
{
	struct timespec t = { 0 };
	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec;
}

void blobbody_init(struct blobbody *b, int dir, const char *digest, uint64_t size)
{
	*b = (struct blobbody){ .dir = dir, .digest = digest, .size = size, .fd = -1 };
}

static int check_file(struct blobbody *b, struct err *e)
{
	struct stat st;
	if (fstat(b->fd, &st) < 0)
		return err_set(e, errno, "cannot read the blob");
	b->pipe = S_ISFIFO(st.st_mode);
	if (!b->pipe && !S_ISREG(st.st_mode))
		return err_set(e, 0, "the blob is neither a file nor a pipe");
	if (!b->pipe && (uint64_t)st.st_size != b->size)
		return err_set(e, 0,
			       "the blob has %jd bytes, its manifest says %" PRIu64
			       ": the layout is damaged",
			       (intmax_t)st.st_size, b->size);
	return 0;
}

static int check_digest(struct blobbody *b, struct err *e)
{
	char hex[DIGEST_HEX_LEN + 1];
	digest_hex(b->hash, hex);
	return strcmp(hex, b->digest + strlen("sha256:")) == 0
		       ? 0
		       : err_set(e, 0, "the blob has another digest, sha256:%s", hex);
}

int blobbody_open(struct blobbody *b, struct err *e)
{
	AUTO_FREE char *path = layoutread_blob_path(b->digest);
	blobbody_close(b);
	b->fd = within_find(b->dir, path, O_RDONLY | O_NONBLOCK, WITHIN_BENEATH, NULL);
	if (b->fd < 0 && errno == ENOENT)
		return err_set(
			e, 0,
			"neither the layout nor the registry has the blob; run registry-push "
			"with layer-serve, which makes it");
	if (b->fd < 0 && errno == EXDEV)
		return err_set(e, 0, "the blob is a link that leads out of the layout");
	if (b->fd < 0)
		return err_set(e, errno, "cannot open the blob");
	b->hash = digest_new();
	b->opened = seconds();
	if (check_file(b, e) < 0)
		return -1;
	return b->size ? 0 : check_digest(b, e);
}

void blobbody_close(struct blobbody *b)
{
	mem_cleanup_close(&b->fd);
	digest_cleanup(&b->hash);
	blobbody_init(b, b->dir, b->digest, b->size);
}

int blobbody_fd(const struct blobbody *b)
{
	return b->pipe ? b->fd : -1;
}

/* Nothing is in the pipe: whether it is at its end, or nobody has written into it yet. */
static int at_end(const struct blobbody *b, bool *end, struct err *e)
{
	struct pollfd p = { .fd = b->fd, .events = POLLIN };
	/* POLLIN: somebody has written since we looked */
	*end = poll(&p, 1, 0) > 0 && (p.revents & (POLLIN | POLLHUP)) == POLLHUP;
	if (!*end && seconds() - b->opened > BLOBBODY_PATIENCE)
		return err_set(e, 0,
			       "the blob is a pipe that nobody writes into; run registry-push with "
			       "layer-serve, which does");
	return 0;
}

/* *n: bytes; 0 at the end, -1 where there are none yet. */
static int read_some(const struct blobbody *b, void *data, size_t len, ssize_t *n, struct err *e)
{
	bool end = true;
	do
		*n = read(b->fd, data, len);
	while (*n < 0 && errno == EINTR);
	if (*n < 0 && errno != EAGAIN)
		return err_set(e, errno, "cannot read the blob");
	if (*n == 0 && b->pipe && at_end(b, &end, e) < 0)
		return -1;
	*n = end ? *n : -1;
	return 0;
}

int blobbody_ready(struct blobbody *b, bool *ready, struct err *e)
{
	ssize_t n = 1;
	if (b->pipe && !b->has_first) {
		if (read_some(b, &b->first, 1, &n, e) < 0)
			return -1;
		b->has_first = n == 1;
	}
	*ready = n >= 0;
	return 0;
}

static int count(struct blobbody *b, const void *data, size_t n, struct err *e)
{
	digest_add(b->hash, data, n);
	b->sent += n;
	return b->sent == b->size ? check_digest(b, e) : 0;
}

int blobbody_read(struct blobbody *b, void *data, size_t len, size_t *got, struct err *e)
{
	uint64_t left = b->size - b->sent;
	ssize_t n = 1;
	if (len > left)
		len = (size_t)left;
	if (b->has_first && len)
		*(char *)data = b->first;
	else if (len && read_some(b, data, len, &n, e) < 0)
		return -1;
	if (n == 0)
		return err_set(e, 0, "the blob ended after %" PRIu64 " of %" PRIu64 " bytes",
			       b->sent, b->size);
	*got = !len || n < 0 ? 0 : (size_t)n;
	b->has_first &= !*got;
	return *got ? count(b, data, *got, e) : 0;
}
