/* SPDX-License-Identifier: MIT */
#include "mounts.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "below.h"
#include "overlay.h"
#include "unpack.h"

/* --- places to mount on --- */

static void keep(struct helpers *h, const char *path, size_t len)
{
	h->paths = mem_grow(h->paths, &h->cap, h->n + 1, sizeof *h->paths);
	h->paths[h->n++] = xstrndup(path, len);
}

/* The last part of a path: a directory, or an empty file. */
static bool make_last(int dir, const char *name, bool is_dir, mode_t mode)
{
	if (is_dir)
		return mkdirat(dir, name, 0755) == 0 && fchmodat(dir, name, mode, 0) == 0;
	AUTO_CLOSE int fd = openat(dir, name, O_CREAT | O_EXCL | O_WRONLY | O_CLOEXEC, 0644);
	return fd >= 0;
}

/* The same directory in the lower layers and among the places; -1 where there is none. */
struct pair {
	int lower, places;
};

static void leave(struct pair *p)
{
	if (p->lower >= 0)
		close(p->lower);
	if (p->places >= 0)
		close(p->places);
}

/* A directory that is over one of the lower layers must look like it. */
static bool copy_time(const struct pair *p)
{
	struct stat st;
	if (p->lower < 0)
		return true;
	return fstat(p->lower, &st) == 0 &&
	       futimens(p->places, (struct timespec[]){ st.st_mtim, st.st_mtim }) == 0;
}

static bool look_alike(const struct pair *p)
{
	struct err e = { 0 };
	bool done = unpack_like(p->lower, p->places, &e) == 0;
	err_clear(&e);
	return done && copy_time(p);
}

/* Goes into a directory of the path, which is made if it is missing: then *made. */
static bool go_down(struct pair *p, const char *name, bool *made)
{
	struct pair next = { -1, -1 };
	bool new = mkdirat(p->places, name, 0755) == 0;
	if (p->lower >= 0)
		next.lower = below_dir(p->lower, name);
	bool is_lower = next.lower >= 0, missing = !is_lower && (p->lower < 0 || errno == ENOENT);
	next.places = below_dir(p->places, name);
	bool fits = next.places >= 0 && (missing || (is_lower && (!new || look_alike(&next))));
	if (new && !fits)
		unlinkat(p->places, name, AT_REMOVEDIR);
	fits = copy_time(p) && fits;
	leave(p);
	*p = next;
	*made = new &&missing;
	return fits;
}

/* Makes what is missing of the path. Where a link is on the way, nothing: it may lead to it. */
static void make_place(struct helpers *h, const char *path, bool is_dir, mode_t mode)
{
	struct pair at = { open(PLACE_LOWER, O_RDONLY | O_DIRECTORY | O_CLOEXEC),
			   open(PLACE_PLACES, O_RDONLY | O_DIRECTORY | O_CLOEXEC) };
	const char *p = path + strspn(path, "/"), *start = p;
	struct stat st;
	bool goes_on = at.lower >= 0 && at.places >= 0;
	while (goes_on && *p) {
		size_t len = strcspn(p, "/");
		AUTO_FREE char *name = xstrndup(p, len);
		bool made;
		p += len;
		const char *rest = p + strspn(p, "/");
		goes_on = *rest;
		if (*rest)
			goes_on = go_down(&at, name, &made);
		else
			made = (at.lower < 0 ||
				fstatat(at.lower, name, &st, AT_SYMLINK_NOFOLLOW) < 0) &&
			       make_last(at.places, name, is_dir, mode) && copy_time(&at);
		if (made)
			keep(h, start, (size_t)(p - start));
		p = rest;
	}
	leave(&at);
}

static int is_dir(int mount, bool *dir, struct err *e)
{
	struct stat st;
	if (fstat(mount, &st) < 0)
		return err_set(e, errno, "cannot look at a mount");
	*dir = S_ISDIR(st.st_mode);
	return 0;
}

int mounts_prepare(const struct job *j, const struct place *p, struct helpers *h, struct err *e)
{
	static const char *const dirs[] = { "/dev", "/proc", "/sys" };
	for (size_t i = 0; i < sizeof dirs / sizeof *dirs; i++)
		make_place(h, dirs[i], true, 0755);
	make_place(h, "/tmp", true, 01777);
	for (size_t i = 0; i < p->nmounts; i++) {
		bool dir = true;
		if (is_dir(p->mounts[i], &dir, e) < 0)
			return -1;
		make_place(h, j->mounts.list[2 * i + 1], dir, 0755);
	}
	return 0;
}

