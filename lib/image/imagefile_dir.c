/* SPDX-License-Identifier: MIT */
#include "image/imagefile_dir.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "image/imagefile_path.h"

/* What is there of that name in the directory, without opening it for reading. */
static int peek(int dir, const char *name, const char *path, int *fd, mode_t *kind, struct err *e)
{
	struct stat st;
	AUTO_CLOSE int f = openat(dir, name, O_PATH | O_NOFOLLOW | O_CLOEXEC);
	if (f < 0 && (errno == ENOENT || errno == ENOTDIR))
		return err_set(e, 0, "no member '%s'", path);
	if (f < 0 || fstat(f, &st) < 0)
		return err_set(e, errno, "cannot open '%s'", path);
	*fd = f;
	*kind = st.st_mode & S_IFMT;
	f = -1;
	return 0;
}

static int not_followed(const char *path, size_t len, struct err *e)
{
	return err_set(e, 0, "'%.*s' is a symbolic link, which is not followed", (int)len, path);
}

/* Opens the directory that the first component of name, up to slash, is in dir. */
static int descend(int dir, const char *name, const char *slash, const char *path, int *next,
		   struct err *e)
{
	AUTO_FREE char *component = xstrndup(name, (size_t)(slash - name));
	AUTO_CLOSE int fd = -1;
	mode_t kind = 0;
	if (peek(dir, component, path, &fd, &kind, e) < 0)
		return -1;
	if (kind == S_IFLNK)
		return not_followed(path, (size_t)(slash - path), e);
	*next = fd;
	fd = -1;
	return 0;
}

/* Goes from directory to directory to the last one; *last is the name in it. */
static int open_parent(int dir, const char *path, int *parent, const char **last, struct err *e)
{
	AUTO_CLOSE int at = fcntl(dir, F_DUPFD_CLOEXEC, 3);
	const char *name = path, *slash;
	if (at < 0)
		return err_set(e, errno, "cannot open '%s'", path);
	for (; (slash = strchr(name, '/')); name = slash + 1) {
		int next = -1;
		if (descend(at, name, slash, path, &next, e) < 0)
			return -1;
		close(at);
		at = next;
	}
	*parent = at;
	*last = name;
	at = -1;
	return 0;
}

static int look(const struct imagefile_dir *d, const char *path, int *parent, const char **last,
		mode_t *kind, struct err *e)
{
	AUTO_CLOSE int dir = -1, fd = -1;
	const char *name = "";
	if (open_parent(d->fd, path, &dir, &name, e) < 0 ||
	    peek(dir, *name ? name : ".", path, &fd, kind, e) < 0)
		return -1;
	*parent = dir;
	*last = name;
	dir = -1;
	return 0;
}

bool imagefile_dir_has(const struct imagefile_dir *d, const char *name)
{
	struct err ignored = { 0 };
	AUTO_BUF struct buf path = { 0 };
	AUTO_CLOSE int parent = -1;
	const char *last;
	mode_t kind;
	bool there = imagefile_path_set(&path, name, &ignored) == 0 &&
		     look(d, path.s, &parent, &last, &kind, &ignored) == 0;
	err_clear(&ignored);
	return there;
}

static int open_file(const struct imagefile_dir *d, const char *path, int *fd, struct stat *st,
		     struct err *e)
{
	AUTO_CLOSE int parent = -1, f = -1;
	const char *last;
	mode_t kind = 0;
	if (look(d, path, &parent, &last, &kind, e) < 0)
		return -1;
	if (kind == S_IFLNK)
		return not_followed(path, strlen(path), e);
	if (kind != S_IFREG)
		return err_set(e, 0, "'%s' is no regular file", path);
	f = openat(parent, last, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
	if (f < 0 || fstat(f, st) < 0)
		return err_set(e, errno, "cannot open '%s'", path);
	if (!S_ISREG(st->st_mode))
		return err_set(e, 0, "'%s' changed while it was read", path);
	*fd = f;
	f = -1;
	return 0;
}

int imagefile_dir_find(struct imagefile_dir *d, const char *name, uint32_t *number, struct err *e)
{
	AUTO_BUF struct buf path = { 0 };
	struct stat st;
	int fd = -1;
	if (imagefile_path_set(&path, name, e) < 0)
		return -1;
	uint32_t known = intern_find(&d->names, path.s, path.len);
	if (known == INTERN_NONE) {
		if (open_file(d, path.s, &fd, &st, e) < 0)
			return -1;
		known = intern_add(&d->names, path.s, path.len);
		d->files = mem_grow(d->files, &d->cap, d->names.n, sizeof *d->files);
		d->files[known] = (struct imagefile_dir_file){ fd, (uint64_t)st.st_size };
	}
	*number = known;
	return 0;
}

void imagefile_dir_free(struct imagefile_dir *d)
{
	for (uint32_t i = 0; i < d->names.n; i++)
		close(d->files[i].fd);
	intern_free(&d->names);
	free(d->files);
}
