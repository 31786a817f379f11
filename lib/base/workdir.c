/* SPDX-License-Identifier: MIT */
#include "base/workdir.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "base/num.h"

enum {
	OPEN_PLACE = O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC,
	OPEN_DIR = O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC,
	MAX_STACKED = 1000, /* mounts on one place */
	MAX_ROUNDS = 1000,  /* over what somebody makes meanwhile */
};

/* --- making --- */

static int drop_list(int dir, const char *name)
{
	if (fremovexattr(dir, name) == 0 || errno == ENODATA || errno == EOPNOTSUPP)
		return 0;
	return -1;
}

/* Gives a descriptor away. */
static int steal_fd(int *fd)
{
	int f = *fd;
	*fd = -1;
	return f;
}

/* Whether the directory is ours; sets errno where it is not. */
static bool is_ours(int dir)
{
	struct stat st;
	if (fstat(dir, &st) < 0)
		return false;
	errno = EPERM;
	return st.st_uid == geteuid();
}

static bool is_dot(const char *name)
{
	return name[0] == '.' && (!name[1] || (name[1] == '.' && !name[2]));
}

/* The next entry but . and ..; NULL with errno 0 at the end. */
static const struct dirent *next_entry(DIR *d)
{
	const struct dirent *entry;
	do {
		errno = 0;
		entry = readdir(d);
	} while (entry && is_dot(entry->d_name));
	return entry;
}

static void close_dir(DIR **d)
{
	if (*d)
		closedir(*d);
}

#define AUTO_DIR __attribute__((cleanup(close_dir)))

/* The entries of the directory, from the first one on; the descriptor stays the caller's. */
static DIR *entries(int dir)
{
	int fd = openat(dir, ".", OPEN_DIR);
	DIR *d = fd < 0 ? NULL : fdopendir(fd);
	if (!d && fd >= 0)
		close(fd);
	return d;
}

static bool is_empty(int dir)
{
	AUTO_DIR DIR *d = entries(dir);
	if (!d)
		return false;
	if (next_entry(d))
		errno = ENOTEMPTY;
	return errno == 0;
}

static int make_neutral(const char *path)
{
	AUTO_CLOSE int dir = open(path, OPEN_DIR);
	if (dir < 0 || !is_ours(dir))
		return -1;
	if (drop_list(dir, "system.posix_acl_default") < 0 ||
	    drop_list(dir, "system.posix_acl_access") < 0)
		return -1;
	return fchmod(dir, 0700) == 0 && is_empty(dir) ? 0 : -1;
}

/* The name itself would tell nobody anything. */
static int cannot_make(const char *path, struct err *e)
{
	const char *slash = strrchr(path, '/');
	int length = slash > path ? (int)(slash - path) : 1;
	return err_set(e, errno, "cannot make a temporary directory in '%.*s'", length,
		       slash ? path : ".");
}

int workdir_make(const char *path, struct err *e)
{
	if (mkdir(path, 0700) < 0)
		return cannot_make(path, e);
	if (make_neutral(path) < 0) {
		cannot_make(path, e);
		rmdir(path);
		return -1;
	}
	return 0;
}

int workdir_rename(const char *path, const char *to, struct err *e)
{
	if (rename(path, to) < 0)
		return err_set(e, errno, "cannot write '%s'", to);
	return 0;
}

/* The number after the label in the text, 0 where there is none. */
static uint64_t number_after(const char *text, const char *label)
{
	const char *value = strstr(text, label);
	struct err ignored = { 0 };
	uint64_t number = 0;
	if (!value)
		return 0;
	value += strlen(label);
	if (num_parse(value, strcspn(value, "\n"), 10, 0, UINT64_MAX, &number, &ignored) < 0)
		err_clear(&ignored);
	return number;
}

/*
 * Which mount a descriptor is on, as the kernel numbers them: a bind mount has the device of what
 * it shows. Where the kernel does not say, the device must do.
 */