static void forget(int upper, const char *path)
{
	const char *slash = strrchr(path, '/'), *name = slash ? slash + 1 : path;
	AUTO_FREE char *parent = xstrndup(path, slash ? (size_t)(slash - path) : 0);
	AUTO_CLOSE int dir = below_dir(upper, parent);
	struct stat st;
	if (dir < 0 || fstatat(dir, name, &st, AT_SYMLINK_NOFOLLOW) < 0)
		return;
	/* a directory goes only if it is empty, which is what is wanted */
	if (S_ISDIR(st.st_mode) || overlay_is_whiteout(&st))
		unlinkat(dir, name, S_ISDIR(st.st_mode) ? AT_REMOVEDIR : 0);
}

void mounts_forget(const struct helpers *h)
{
	AUTO_CLOSE int upper = open(PLACE_UPPER, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	for (size_t i = h->n; upper >= 0 && i-- > 0;)
		forget(upper, h->paths[i]);
}

/* --- mounting --- */

static int mount_overlay(const struct place *p, struct err *e)
{
	/*
	 * What a layer can say: no redirects, no metadata alone, no marks on new directories. All
	 * seems one file system, whatever disk it lies on.
	 */
	AUTO_FREE char *options = xasprintf(
		"lowerdir=%s:%s,upperdir=%s,workdir=%s,"
		"redirect_dir=nofollow,index=off,metacopy=off,xino=auto%s",
		PLACE_PLACES, PLACE_LOWER, PLACE_UPPER, PLACE_WORK, p->userns ? ",userxattr" : "");
	if (mount("overlay", PLACE_MERGED, "overlay", 0, options) < 0)
		return err_set(e, errno, "cannot mount an overlay file system");
	return 0;
}

static int attach(int root, int mount, const char *path, struct err *e)
{
	AUTO_CLOSE int place = below_place(root, path);
	if (place < 0 ||
	    move_mount(mount, "", place, "", MOVE_MOUNT_F_EMPTY_PATH | MOVE_MOUNT_T_EMPTY_PATH) < 0)
		return err_set(e, errno, "cannot mount on '%s' of the image", path);
	return 0;
}

/* A new file system of that type; -1 in errno. */
static int new_mount(const char *type)
{
	AUTO_CLOSE int fs = fsopen(type, FSOPEN_CLOEXEC);
	if (fs < 0 || fsconfig(fs, FSCONFIG_CMD_CREATE, NULL, NULL, 0) < 0)
		return -1;
	return fsmount(fs, FSMOUNT_CLOEXEC,
		       MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV | MOUNT_ATTR_NOEXEC);
}

static int attach_new(int root, const char *type, const char *path, bool needed, struct err *e)
{
	AUTO_CLOSE int mount = new_mount(type);
	if (mount < 0)
		return needed ? err_set(e, errno, "cannot mount a new '%s'", type) : 0;
	return attach(root, mount, path, e);
}

static int attach_all(const struct job *j, const struct place *p, int root, struct err *e)
{
	AUTO_CLOSE int dev = -1;
	if (place_clone(PLACE_DEV, false, &dev, e) < 0 || attach(root, dev, "/dev", e) < 0)
		return -1;
	/* in a container /sys can be out of reach; scripts seldom miss it */
	if (attach_new(root, "proc", "/proc", true, e) < 0 ||
	    attach_new(root, "sysfs", "/sys", !p->userns, e) < 0)
		return -1;
	for (size_t i = 0; i < p->nmounts; i++)
		if (attach(root, p->mounts[i], j->mounts.list[2 * i + 1], e) < 0)
			return -1;
	return 0;
}

int mounts_enter(const struct job *j, const struct place *p, struct err *e)
{
	if (mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0)
		return err_set(e, errno, "cannot keep mounts private");
	if (mount_overlay(p, e) < 0)
		return -1;
	AUTO_CLOSE int root = open(PLACE_MERGED, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (root < 0)
		return err_set(e, errno, "cannot open '%s'", PLACE_MERGED);
	if (attach_all(j, p, root, e) < 0)
		return -1;
	/* the old root comes to lie on the new one, and goes */
	if (fchdir(root) < 0 || syscall(SYS_pivot_root, ".", ".") < 0 ||
	    umount2(".", MNT_DETACH) < 0 || chdir("/") < 0)
		return err_set(e, errno, "cannot change the root directory");
	return 0;
}
