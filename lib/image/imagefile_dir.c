/* SPDX-License-Identifier: MIT */
#include "image/imagefile_dir.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/digest.h"
#include "base/within.h"
#include "image/imagefile_path.h"

static const char store[] = "/nix/store/";

enum { LINKS_MAX = 40, LOOK = O_PATH | O_CLOEXEC };

/* Whether a file's name is its digest: its bytes are checked, wherever they come from. */
static bool is_blob(const char *path)
{
	const char *slash = strrchr(path, '/'), *name = slash ? slash + 1 : path;
	return digest_is_hex(name, strlen(name));
}

/* What links out of the directory lead to in the store, by links in there, too. */
static int look_in_store(int dir, const char *path)
{
	AUTO_WITHIN_PLACE struct within_place place = { 0 };
	int fd = within_find(dir, path, LOOK, WITHIN_BENEATH, &place);
	for (int n = 0; fd < 0 && errno == EXDEV && n < LINKS_MAX; n++) {
		AUTO_CLOSE int top = -1;
		if (strncmp(place.rest.s, store, sizeof store - 1) != 0)
			break;
		AUTO_FREE char *rest = xstrdup(place.rest.s + sizeof store - 1);
		top = open(store, O_PATH | O_DIRECTORY | O_CLOEXEC);
		if (top < 0)
			return -1;
		fd = within_find(top, rest, LOOK, WITHIN_BENEATH, &place);
	}
	return fd;
}

/* What is there, without opening it for reading. */
static int look(int dir, const char *path, int *fd, mode_t *kind, struct err *e)
{
	struct stat st;
	AUTO_CLOSE int f = within_find(dir, *path ? path : ".", LOOK, WITHIN_BENEATH, NULL);
	if (f < 0 && errno == EXDEV)
		f = is_blob(path) ? openat(dir, path, LOOK) : look_in_store(dir, path);
	if (f < 0 && (errno == ENOENT || errno == ENOTDIR))
		return err_set(e, 0, "no member '%s'", path);
	if (f < 0 && errno == EXDEV)
		return err_set(
			e, 0, "'%s' is a symbolic link out of the directory, which is not followed",
			path);
	if (f < 0 || fstat(f, &st) < 0)
		return err_set(e, errno, "cannot open '%s'", path);
	*fd = f;
	*kind = st.st_mode & S_IFMT;
	f = -1;
	return 0;
}

bool imagefile_dir_has(const struct imagefile_dir *d, const char *name)
{
	struct err ignored = { 0 };
	AUTO_BUF struct buf path = { 0 };
	struct stat st;
	bool there = imagefile_path_set(&path, name, &ignored) == 0 &&
		     fstatat(d->fd, *path.s ? path.s : ".", &st, AT_SYMLINK_NOFOLLOW) == 0;
	err_clear(&ignored);
	return there;
}

static int open_file(const struct imagefile_dir *d, const char *path, int *fd, struct stat *st,
		     struct err *e)
{
	AUTO_CLOSE int there = -1, f = -1;
	mode_t kind = 0;
	if (look(d->fd, path, &there, &kind, e) < 0)
		return -1;
	if (kind != S_IFREG)
		return err_set(e, 0, "'%s' is no regular file", path);
	AUTO_FREE char *self = xasprintf("/proc/self/fd/%d", there);
	f = open(self, O_RDONLY | O_CLOEXEC);
	if (f < 0 || fstat(f, st) < 0)
		return err_set(e, errno, "cannot open '%s'", path);
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