static uint64_t mount_of(int fd)
{
	AUTO_FREE char *name = xasprintf("/proc/self/fdinfo/%d", fd);
	AUTO_CLOSE int info = open(name, O_RDONLY | O_CLOEXEC);
	char text[512];
	struct stat st;
	ssize_t len = info < 0 ? 0 : read(info, text, sizeof text - 1);
	text[len < 0 ? 0 : len] = '\0';
	uint64_t id = number_after(text, "\nmnt_id:\t");
	return id || fstat(fd, &st) < 0 ? id : st.st_dev;
}

/* The directory that is being emptied, and those on the way down to it. */
struct removal {
	int dir; /* the one whose names are on top of the stack */
	uint64_t mount;
	struct step *steps;
	size_t depth, steps_cap;
	struct buf names; /* a stack of directories still to be removed, each with its NUL */
	bool progress;
	struct err first; /* what stays, and why: the first of it */
};

/* How a directory was entered. */
struct step {
	dev_t dev; /* of the directory above, to which the way back must lead */
	ino_t ino;
	size_t name;  /* of the one below, in names */
	size_t names; /* where those of the one below begin */
};

static void stays(struct removal *r, const char *name)
{
	if (r->first.msg)
		return;
	if (errno == EBUSY)
		err_set(&r->first, 0, "something is mounted on '%s' in it", name);
	else
		err_set(&r->first, errno, "'%s' in it", name);
}

/* --- what is mounted --- */

static int unmount(int dir, const char *name)
{
	AUTO_FREE char *path = xasprintf("/proc/self/fd/%d/%s", dir, name);
	if (umount2(path, MNT_DETACH | UMOUNT_NOFOLLOW) == 0)
		return 0;
	errno = EBUSY;
	return -1;
}

/* Opens a directory that is on no other mount than the rest; what was mounted there goes. */
static int open_place(struct removal *r, const char *name)
{
	for (int i = 0; i < MAX_STACKED; i++) {
		AUTO_CLOSE int place = openat(r->dir, name, OPEN_PLACE);
		if (place >= 0 && mount_of(place) == r->mount)
			return steal_fd(&place);
		if (place < 0 || unmount(r->dir, name) < 0)
			return -1;
	}
	errno = EBUSY;
	return -1;
}

/* Sets errno to EISDIR for a directory. */
static int unlink_file(int dir, const char *name)
{
	int result = unlinkat(dir, name, 0);
	for (int i = 0; result < 0 && errno == EBUSY && i < MAX_STACKED; i++) {
		if (unmount(dir, name) < 0)
			return -1;
		result = unlinkat(dir, name, 0);
	}
	return result;
}

/* --- removing --- */

/* Lets us read and change a directory whose mode does not. */
static int let_in(int place)
{
	struct stat st;
	if (fstat(place, &st) < 0)
		return -1;
	if ((st.st_mode & 0700) == 0700)
		return 0;
	AUTO_FREE char *path = xasprintf("/proc/self/fd/%d", place);
	return chmod(path, 0700);
}

/* Notes what came of the removal of an entry. */
static void note(struct removal *r, const char *name, int result)
{
	if (result == 0)
		r->progress = true;
	else if (errno != ENOENT)
		stays(r, name);
}

/* Removes the files of the directory and puts its directories on the stack. */
static void remove_files(struct removal *r)
{
	AUTO_DIR DIR *d = let_in(r->dir) < 0 ? NULL : entries(r->dir);
	const struct dirent *entry;
	if (!d)
		return stays(r, ".");
	while ((entry = next_entry(d))) {
		int result = unlink_file(r->dir, entry->d_name);
		if (result < 0 && errno == EISDIR)
			buf_add(&r->names, entry->d_name, strlen(entry->d_name) + 1);
		else
			note(r, entry->d_name, result);
	}
	if (errno)
		stays(r, ".");
}

/* Steps down into a directory, whose descriptor becomes ours. */
static void go_down(struct removal *r, int place, size_t name)
{
	struct stat above;
	if (fstat(r->dir, &above) < 0) {
		stays(r, ".");
		close(place);
		return;
	}
	r->steps = mem_grow(r->steps, &r->steps_cap, r->depth + 1, sizeof *r->steps);
	r->steps[r->depth++] = (struct step){ above.st_dev, above.st_ino, name, r->names.len };
	close(r->dir);
	r->dir = place;
	remove_files(r);
}

