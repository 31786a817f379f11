/* SPDX-License-Identifier: MIT */
#include "vm/guest/userns.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdbool.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "base/out.h"
#include "vm/guestproto.h"

/* Over which directory of the host the new root lies for a moment. */
#define FOOTHOLD "/tmp"

/* Processes of one script: a fork bomb shall not take the host down. */
enum { PROCESSES = 4096 };

/* Bytes of a map of users, of which usermap.h makes two lines at most. */
enum { MAP_MAX = 512 };

void userns_channels(struct channels *c)
{
	*c = (struct channels){ .job = GUEST_FD_JOB,
				.control = GUEST_FD_CONTROL,
				.log = GUEST_FD_LOG,
				.result = GUEST_FD_RESULT };
	for (int fd = GUEST_FD_JOB; fd <= GUEST_FD_RESULT; fd++)
		(void)fcntl(fd, F_SETFD, FD_CLOEXEC);
}

/*
 * Mounts what came along. As its mounts belong to this user namespace, a script
 * in another one can neither write through them nor change that.
 */
static int put_mounts(const struct job *j, struct err *e)
{
	for (size_t i = 0; i < j->mounts.n / 2; i++) {
		AUTO_CLOSE int fd = GUEST_FD_MOUNTS + (int)i;
		AUTO_FREE char *dir = xasprintf(".%s/%zu", PLACE_MOUNTS, i);
		AUTO_FREE char *path = place_mount(i);
		AUTO_FREE char *here = xasprintf(".%s", path);
		if (mkdir(dir, 0755) < 0)
			return err_set(e, errno, "cannot make '%s'", dir);
		if (place_put(fd, here, e) < 0)
			return -1;
	}
	return 0;
}

/* A kernel that is asked says first that the name is too short. */
static bool is_filtered(void)
{
	return lsetxattr(".", "", "", 0, 0) < 0 && errno != ERANGE;
}

/* Overlay file systems note in user.* attributes what they hide, which older kernels' tmpfs lacks.
 */
static int check_attributes(struct err *e)
{
	if (lsetxattr("." PLACE_UPPER, "user.overlay.test", "y", 1, 0) < 0 && is_filtered())
		return err_set(
			e, 0,
			"a filter of system calls forbids extended attributes, as in builders "
			"of Nix: expected --engine kvm or tcg");
	if (lsetxattr("." PLACE_UPPER, "user.overlay.test", "y", 1, 0) < 0)
		return err_set(e, 0,
			       "this kernel's tmpfs has no user attributes: expected Linux 6.6 or "
			       "later (--engine tcg needs none)");
	(void)lremovexattr("." PLACE_UPPER, "user.overlay.test");
	return 0;
}

/* New ones can be mounted later only while there are some to be seen. */
static int keep_proc(struct err *e)
{
	if (mkdir("proc", 0755) < 0 || mkdir("sys", 0755) < 0 ||
	    mount("proc", "proc", "proc", MS_NOSUID | MS_NODEV | MS_NOEXEC, NULL) < 0)
		return err_set(e, errno, "cannot mount /proc (a container may forbid it)");
	(void)mount("sysfs", "sys", "sysfs", MS_NOSUID | MS_NODEV | MS_NOEXEC, NULL);
	return 0;
}

/*
 * A control group that this user may write to can be reached from a namespace
 * of control groups: then the script can make none.
 */
static int keep_from_cgroup(struct err *e)
{
	static const char limit[] = "/proc/sys/user/max_cgroup_namespaces";
	AUTO_CLOSE int cgroup = unshare(CLONE_NEWCGROUP) < 0 ? -1 : place_new("cgroup2");
	if (cgroup < 0 || (faccessat(cgroup, ".", W_OK, AT_EACCESS) < 0 &&
			   faccessat(cgroup, "cgroup.procs", W_OK, AT_EACCESS) < 0))
		return 0;
	AUTO_CLOSE int fd = open(limit, O_WRONLY | O_CLOEXEC);
	return fd < 0 || out_write_fd(fd, "0", 1) < 0
		       ? err_set(e, errno, "cannot write '%s'", limit)
		       : 0;
}

static int leave_host(struct err *e)
{
	if (syscall(SYS_pivot_root, ".", ".") < 0 || umount2(".", MNT_DETACH) < 0 || chdir("/") < 0)
		return err_set(e, errno, "cannot change the root directory");
	return 0;
}

int userns_enter(const struct job *j, const char *disk, struct place *p, struct err *e)
{
	const struct rlimit processes = { PROCESSES, PROCESSES };
	p->userns = true;
	p->opaque = "user.overlay.opaque";
	if (setrlimit(RLIMIT_NPROC, &processes) < 0)
		return err_set(e, errno, "cannot limit processes");
	if (mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0)
		return err_set(e, errno, "cannot keep mounts private");
	if (mount("tmpfs", FOOTHOLD, "tmpfs", 0, disk) < 0 || chdir(FOOTHOLD) < 0)
		return err_set(e, errno, "cannot mount a tmpfs (%s)", disk);
	if (place_make(e) < 0 || check_attributes(e) < 0 || place_take_nodes(e) < 0 ||
	    put_mounts(j, e) < 0 || keep_proc(e) < 0)
		return -1;
	return leave_host(e) < 0 ? -1 : keep_from_cgroup(e);
}

/* --- the script's user namespace --- */

/* Lines of FIRST, FIRST IN THE NAMESPACE ABOVE, HOW MANY: for the namespace below the same. */
static void turn_map(const char *map, struct buf *b)
{
	buf_add(b, "", 0);
	for (const char *p = map; *p; p += *p == '\n') {
		const char *field[3];
		int len[3];
		for (int i = 0; i < 3; i++) {
			field[i] = p + strspn(p, " ");
			p = field[i] + strcspn(field[i], " \n");
			len[i] = (int)(p - field[i]);
		}
		buf_addf(b, "%.*s %.*s %.*s\n", len[0], field[0], len[0], field[0], len[2],
			 field[2]);
	}
}

static int copy_map(pid_t pid, const char *name, struct err *e)
{
	AUTO_FREE char *ours = xasprintf("/proc/self/%s", name);
	AUTO_FREE char *theirs = xasprintf("/proc/%d/%s", (int)pid, name);
	AUTO_CLOSE int in = open(ours, O_RDONLY | O_CLOEXEC);
	AUTO_CLOSE int out = open(theirs, O_WRONLY | O_CLOEXEC);
	AUTO_BUF struct buf text = { 0 };
	char map[MAP_MAX] = "";
	if (in < 0 || read(in, map, sizeof map - 1) <= 0)
		return err_set(e, errno, "cannot read '%s'", ours);
	turn_map(map, &text);
	if (out < 0 || out_write_fd(out, text.s, text.len) < 0)
		return err_set(e, errno, "cannot give the script its users: '%s'", theirs);
	return 0;
}

int userns_users(pid_t pid, struct err *e)
{
	return copy_map(pid, "uid_map", e) < 0 ? -1 : copy_map(pid, "gid_map", e);
}
