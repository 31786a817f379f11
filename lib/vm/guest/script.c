/* SPDX-License-Identifier: MIT */
#include "vm/guest/script.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <net/if.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/out.h"
#include "vm/guest/confine.h"
#include "vm/guest/mounts.h"
#include "vm/guest/userns.h"
#include "vm/guestproto.h"

enum { SCRIPT_FD = 3, CHUNK = 64 << 10 };

/* --- the script's own process --- */

static bool exists(const char *path)
{
	struct stat st;
	return stat(path, &st) == 0;
}

/* Becomes the first shell that is there. What goes wrong is the script's failure: env(1). */
static _Noreturn void exec_shell(const struct job *j)
{
	char dash_e[] = "-e", script[] = "/proc/self/fd/3";
	for (size_t i = 0; i < j->shell.n; i++) {
		char *const argv[] = { j->shell.list[i], dash_e, script, NULL };
		execve(argv[0], argv, j->environment.list);
		if (errno == ENOENT && exists(argv[0]))
			dprintf(STDERR_FILENO, "vm-exec: cannot run '%s': its loader is missing\n",
				argv[0]);
		else if (errno == ENOENT || errno == ENOTDIR)
			continue;
		else
			dprintf(STDERR_FILENO, "vm-exec: cannot run '%s': %s\n", argv[0],
				strerror(errno));
		_exit(GUEST_CANNOT_RUN);
	}
	dprintf(STDERR_FILENO,
		"vm-exec: the image has no shell '%s': expected one in its layers, or among what "
		"is mounted\n",
		j->shell.n ? j->shell.list[j->shell.n - 1] : "");
	_exit(GUEST_NOT_FOUND);
}

static _Noreturn void become_script(const struct job *j, int output)
{
	int null = open("/dev/null", O_RDWR);
	sigset_t none;
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	setsid();
	umask(022);
	if (null < 0 || dup2(null, STDIN_FILENO) < 0 || dup2(output, STDOUT_FILENO) < 0 ||
	    dup2(output, STDERR_FILENO) < 0)
		_exit(GUEST_CANNOT_RUN);
	if (j->script != SCRIPT_FD && dup2(j->script, SCRIPT_FD) < 0)
		_exit(GUEST_CANNOT_RUN);
	if (close_range(SCRIPT_FD + 1, ~0U, 0) < 0)
		_exit(GUEST_CANNOT_RUN);
	exec_shell(j);
}

/* --- the first process of its namespace --- */

static int status_of(int wait_status)
{
	return WIFSIGNALED(wait_status) ? GUEST_SIGNAL + WTERMSIG(wait_status)
					: WEXITSTATUS(wait_status);
}

/* Waits for the script, and for orphans on the way. */
static int wait_for(pid_t script)
{
	int status;
	pid_t pid;
	do
		pid = waitpid(-1, &status, 0);
	while (pid != script && (pid > 0 || errno == EINTR));
	return pid == script ? status_of(status) : GUEST_CANNOT_RUN;
}

static void raise_loopback(void)
{
	struct ifreq request = { .ifr_name = "lo", .ifr_flags = IFF_UP | IFF_RUNNING };
	AUTO_CLOSE int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	/* a kernel without network has none to raise */
	if (fd >= 0)
		(void)ioctl(fd, SIOCSIFFLAGS, &request);
}

/* The init's ends. */
struct ends {
	int output; /* the script's */
	int line; /* the guest says when the namespaces have their users, and is told of problems */
};

/* What the init has open, a script can take: only the two ends stay, and the script itself. */
static int close_others(const struct ends *ends, int script, struct err *e)
{
	const int kept[] = { ends->output, ends->line, script };
	int last = 0;
	for (size_t i = 0; i < sizeof kept / sizeof *kept; i++)
		last = kept[i] > last ? kept[i] : last;
	for (int fd = 0; fd < last; fd++)
		if (fd != kept[0] && fd != kept[1] && fd != kept[2])
			close(fd);
	return close_range((unsigned)last + 1, ~0U, 0) < 0
		       ? err_set(e, errno, "cannot close descriptors")
		       : 0;
}