/* Back to the directory above, from one whose names are done. */
static int go_up(struct removal *r)
{
	const struct step *s = &r->steps[r->depth - 1];
	AUTO_CLOSE int above = openat(r->dir, "..", OPEN_PLACE);
	struct stat st;
	if (above < 0 || fstat(above, &st) < 0)
		return -1;
	errno = ESTALE;
	if (st.st_dev != s->dev || st.st_ino != s->ino)
		return -1;
	close(r->dir);
	r->dir = steal_fd(&above);
	r->depth--;
	const char *name = r->names.s + s->name;
	note(r, name, unlinkat(r->dir, name, AT_REMOVEDIR));
	r->names.len = s->name;
	return 0;
}

/* The last of the names that are still to be done; where there is none, false. */
static bool last_name(const struct removal *r, size_t *name)
{
	size_t first = r->depth ? r->steps[r->depth - 1].names : 0;
	if (r->names.len == first)
		return false;
	const char *before = memrchr(r->names.s + first, '\0', r->names.len - first - 1);
	*name = before ? (size_t)(before + 1 - r->names.s) : first;
	return true;
}

/* Removes the directory whose name is last, or steps down into it. */
static void remove_dir(struct removal *r, size_t name)
{
	const char *s = r->names.s + name;
	int place = open_place(r, s);
	if (place >= 0 && unlinkat(r->dir, s, AT_REMOVEDIR) < 0)
		return go_down(r, place, name);
	note(r, s, place < 0 ? -1 : 0);
	if (place >= 0)
		close(place);
	r->names.len = name;
}

/* Goes through all that there is, once. */
static int remove_all(struct removal *r)
{
	size_t name;
	r->progress = false;
	err_clear(&r->first);
	remove_files(r);
	for (;;)
		if (last_name(r, &name))
			remove_dir(r, name);
		else if (!r->depth)
			return 0;
		else if (go_up(r) < 0)
			return -1;
}

/* Until the directory itself can go: somebody may still write into it. */
static int remove_rounds(struct removal *r, int above, const char *name)
{
	for (int i = 0; i < MAX_ROUNDS; i++) {
		if (remove_all(r) < 0)
			return -1;
		if (unlinkat(above, name, AT_REMOVEDIR) == 0)
			return 0;
		if (errno != ENOTEMPTY || !r->progress)
			return -1;
	}
	return -1;
}

static int cannot_remove(const struct removal *r, const char *path, struct err *e)
{
	if (r->first.msg)
		return err_set(e, 0, "cannot remove '%s': %s", path, r->first.msg);
	return err_set(e, errno, "cannot remove '%s'", path);
}

static void removal_end(struct removal *r)
{
	err_clear(&r->first);
	buf_free(&r->names);
	free(r->steps);
	close(r->dir);
}

#define AUTO_REMOVAL __attribute__((cleanup(removal_end)))

int workdir_remove(const char *path, struct err *e)
{
	const char *slash = strrchr(path, '/'), *name = slash ? slash + 1 : path;
	AUTO_FREE char *dir = slash ? xstrndup(path, (size_t)(slash + 1 - path)) : xstrdup(".");
	AUTO_CLOSE int above = open(dir, O_PATH | O_DIRECTORY | O_CLOEXEC);
	AUTO_REMOVAL struct removal r = { .dir = above < 0 ? -1
							   : fcntl(above, F_DUPFD_CLOEXEC, 0) };
	if (r.dir < 0)
		return errno == ENOENT ? 0 : cannot_remove(&r, path, e);
	r.mount = mount_of(above);
	int place = open_place(&r, name);
	if (place < 0)
		return errno == ENOENT ? 0 : cannot_remove(&r, path, e);
	close(r.dir);
	r.dir = place;
	if (!is_ours(place) || remove_rounds(&r, above, name) < 0)
		return cannot_remove(&r, path, e);
	return 0;
}
