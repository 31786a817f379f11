/* SPDX-License-Identifier: MIT */
#include "vm/guest/userns.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "vm/guestproto.h"

/* Over which directory of the host the new root lies for a moment. */
#define FOOTHOLD "/tmp"

/* Processes of one script: a fork bomb shall not take the host down. */
enum { PROCESSES = 4096 };

void userns_channels(struct channels *c)
{
	*c = (struct channels){ .job = GUEST_FD_JOB,
				.control = GUEST_FD_CONTROL,
				.log = GUEST_FD_LOG,
				.result = GUEST_FD_RESULT };
	for (int fd = GUEST_FD_JOB; fd <= GUEST_FD_RESULT; fd++)
		(void)fcntl(fd, F_SETFD, FD_CLOEXEC);
}

/* They are there already: what a host's root may reach, this one may not. */
static void take_mounts(const struct job *j, struct place *p)
{
	p->nmounts = j->mounts.n / 2;
	p->mounts = xcalloc(p->nmounts, sizeof *p->mounts);
	for (size_t i = 0; i < p->nmounts; i++) {
		p->mounts[i] = GUEST_FD_MOUNTS + (int)i;
		(void)fcntl(p->mounts[i], F_SETFD, FD_CLOEXEC);
	}
}

/* Overlay file systems note in user.* attributes what they hide, which older kernels' tmpfs lacks.
 */
static int check_attributes(struct err *e)
{
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
	take_mounts(j, p);
	if (mount("tmpfs", FOOTHOLD, "tmpfs", 0, disk) < 0 || chdir(FOOTHOLD) < 0)
		return err_set(e, errno, "cannot mount a tmpfs (%s)", disk);
	if (place_make(true, e) < 0 || check_attributes(e) < 0 || keep_proc(e) < 0)
		return -1;
	return leave_host(e);
}
