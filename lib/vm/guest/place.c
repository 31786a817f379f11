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

static int make_node(const struct node *n, bool bind, struct err *e)
{
	AUTO_FREE char *path = xasprintf("%s/%s", "." PLACE_DEV, n->name);
	AUTO_FREE char *host = xasprintf("/dev/%s", n->name);
	int made = mknod(path, (bind ? S_IFREG : S_IFCHR) | 0666,
			 bind ? 0 : makedev(n->major, n->minor));
	if (made < 0 || (bind && mount(host, path, NULL, MS_BIND, NULL) < 0))
		return err_set(e, errno, "cannot make '%s'", host);
	return 0;
}

static int make_dev(bool bind, struct err *e)
{
	if (mount("tmpfs", "." PLACE_DEV, "tmpfs", MS_NOSUID, "mode=755,size=1m") < 0 ||
	    mkdir("." PLACE_DEV "/pts", 0755) < 0 || mkdir("." PLACE_DEV "/shm", 01777) < 0 ||
	    mount("devpts", "." PLACE_DEV "/pts", "devpts", MS_NOSUID | MS_NOEXEC,
		  "newinstance,ptmxmode=0666,mode=0620") < 0 ||
	    mount("tmpfs", "." PLACE_DEV "/shm", "tmpfs", MS_NOSUID | MS_NODEV, "mode=1777") < 0)
		return err_set(e, errno, "cannot make /dev");
	for (size_t i = 0; i < sizeof nodes / sizeof *nodes; i++)
		if (make_node(&nodes[i], bind, e) < 0)
			return -1;
	for (size_t i = 0; i < sizeof links / sizeof *links; i++) {
		AUTO_FREE char *path = xasprintf("%s/%s", "." PLACE_DEV, links[i].name);
		if (symlink(links[i].target, path) < 0)
			return err_set(e, errno, "cannot make '/dev/%s'", links[i].name);
	}
	return 0;
}

int place_make(bool bind, struct err *e)
{
	static const char *const dirs[] = { PLACE_DEV,  PLACE_LOWER,  PLACE_UPPER,
					    PLACE_WORK, PLACE_MERGED, PLACE_MOUNTS };
	umask(0);
	for (size_t i = 0; i < sizeof dirs / sizeof *dirs; i++) {
		AUTO_FREE char *path = xasprintf(".%s", dirs[i]);
		if (mkdir(path, 0755) < 0)
			return err_set(e, errno, "cannot make '%s'", dirs[i]);
	}
	return make_dev(bind, e);
}
