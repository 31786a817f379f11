/* SPDX-License-Identifier: MIT */
#include "base/source.h"

#include <errno.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

int source_read(struct source *s, void *data, size_t len, size_t *got, struct err *e)
{
	return s->read(s, data, len, got, e);
}

int source_drain(struct source *s, struct err *e)
{
	enum { SIZE = 64 << 10 };
	AUTO_FREE char *data = xmalloc(SIZE);
	size_t got = 1;
	while (got)
		if (source_read(s, data, SIZE, &got, e) < 0)
			return -1;
	return 0;
}

int source_fill(struct source *s, void *data, size_t len, size_t *got, struct err *e)
{
	size_t all = 0, n = 1;
	while (n && all < len) {
		if (s->read(s, (char *)data + all, len - all, &n, e) < 0)
			return -1;
		all += n;
	}
	*got = all;
	return 0;
}

static int cannot_read(const struct source *s, struct err *e)
{
	return err_set(e, errno, "cannot read '%s'", s->name);
}

static int fd_read(struct source *source, void *data, size_t len, size_t *got, struct err *e)
{
	struct source_fd *s = (struct source_fd *)source;
	ssize_t n;
	do
		n = read(s->fd, data, len);
	while (n < 0 && errno == EINTR);
	if (n < 0)
		return cannot_read(source, e);
	*got = (size_t)n;
	return 0;
}

static int fd_skip(struct source *source, uint64_t len, struct err *e)
{
	struct source_fd *s = (struct source_fd *)source;
	if (len > INT64_MAX)
		errno = EOVERFLOW;
	else if (lseek(s->fd, (off_t)len, SEEK_CUR) >= 0)
		return 0;
	return cannot_read(source, e);
}

void source_fd(struct source_fd *s, int fd, const char *name)
{
	struct stat st;
	*s = (struct source_fd){ .source = { .name = name, .read = fd_read }, .fd = fd };
	if (fstat(fd, &st) == 0 && S_ISREG(st.st_mode))
		s->source.skip = fd_skip;
}

static int part_read(struct source *source, void *data, size_t len, size_t *got, struct err *e)
{
	struct source_part *s = (struct source_part *)source;
	ssize_t n;
	if (len > s->size)
		len = (size_t)s->size;
	do
		n = pread(s->fd, data, len, (off_t)s->offset);
	while (n < 0 && errno == EINTR);
	if (n < 0)
		return cannot_read(source, e);
	s->offset += (uint64_t)n;
	s->size -= (uint64_t)n;
	*got = (size_t)n;
	return 0;
}

static int part_skip(struct source *source, uint64_t len, struct err *e)
{
	struct source_part *s = (struct source_part *)source;
	(void)e;
	if (len > s->size)
		len = s->size;
	s->offset += len;
	s->size -= len;
	return 0;
}

void source_part(struct source_part *s, int fd, const char *name, uint64_t offset, uint64_t size)
{
	*s = (struct source_part){ .source = { .name = name, .read = part_read, .skip = part_skip },
				   .fd = fd,
				   .offset = offset,
				   .size = size };
}

static int text_read(struct source *source, void *data, size_t len, size_t *got, struct err *e)
{
	(void)e;
	struct source_text *s = (struct source_text *)source;
	*got = len < s->left ? len : s->left;
	if (*got)
		memcpy(data, s->at, *got);
	s->at += *got;
	s->left -= *got;
	return 0;
}

void source_text(struct source_text *s, const char *text, size_t len, const char *name)
{
	*s = (struct source_text){ { name, text_read, NULL }, text, len };
}
