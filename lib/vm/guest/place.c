/* SPDX-License-Identifier: MIT */
#include "vm/guest/place.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

static const struct node {
	const char *name;
	unsigned major, minor;
} nodes[] = { { "null", 1, 3 }, { "zero", 1, 5 },   { "full", 1, 7 },
	      { "tty", 5, 0 },  { "random", 1, 8 }, { "urandom", 1, 9 } };
enum { NODES = sizeof nodes / sizeof *nodes };

static const struct {
	const char *name, *target;
} links[] = { { "fd", "/proc/self/fd" },
	      { "stdin", "/proc/self/fd/0" },
	      { "stdout", "/proc/self/fd/1" },
	      { "stderr", "/proc/self/fd/2" },
	      { "ptmx", "pts/ptmx" } };

int place_clone(const char *path, bool read_only, int *mount, struct err *e)
{
	struct mount_attr attr = { .attr_set = MOUNT_ATTR_RDONLY };
	AUTO_CLOSE int fd =
		open_tree(AT_FDCWD, path, OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC | AT_RECURSIVE);
	if (fd < 0 || (read_only &&
		       mount_setattr(fd, "", AT_EMPTY_PATH | AT_RECURSIVE, &attr, sizeof attr) < 0))
		return err_set(e, errno, "cannot mount '%s'", path);
	*mount = fd;
	fd = -1;
	return 0;
}

int place_new(const char *type)
{
	AUTO_CLOSE int fs = fsopen(type, FSOPEN_CLOEXEC);
	if (fs < 0 || fsconfig(fs, FSCONFIG_CMD_CREATE, NULL, NULL, 0) < 0)
		return -1;
	return fsmount(fs, FSMOUNT_CLOEXEC,
		       MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV | MOUNT_ATTR_NOEXEC);
}

int place_put(int mount, const char *path, struct err *e)
{
	struct stat st;
	if (fstat(mount, &st) < 0 ||
	    (S_ISDIR(st.st_mode) ? mkdir(path, 0755) : mknod(path, S_IFREG | 0644, 0)) < 0 ||
	    move_mount(mount, "", AT_FDCWD, path, MOVE_MOUNT_F_EMPTY_PATH) < 0)
		return err_set(e, errno, "cannot mount on '%s'", path);
	return 0;
}

char *place_mount(size_t n)
{
	return xasprintf("%s/%zu/mount", PLACE_MOUNTS, n);
}

int place_take_nodes(struct err *e)
{
	for (size_t i = 0; i < NODES; i++) {
		AUTO_FREE char *host = xasprintf("/dev/%s", nodes[i].name);
		AUTO_FREE char *path = xasprintf(".%s/%s", PLACE_NODES, nodes[i].name);
		AUTO_CLOSE int mount = -1;
		if (place_clone(host, true, &mount, e) < 0 || place_put(mount, path, e) < 0)
			return -1;
	}
	return 0;
}

static int make_node(const struct node *n, bool taken, struct err *e)
{
	AUTO_FREE char *path = xasprintf("%s/%s", PLACE_DEV, n->name);
	AUTO_FREE char *node = xasprintf("%s/%s", PLACE_NODES, n->name);
	int made = mknod(path, (taken ? S_IFREG : S_IFCHR) | 0666,
			 taken ? 0 : makedev(n->major, n->minor));
	if (made < 0 || (taken && mount(node, path, NULL, MS_BIND, NULL) < 0))
		return err_set(e, errno, "cannot make '%s'", path);
	return 0;
}

int place_make_dev(bool taken, struct err *e)
{
	if (mount("tmpfs", PLACE_DEV, "tmpfs", MS_NOSUID, "mode=755,size=1m") < 0 ||
	    mkdir(PLACE_DEV "/pts", 0755) < 0 || mkdir(PLACE_DEV "/shm", 01777) < 0 ||
	    mount("devpts", PLACE_DEV "/pts", "devpts", MS_NOSUID | MS_NOEXEC,
		  "newinstance,ptmxmode=0666,mode=0620") < 0 ||
	    mount("tmpfs", PLACE_DEV "/shm", "tmpfs", MS_NOSUID | MS_NODEV, "mode=1777") < 0)
		return err_set(e, errno, "cannot make /dev");
	for (size_t i = 0; i < NODES; i++)
		if (make_node(&nodes[i], taken, e) < 0)
			return -1;
	for (size_t i = 0; i < sizeof links / sizeof *links; i++) {
		AUTO_FREE char *path = xasprintf("%s/%s", PLACE_DEV, links[i].name);
		if (symlink(links[i].target, path) < 0)
			return err_set(e, errno, "cannot make '%s'", path);
	}
	return 0;
}

int place_make(struct err *e)
{
	static const char *const dirs[] = { PLACE_DEV,    PLACE_LOWER,  PLACE_UPPER, PLACE_WORK,
					    PLACE_MERGED, PLACE_MOUNTS, PLACE_NODES };
	umask(0);
	for (size_t i = 0; i < sizeof dirs / sizeof *dirs; i++) {
		AUTO_FREE char *path = xasprintf(".%s", dirs[i]);
		if (mkdir(path, 0755) < 0)
			return err_set(e, errno, "cannot make '%s'", dirs[i]);
	}
	return 0;
}
