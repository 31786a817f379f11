/* SPDX-License-Identifier: MIT */
#include "vm/guest/mounts.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "tar/overlay.h"
#include "vm/guest/below.h"

/* What the upper directory has under a path, no link followed; *dir is where it lies, or -1. */
static bool find(int upper, const char *path, int *dir, const char **name, struct stat *st)
{
	const char *slash = strrchr(path, '/');
	AUTO_FREE char *parent = xstrndup(path, slash ? (size_t)(slash - path) : 0);
	*name = slash ? slash + 1 : path;
	*dir = below_dir(upper, parent);
	return *dir >= 0 && fstatat(*dir, *name, st, AT_SYMLINK_NOFOLLOW) == 0;
}

static bool has(int upper, const char *path)
{
	AUTO_CLOSE int dir = -1;
	const char *name;
	struct stat st;
	return find(upper, path, &dir, &name, &st);
}

void mounts_keep(struct job *j, int upper)
{
	struct job_strings *places = &j->places;
	size_t n = places->n;
	places->n = 0;
	for (size_t i = 0; i < n; i++)
		if (has(upper, places->list[i]))
			free(places->list[i]);
		else
			places->list[places->n++] = places->list[i];
}

static void forget(int upper, const char *path)
{
	AUTO_CLOSE int dir = -1;
	const char *name;
	struct stat st;
	if (!find(upper, path, &dir, &name, &st))
		return;
	/* a directory goes only if it is empty, which is what is wanted */
	if (S_ISDIR(st.st_mode) || overlay_is_whiteout(&st))
		unlinkat(dir, name, S_ISDIR(st.st_mode) ? AT_REMOVEDIR : 0);
}

void mounts_forget(const struct job *j, int upper)
{
	for (size_t i = j->places.n; i-- > 0;)
		forget(upper, j->places.list[i]);
}

static int mount_overlay(const struct place *p, struct err *e)
{
	/*
	 * What a layer can say: no redirects, no metadata alone, no marks on new directories. All
	 * seems one file system, whatever disk it lies on.
	 */
	AUTO_FREE char *options =
		xasprintf("lowerdir=%s,upperdir=%s,workdir=%s,"
			  "redirect_dir=nofollow,index=off,metacopy=off,xino=auto%s",
			  PLACE_LOWER, PLACE_UPPER, PLACE_WORK, p->userns ? ",userxattr" : "");
	if (mount("overlay", PLACE_MERGED, "overlay", 0, options) < 0)
		return err_set(e, errno, "cannot mount an overlay file system");
	return 0;
}

static int attach(int root, int mount, const char *path, struct err *e)
{
	AUTO_CLOSE int place = below_place(root, path);
	if (place >= 0 && move_mount(mount, "", place, "",
				     MOVE_MOUNT_F_EMPTY_PATH | MOVE_MOUNT_T_EMPTY_PATH) == 0)
		return 0;
	if (place >= 0 && errno == EINVAL)
		return err_set(e, 0,
			       "cannot mount on '%s' of the image: a directory needs a directory, "
			       "a file a file",
			       path);
	return err_set(e, errno, "cannot mount on '%s' of the image", path);
}

static int attach_new(int root, const char *type, const char *path, bool needed, struct err *e)
{
	AUTO_CLOSE int mount = place_new(type);
	if (mount < 0)
		return needed ? err_set(e, errno, "cannot mount a new '%s'", type) : 0;
	return attach(root, mount, path, e);
}

static int attach_all(const struct job *j, const struct place *p, int root, struct err *e)
{
	AUTO_CLOSE int dev = -1;
	if (place_make_dev(p->userns, e) < 0 || place_clone(PLACE_DEV, false, &dev, e) < 0 ||
	    attach(root, dev, "/dev", e) < 0)
		return -1;
	/* in a container /sys can be out of reach; scripts seldom miss it */
	if (attach_new(root, "proc", "/proc", true, e) < 0 ||
	    attach_new(root, "sysfs", "/sys", !p->userns, e) < 0)
		return -1;
	for (size_t i = 0; i < j->mounts.n / 2; i++) {
		AUTO_FREE char *path = place_mount(i);
		AUTO_CLOSE int mount = -1;
		if (place_clone(path, true, &mount, e) < 0 ||
		    attach(root, mount, j->mounts.list[2 * i + 1], e) < 0)
			return -1;
	}
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
