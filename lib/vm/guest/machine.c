/* SPDX-License-Identifier: MIT */
#include "vm/guest/machine.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "tar/walk.h"
#include "vm/guestproto.h"

enum { NAME_MAX_LEN = 64, WAIT_TRIES = 500, WAIT_STEP = 10000 /* microseconds */ };

static int mount_system(struct err *e)
{
	if (mkdir("/proc", 0755) < 0 || mkdir("/sys", 0755) < 0 ||
	    mount("proc", "/proc", "proc", 0, NULL) < 0 ||
	    mount("sysfs", "/sys", "sysfs", 0, NULL) < 0 ||
	    mount("devtmpfs", "/dev", "devtmpfs", 0, NULL) < 0)
		return err_set(e, errno, "cannot mount /proc, /sys and /dev");
	return 0;
}

static int load_module(int dir, const char *name, struct err *e)
{
	AUTO_CLOSE int fd = openat(dir, name, O_RDONLY | O_CLOEXEC);
	if (fd < 0 || (syscall(SYS_finit_module, fd, "", 0) < 0 && errno != EEXIST))
		return err_set(e, errno, "cannot load module '%s'", name);
	return 0;
}

static int load_modules(struct err *e)
{
	AUTO_WALK struct walk *w = walk_new();
	const struct walk_entry *entry;
	walk_bytewise(w);
	if (walk_start(w, AT_FDCWD, GUEST_MODULES, GUEST_MODULES, e) < 0)
		return -1;
	do {
		if (walk_next(w, &entry, e) < 0)
			return -1;
		if (entry && entry->depth && load_module(entry->dir, entry->name, e) < 0)
			return -1;
	} while (entry);
	return 0;
}

/*
 * The device node for which /sys/class/CLASS/NODE/FILE holds the text; NULL:
 * there is none. Free it.
 */
static char *find_device(const char *class, const char *file, const char *text)
{
	AUTO_FREE char *dir = xasprintf("/sys/class/%s", class);
	DIR *d = opendir(dir);
	char *found = NULL;
	const struct dirent *entry;
	while (d && !found && (entry = readdir(d))) {
		char value[NAME_MAX_LEN] = "";
		AUTO_FREE char *path = xasprintf("%s/%s/%s", dir, entry->d_name, file);
		AUTO_CLOSE int fd = open(path, O_RDONLY | O_CLOEXEC);
		if (fd < 0 || read(fd, value, sizeof value - 1) <= 0)
			continue;
		value[strcspn(value, "\n")] = '\0';
		if (strcmp(value, text) == 0)
			found = xasprintf("/dev/%s", entry->d_name);
	}
	if (d)
		closedir(d);
	return found;
}

/* Devices come up by and by. */
static int open_device(const char *class, const char *file, const char *text, int flags, int *fd,
		       struct err *e)
{
	for (int i = 0; i < WAIT_TRIES; i++) {
		AUTO_FREE char *path = find_device(class, file, text);
		if (path && (*fd = open(path, flags | O_CLOEXEC)) >= 0)
			return 0;
		usleep(WAIT_STEP);
	}
	return err_set(e, 0, "the machine has no device '%s'", text);
}

static int open_port(const char *name, int *fd, struct err *e)
{
	return open_device("virtio-ports", "name", name, O_WRONLY, fd, e);
}

int machine_boot(struct channels *c, struct err *e)
{
	if (mount_system(e) < 0 || load_modules(e) < 0 ||
	    open_port(GUEST_CONTROL, &c->control, e) < 0)
		return -1;
	channel_say(c, "boot");
	if (open_port(GUEST_LOG, &c->log, e) < 0 || open_port(GUEST_RESULT, &c->result, e) < 0)
		return -1;
	return open_device("block", "serial", GUEST_DISK_JOB, O_RDONLY, &c->job, e);
}

static int mount_disk(const char *serial, const char *dir, const char *type, unsigned long flags,
		      struct err *e)
{
	AUTO_FREE char *disk = find_device("block", "serial", serial);
	if (!disk)
		return err_set(e, 0, "the machine has no device '%s'", serial);
	if (mount(disk, dir, type, flags, NULL) < 0)
		return err_set(e, errno, "cannot mount the disk '%s'", serial);
	return 0;
}

int machine_enter(struct place *p, struct err *e)
{
	p->opaque = "trusted.overlay.opaque";
	if (mkdir("/disk", 0755) < 0)
		return err_set(e, errno, "cannot make '/disk'");
	if (mount_disk(GUEST_DISK_WORK, "/disk", "ext4", MS_NOATIME, e) < 0)
		return -1;
	if (chdir("/disk") < 0 || (rmdir("lost+found") < 0 && errno != ENOENT))
		return err_set(e, errno, "cannot use the working disk");
	if (place_make(e) < 0 ||
	    mount_disk(GUEST_DISK_BASE, "." PLACE_LOWER, "erofs", MS_RDONLY, e) < 0)
		return -1;
	if (mount(".", "/", NULL, MS_MOVE, NULL) < 0 || chroot(".") < 0 || chdir("/") < 0)
		return err_set(e, errno, "cannot change the root directory");
	return 0;
}

void machine_end(const struct channels *c)
{
	while (c->control >= 0)
		pause();
	_exit(1); /* the kernel panics, which ends the machine */
}