static int enter(const struct job *j, const struct place *p, const struct ends *ends, struct err *e)
{
	static const char host[] = "localhost";
	char byte;
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (close_others(ends, j->script, e) < 0)
		return -1;
	if (read(ends->line, &byte, 1) != 1)
		return err_set(e, errno, "cannot make namespaces");
	raise_loopback();
	if (sethostname(host, sizeof host - 1) < 0)
		return err_set(e, errno, "cannot set the host name");
	if (mounts_enter(j, p, e) < 0)
		return -1;
	return p->userns ? confine(e) : 0;
}

static _Noreturn void be_init(const struct job *j, const struct place *p, const struct ends *ends)
{
	struct err e = { 0 };
	if (enter(j, p, ends, &e) < 0) {
		(void)!out_write_fd(ends->line, &e.code, sizeof e.code);
		(void)!out_write_fd(ends->line, e.msg, strlen(e.msg));
		_exit(GUEST_CANNOT_RUN);
	}
	close(ends->line);
	pid_t script = fork();
	if (script == 0)
		become_script(j, ends->output);
	(void)close_range(0, ~0U, 0);
	_exit(script < 0 ? GUEST_CANNOT_RUN : wait_for(script));
}

/* --- the guest's side --- */

/* What the init could not do, if anything. */
static int read_problem(int line, struct err *e)
{
	AUTO_BUF struct buf text = { 0 };
	char data[512];
	ssize_t n;
	while ((n = read(line, data, sizeof data)) > 0)
		buf_add(&text, data, (size_t)n);
	if (text.len <= sizeof e->code)
		return 0;
	err_set(e, 0, "%s", text.s + sizeof e->code);
	memcpy(&e->code, text.s, sizeof e->code);
	return -1;
}

/* Passes the output on until nobody is left who could write. */
static int relay(int output, const struct channels *c, struct err *e)
{
	AUTO_FREE char *data = xmalloc(CHUNK);
	uint64_t logged = 0;
	ssize_t n;
	while ((n = read(output, data, CHUNK)) > 0 || (n < 0 && errno == EINTR)) {
		if (n > 0 && out_write_fd(c->log, data, (size_t)n) < 0)
			return err_set(e, errno, "cannot pass on the script's output");
		logged += n > 0 ? (uint64_t)n : 0;
	}
	channel_say(c, "logged %" PRIu64, logged);
	return 0;
}

static int start(const struct job *j, const struct place *p, const struct ends *ends, pid_t *init,
		 struct err *e)
{
	unsigned long flags =
		CLONE_NEWPID | CLONE_NEWNS | CLONE_NEWIPC | CLONE_NEWNET | CLONE_NEWUTS | SIGCHLD;
	/* what this process mounted is out of reach for who is root of another user namespace */
	if (p->userns)
		flags |= CLONE_NEWUSER;
	pid_t pid = (pid_t)syscall(SYS_clone, flags, NULL, NULL, NULL, 0UL);
	if (pid == 0)
		be_init(j, p, ends);
	if (pid < 0 && p->userns && (errno == ENOSPC || errno == EUSERS || errno == EPERM))
		return err_set(e, 0,
			       "no user namespace within another is allowed here: "
			       "/proc/sys/user/max_user_namespaces can be too low (--engine tcg "
			       "needs none)");
	if (pid < 0)
		return err_set(e, errno, "cannot make namespaces");
	*init = pid;
	return p->userns ? userns_users(pid, e) : 0;
}

/* Lets the init go on, and listens until all are at their end. */
static int attend(int line, int output, const struct channels *c, struct err *e)
{
	/* an init that is gone already has said why */
	(void)send(line, "", 1, MSG_NOSIGNAL);
	if (read_problem(line, e) < 0)
		return -1;
	channel_say(c, "run");
	return relay(output, c, e);
}

int script_run(const struct job *j, const struct place *p, const struct channels *c, int *status,
	       struct err *e)
{
	int output[2], line[2], wait_status;
	pid_t init = -1;
	if (pipe2(output, O_CLOEXEC) < 0 ||
	    socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, line) < 0)
		return err_set(e, errno, "cannot make a channel");
	const struct ends ends = { .output = output[1], .line = line[1] };
	if (start(j, p, &ends, &init, e) < 0)
		return -1;
	close(output[1]);
	close(line[1]);
	int r = attend(line[0], output[0], c, e);
	close(output[0]);
	close(line[0]);
	while (waitpid(init, &wait_status, 0) < 0 && errno == EINTR)
		;
	*status = status_of(wait_status);
	return r;
}
