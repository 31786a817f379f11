/* SPDX-License-Identifier: MIT */
#include "vm/userns.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <linux/close_range.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "vm/guestproto.h"
#include "vm/usermap.h"

/* In the new process: says what is wrong in the guest's place. */
static _Noreturn void give_up(const struct vmguest_ends *ends, const char *what, const char *name)
{
	int code = errno;
	(void)dprintf(ends->control, "fail %d cannot %s '%s': %s\n", code, what, name,
		      code == ENOSYS ? "this kernel is too old: expected Linux 6.6 or later "
				       "(--engine tcg needs none)"
				     : strerror(code));
	_exit(125);
}

/*
 * What is there of the host, as a detached mount that nothing can be changed
 * through, and that does not follow what the host mounts there later.
 */
static int take(const struct vmguest_ends *ends, const char *what, const char *path)
{
	struct mount_attr attr = {
		.attr_set = MOUNT_ATTR_RDONLY | MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV,
		.propagation = MS_PRIVATE,
	};
	int fd = open_tree(AT_FDCWD, path, OPEN_TREE_CLONE | AT_RECURSIVE);
	if (fd < 0 || mount_setattr(fd, "", AT_EMPTY_PATH | AT_RECURSIVE, &attr, sizeof attr) < 0)
		give_up(ends, what, path);
	return fd;
}

/*
 * Takes the mounts while this process is still the user who asked for them: as
 * root of the namespace it may be nobody to whom they belong.
 */
static void take_mounts(const struct userns *u, const struct vmguest_ends *ends)
{
	for (size_t i = 0; i < u->nmounts; i++) {
		int fd = take(ends, "mount", u->mounts[i]), place = GUEST_FD_MOUNTS + (int)i;
		if (fd != place && dup2(fd, place) < 0)
			give_up(ends, "mount", u->mounts[i]);
		if (fd != place)
			close(fd);
	}
}

/* Moves a descriptor above all places that the guest expects something at. */
static int move(const struct userns *u, const struct vmguest_ends *ends, int fd)
{
	int moved = fcntl(fd, F_DUPFD_CLOEXEC, GUEST_FD_MOUNTS + (int)u->nmounts + 1);
	if (moved < 0)
		give_up(ends, "start", GUEST_USERNS);
	return moved;
}

static void put_in_place(const struct vmguest_ends *ends, int fd, int place)
{
	if (dup2(fd, place) < 0)
		give_up(ends, "start", GUEST_USERNS);
}

/* A byte comes from go when the namespace has its users; its end, where we are gone before. */
static _Noreturn void become_guest(const struct userns *u, const struct vmguest_ends *given,
				   const int go[2])
{
	AUTO_FREE char *disk = xasprintf("size=%uM,mode=755", u->disk);
	char byte, name[] = GUEST_USERNS, *env[] = { NULL };
	char *const argv[] = { name, disk, NULL };
	int null = open("/dev/null", O_RDWR | O_CLOEXEC);
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	close(go[1]);
	if (null < 0 || read(go[0], &byte, 1) != 1)
		_exit(125);
	null = move(u, given, null);
	int job = move(u, given, u->job);
	const struct vmguest_ends ends = { move(u, given, given->control),
					   move(u, given, given->log),
					   move(u, given, given->result),
					   move(u, given, given->console) };
	take_mounts(u, &ends);
	/* the script can get at its program, which may belong to the same user */
	int program = move(u, &ends, take(&ends, "run", u->program));
	if (setgid(0) < 0 || setuid(0) < 0)
		give_up(&ends, "become root of", "the namespace");
	(void)setgroups(0, NULL); /* not for those who may not leave groups */
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	put_in_place(&ends, null, STDIN_FILENO);
	put_in_place(&ends, null, STDOUT_FILENO);
	put_in_place(&ends, ends.console, STDERR_FILENO);
	put_in_place(&ends, job, GUEST_FD_JOB);
	put_in_place(&ends, ends.control, GUEST_FD_CONTROL);
	put_in_place(&ends, ends.log, GUEST_FD_LOG);
	put_in_place(&ends, ends.result, GUEST_FD_RESULT);
	/* of vm-exec's own, and of whoever called it, nothing goes along */
	if (close_range(GUEST_FD_MOUNTS + (unsigned)u->nmounts, ~0U, CLOSE_RANGE_CLOEXEC) < 0)
		give_up(&ends, "start", GUEST_USERNS);
	syscall(SYS_execveat, program, "", argv, env, AT_EMPTY_PATH);
	give_up(&ends, "run", GUEST_USERNS);
}

static int not_allowed(struct err *e)
{
	if (e->code != EPERM && e->code != ENOSPC && e->code != EUSERS)
		return -1;
	return err_set(e, e->code,
		       "user namespaces are not allowed here (--engine tcg needs none)");
}

static int start(const struct userns *u, struct vmguest *g, const struct vmguest_ends *ends,
		 const int go[2], struct err *e)
{
	unsigned long namespaces = CLONE_NEWUSER | CLONE_NEWNS | CLONE_NEWPID | CLONE_NEWIPC |
				   CLONE_NEWNET | CLONE_NEWUTS;
	pid_t pid;
	if (vmguest_fork(g, namespaces, &pid, e) < 0)
		return not_allowed(e);
	if (pid == 0)
		become_guest(u, ends, go);
	return usermap_set(pid, e);
}

int userns_start(const struct userns *u, struct vmguest *g, struct err *e)
{
	AUTO_VMGUEST_ENDS struct vmguest_ends ends = VMGUEST_NO_ENDS;
	int go[2];
	if (vmguest_channels(g, &ends, e) < 0)
		return -1;
	if (pipe2(go, O_CLOEXEC) < 0)
		return err_set(e, errno, "cannot make a channel");
	int r = start(u, g, &ends, go, e);
	if (r == 0 && write(go[1], "", 1) != 1)
		r = err_set(e, errno, "cannot start the guest");
	close(go[0]);
	close(go[1]);
	return r;
}
