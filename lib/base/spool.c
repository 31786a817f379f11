/* SPDX-License-Identifier: MIT */
#include "base/spool.h"

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

static const char *directory(void)
{
	const char *dir = getenv("TMPDIR");
	return dir && *dir ? dir : "/tmp";
}

static int failed(const char *what, struct err *e)
{
	err_set(e, errno, "cannot %s a temporary file in '%s'", what, directory());
	return e->code == ENOSPC ? err_set(e, ENOSPC,
					   "cannot %s a temporary file in '%s' (TMPDIR can name "
					   "another directory)",
					   what, directory())
				 : -1;
}

/* For file systems that cannot make a file without a name. */
static int create_and_unlink(void)
{
	AUTO_FREE char *name = xasprintf("%s/layerpipe-XXXXXX", directory());
	int fd = mkostemp(name, O_CLOEXEC);
	if (fd >= 0)
		unlink(name);
	return fd;
}

int spool_open(int *fd, struct err *e)
{
	int f = open(directory(), O_TMPFILE | O_RDWR | O_CLOEXEC | O_EXCL, 0600);
	if (f < 0)
		f = create_and_unlink();
	if (f < 0)
		return failed("create", e);
	*fd = f;
	return 0;
}

int spool_full(struct err *e)
{
	if (e->code != ENOSPC)
		return -1;
	errno = ENOSPC;
	return failed("write", e);
}

int spool_write(int fd, const void *data, size_t len, struct err *e)
{
	return out_write_fd(fd, data, len) < 0 ? failed("write", e) : 0;
}

int spool_copy(int fd, uint64_t offset, uint64_t size, struct out *o, struct err *e)
{
	static const char name[] = "a temporary file";
	uint64_t copied = 0;
	if (lseek(fd, (off_t)offset, SEEK_SET) < 0)
		return failed("read", e);
	if (out_copy(o, fd, name, size, &copied, e) < 0)
		return -1;
	return copied == size ? 0 : err_set(e, 0, "%s was cut short", name);
}

int spool_rewind(int fd, struct err *e)
{
	return lseek(fd, 0, SEEK_SET) < 0 ? failed("read", e) : 0;
}

int spool_open_reader(int fd, int *reader, struct err *e)
{
	AUTO_FREE char *path = xasprintf("/proc/self/fd/%d", fd);
	int f = open(path, O_RDONLY | O_CLOEXEC);
	if (f < 0)
		return failed("read", e);
	*reader = f;
	return 0;
}

int spool_read(int fd, void *data, size_t len, size_t *got, struct err *e)
{
	ssize_t n;
	do
		n = read(fd, data, len);
	while (n < 0 && errno == EINTR);
	if (n < 0)
		return failed("read", e);
	*got = (size_t)n;
	return 0;
}
