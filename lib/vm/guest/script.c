/* SPDX-License-Identifier: MIT */
#include "vm/guest/script.h"

#include <errno.h>
#include <fcntl.h>
#include <net/if.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "vm/guest/mounts.h"
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
		"vm-exec: the image has no shell '%s' (--mount can bring one, --shell name it)\n",
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
	close_range(SCRIPT_FD + 1, ~0U, 0);
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

static int enter(const struct job *j, const struct place *p, struct err *e)
{
	static const char host[] = "localhost";
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	raise_loopback();
	if (sethostname(host, sizeof host - 1) < 0)
		return err_set(e, errno, "cannot set the host name");
	return mounts_enter(j, p, e);
}

static _Noreturn void be_init(const struct job *j, const struct place *p, int output, int problems)
{
	struct err e = { 0 };
	if (enter(j, p, &e) < 0) {
		(void)!channel_write(problems, &e.code, sizeof e.code);
		(void)!channel_write(problems, e.msg, strlen(e.msg));
		_exit(GUEST_CANNOT_RUN);
	}
	pid_t script = fork();
	if (script == 0)
		become_script(j, output);
	close(problems);
	close(output);
	_exit(script < 0 ? GUEST_CANNOT_RUN : wait_for(script));
}

/* --- the guest's side --- */

/* What the init could not do, if anything. */
static int read_problem(int problems, struct err *e)
{
	AUTO_BUF struct buf text = { 0 };
	char data[512];
	ssize_t n;
	while ((n = read(problems, data, sizeof data)) > 0)
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
	ssize_t n;
	while ((n = read(output, data, CHUNK)) > 0 || (n < 0 && errno == EINTR))
		if (n > 0 && channel_write(c->log, data, (size_t)n) < 0)
			return err_set(e, errno, "cannot pass on the script's output");
	return 0;
}

static int start(const struct job *j, const struct place *p, int output[2], int problems[2],
		 pid_t *init, struct err *e)
{
	unsigned long flags =
		CLONE_NEWPID | CLONE_NEWNS | CLONE_NEWIPC | CLONE_NEWNET | CLONE_NEWUTS | SIGCHLD;
	pid_t pid = (pid_t)syscall(SYS_clone, flags, NULL, NULL, NULL, 0UL);
	if (pid == 0)
		be_init(j, p, output[1], problems[1]);
	if (pid < 0)
		return err_set(e, errno, "cannot make namespaces");
	*init = pid;
	return 0;
}

int script_run(const struct job *j, const struct place *p, const struct channels *c, int *status,
	       struct err *e)
{
	int output[2], problems[2], wait_status;
	pid_t init = -1;
	if (pipe2(output, O_CLOEXEC) < 0 || pipe2(problems, O_CLOEXEC) < 0)
		return err_set(e, errno, "cannot make a pipe");
	if (start(j, p, output, problems, &init, e) < 0)
		return -1;
	close(output[1]);
	close(problems[1]);
	int r = read_problem(problems[0], e);
	if (r == 0) {
		channel_say(c, "run");
		r = relay(output[0], c, e);
	}
	close(output[0]);
	close(problems[0]);
	while (waitpid(init, &wait_status, 0) < 0 && errno == EINTR)
		;
	*status = status_of(wait_status);
	return r;
}
