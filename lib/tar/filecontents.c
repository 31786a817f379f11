/* SPDX-License-Identifier: MIT */
#include "tar/filecontents.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tar/tar.h"
#include "tar/walk.h"

/* Files up to this size are read into the output buffer; for others out_copy() is faster. */
enum { SMALL = 64 << 10 };

int filecontents_open(int dir, const char *name, const char *path, uint64_t size, int *fd,
		      struct err *e)
{
	struct stat st;
	/* should it have become a FIFO, nothing waits for its other end */
	AUTO_CLOSE int f =
		openat(dir, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
	if (f < 0 && (errno == ENOENT || errno == ELOOP))
		return walk_changed(path, e);
	if (f < 0 || fstat(f, &st) < 0)
		return err_set(e, errno, "cannot open '%s'", path);
	if (!S_ISREG(st.st_mode) || (uint64_t)st.st_size != size)
		return walk_changed(path, e);
	*fd = f;
	f = -1;
	return 0;
}

static int write_large(struct out *o, int fd, const char *path, uint64_t size, struct err *e)
{
	uint64_t copied;
	char more;
	if (out_copy(o, fd, path, size, &copied, e) < 0)
		return -1;
	if (copied != size || read(fd, &more, 1) != 0)
		return walk_changed(path, e);
	return out_write(o, tar_zeros, tar_padding(size), e);
}

/*
 * The contents and their padding straight into the output buffer. One byte more than announced
 * is asked for: a regular file gives less than that only at its end.
 */
static int write_small(struct out *o, int fd, const char *path, size_t size, struct err *e)
{
	size_t padding = tar_padding(size), done = 0;
	ssize_t n;
	char *room = out_reserve(o, size + TAR_BLOCK, e);
	if (!room)
		return -1;
	do {
		n = read(fd, room + done, size + 1 - done);
		if (n < 0 && errno != EINTR)
			return err_set(e, errno, "cannot read '%s'", path);
		done += n > 0 ? (size_t)n : 0;
	} while (n != 0 && done < size);
	if (done != size)
		return walk_changed(path, e);
	memset(room + size, 0, padding);
	out_commit(o, size + padding);
	return 0;
}

int filecontents_write(struct out *o, int fd, const char *path, uint64_t size, struct err *e)
{
	if (size <= SMALL)
		return write_small(o, fd, path, (size_t)size, e);
	return write_large(o, fd, path, size, e);
}
