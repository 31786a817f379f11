/* SPDX-License-Identifier: MIT */
#include "vm/confine.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <net/if.h>
#include <poll.h>
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
#include "vm/confine_parts.h"

enum { CHUNK = 64 << 10, CANNOT_RUN = 126, NOT_FOUND = 127, SIGNAL = 128 };

/* The two ends of a pipe. */
enum { READ, WRITE };

struct session {
	const struct confine *confine;
	struct confine_users users;
	struct confine_root root;
	int out[2], err[2];
	int trouble[2]; /* why the program was not started: the errno value, and a message */
	int go[2];      /* a byte: the users are set; end of file: the parent is gone */
};

/* --- the program's own process --- */

static void reset_signals(void)
{
	const struct sigaction by_default = { .sa_handler = SIG_DFL };
	sigset_t none;
	for (int i = 1; i < NSIG; i++)
		(void)sigaction(i, &by_default, NULL);
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
}

static _Noreturn void tell(int trouble, const struct err *e)
{
	(void)!out_write_fd(trouble, &e->code, sizeof e->code);
	(void)!out_write_fd(trouble, e->msg, strlen(e->msg));
	_exit(CANNOT_RUN);
}

static _Noreturn void become_program(const struct session *s)
{
	struct err e = { 0 };
	char *const *argv = s->confine->argv;
	reset_signals();
	umask(022);
	if (setsid() < 0 || setenv("PATH", s->root.path.s, 1) < 0 ||
	    setenv("TMPDIR", "/tmp", 1) < 0)
		err_set(&e, errno, "cannot start '%s'", argv[0]);
	else if (confine_rights_lock(&e) == 0) {
		execvp(s->root.program, argv);
		err_set(&e, 0, "cannot run '%s': %s", s->root.program, strerror(errno));
	}
	tell(s->trouble[WRITE], &e);
}

/* --- the first process of the namespaces --- */

static int status_of(int status)
{
	return WIFSIGNALED(status) ? SIGNAL + WTERMSIG(status) : WEXITSTATUS(status);
}

/* Waits for the program, and reaps orphans. When this process ends, all others end too. */
static _Noreturn void be_init(pid_t program)
{
	struct err ignored = { 0 };
	int status;
	pid_t pid;
	close_range(0, ~0U, 0);
	prctl(PR_SET_DUMPABLE, 0);
	if (confine_rights_drop(&ignored) < 0)
		_exit(CANNOT_RUN);
	do
		pid = waitpid(-1, &status, 0);
	while (pid != program && (pid > 0 || errno == EINTR));
	_exit(pid == program ? status_of(status) : CANNOT_RUN);
}

static void raise_loopback(void)
{
	struct ifreq request = { .ifr_name = "lo", .ifr_flags = IFF_UP | IFF_RUNNING };
	AUTO_CLOSE int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	/* a kernel without network has no loopback: that is no error */
	if (fd >= 0)
		(void)ioctl(fd, SIOCSIFFLAGS, &request);
}

static int become_user(struct err *e)
{
	(void)setgroups(0, NULL); /* fails without privileges, which is no error */
	if (setresgid(CONFINE_GID, CONFINE_GID, CONFINE_GID) < 0 ||
	    setresuid(CONFINE_UID, CONFINE_UID, CONFINE_UID) < 0)
		return err_set(e, errno, "cannot become a user of the namespace");
	return 0;
}

static int enter(struct session *s, struct err *e)
{
	static const char host[] = "localhost";
	AUTO_CLOSE int old = open("/", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (old < 0)
		return err_set(e, errno, "cannot open '/'");
	if (confine_root_open(&s->root, e) < 0 || become_user(e) < 0)
		return -1;
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	raise_loopback();
	if (sethostname(host, sizeof host - 1) < 0)
		return err_set(e, errno, "cannot set the host name");
	return confine_root_enter(&s->root, old, e);
}

/* Standard output and error become pipes; nothing else stays open in the program. */
static int redirect(const struct session *s, struct err *e)
{
	if (dup2(s->out[WRITE], STDOUT_FILENO) < 0 || dup2(s->err[WRITE], STDERR_FILENO) < 0 ||
	    close_range(STDERR_FILENO + 1, ~0U, CLOSE_RANGE_CLOEXEC) < 0)
		return err_set(e, errno, "cannot redirect output");
	return 0;
}

/* Whether our parent has ended before it could end us. */
static bool is_left(int go)
{
	struct pollfd p = { .fd = go };
	return poll(&p, 1, 0) != 0;
}

static _Noreturn void become_init(struct session *s)
{
	struct err e = { 0 };
	char byte;
	close(s->go[WRITE]);
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (read(s->go[READ], &byte, 1) != 1)
		_exit(CANNOT_RUN);
	if (enter(s, &e) < 0 || redirect(s, &e) < 0)
		tell(s->trouble[WRITE], &e);
	if (is_left(s->go[READ]))
		_exit(CANNOT_RUN);
	pid_t pid = fork();
	if (pid == 0)
		become_program(s);
	if (pid < 0) {
		err_set(&e, errno, "cannot start a process");
		tell(s->trouble[WRITE], &e);
	}
	be_init(pid);
}

/* --- our side --- */

static volatile sig_atomic_t got_signal;
static pid_t init; /* for the handler */

static void end_init(int number)
{
	got_signal = number;
	kill(init, SIGKILL);
}

static void handle_signals(void)
{
	static const int numbers[] = { SIGHUP, SIGINT, SIGQUIT, SIGTERM };
	const struct sigaction action = { .sa_handler = end_init };
	for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++)
		(void)sigaction(numbers[i], &action, NULL);
	prctl(PR_SET_PDEATHSIG, SIGTERM);
}

static void close_both(int fds[2])
{
	mem_cleanup_close(&fds[READ]);
	mem_cleanup_close(&fds[WRITE]);
	fds[READ] = fds[WRITE] = -1;
}

static void close_end(int *fd)
{
	mem_cleanup_close(fd);
	*fd = -1;
}

/* What went wrong before the program was there, if anything. */
static int read_trouble(struct session *s, struct err *e)
{
	AUTO_BUF struct buf text = { 0 };
	char data[512];
	ssize_t n;
	while ((n = read(s->trouble[READ], data, sizeof data)) > 0 || (n < 0 && errno == EINTR))
		buf_add(&text, data, n > 0 ? (size_t)n : 0);
	if (text.len <= sizeof e->code)
		return 0;
	err_set(e, 0, "%s", text.s + sizeof e->code);
	memcpy(&e->code, text.s, sizeof e->code);
	return -1;
}

/* Passes on what there is; closes the pipe at its end. */
static int pass(int *from, int to, char *data, struct err *e)
{
	ssize_t n = read(*from, data, CHUNK);
	if (n > 0 && out_write_fd(to, data, (size_t)n) < 0)
		return err_set(e, errno, "cannot pass on output");
	if (n == 0 || (n < 0 && errno != EINTR))
		close_end(from);
	return 0;
}

/* Passes on output until nobody is left who could write. */
static int relay(struct session *s, struct err *e)
{
	AUTO_FREE char *data = xmalloc(CHUNK);
	struct pollfd p[] = { { .events = POLLIN }, { .events = POLLIN } };
	while (s->out[READ] >= 0 || s->err[READ] >= 0) {
		p[0].fd = s->out[READ];
		p[1].fd = s->err[READ];
		if (poll(p, 2, -1) < 0)
			continue;
		if ((p[0].revents && pass(&s->out[READ], STDOUT_FILENO, data, e) < 0) ||
		    (p[1].revents && pass(&s->err[READ], STDERR_FILENO, data, e) < 0))
			return -1;
	}
	return 0;
}

/* Whether the error means that the host does not allow namespaces. */
static bool is_refusal(int code)
{
	return code == EPERM || code == EACCES || code == ENOSPC || code == EUSERS ||
	       code == ENOSYS || code == EINVAL;
}

static int start(struct session *s, struct err *e)
{
	unsigned long flags = CLONE_NEWUSER | CLONE_NEWNS | CLONE_NEWPID | CLONE_NEWIPC |
			      CLONE_NEWNET | CLONE_NEWUTS | SIGCHLD;
	init = (pid_t)syscall(SYS_clone, flags, NULL, NULL, NULL, 0UL);
	if (init < 0)
		return err_set(e, errno, "cannot make namespaces");
	if (init == 0)
		become_init(s);
	handle_signals();
	close_end(&s->out[WRITE]);
	close_end(&s->err[WRITE]);
	close_end(&s->trouble[WRITE]);
	if (confine_users_set(init, &s->users, e) < 0)
		return -1;
	if (write(s->go[WRITE], "", 1) != 1)
		return err_set(e, errno, "cannot start a process");
	return read_trouble(s, e);
}

/* Waits for the end of all processes. If this process got a signal, it ends by that signal now. */
static int finish(void)
{
	const struct sigaction by_default = { .sa_handler = SIG_DFL };
	int status = 0;
	while (waitpid(init, &status, 0) < 0 && errno == EINTR)
		;
	if (got_signal) {
		(void)sigaction(got_signal, &by_default, NULL);
		raise(got_signal);
	}
	return status_of(status);
}

static int run(struct session *s, int *status, bool *allowed, struct err *e)
{
	int bad = start(s, e);
	*allowed = bad == 0 || !is_refusal(e->code);
	if (init < 0)
		return -1;
	if (bad < 0 || relay(s, e) < 0)
		kill(init, SIGKILL);
	*status = finish();
	return e->msg ? -1 : 0;
}

/* Makes the user the owner of a directory of work, before anything is in it. */
static int give(const struct confine *c, const char *name, const struct confine_users *u,
		struct err *e)
{
	AUTO_FREE char *path = xasprintf("%s/%s", c->work, name);
	AUTO_CLOSE int fd = open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (fd < 0 || fchown(fd, u->uid, u->gid) < 0)
		return err_set(e, errno, "cannot change the owner of '%s'", path);
	return 0;
}

static int prepare(struct session *s, struct err *e)
{
	const struct confine *c = s->confine;
	if (confine_users_find(&s->users, e) < 0 || give(c, "tree", &s->users, e) < 0 ||
	    give(c, "tmp", &s->users, e) < 0)
		return -1;
	if (pipe2(s->out, O_CLOEXEC) < 0 || pipe2(s->err, O_CLOEXEC) < 0 ||
	    pipe2(s->trouble, O_CLOEXEC) < 0 || pipe2(s->go, O_CLOEXEC) < 0)
		return err_set(e, errno, "cannot make a pipe");
	/* so that the user can open /dev/stdout and /dev/stderr */
	if (fchown(s->out[WRITE], s->users.uid, s->users.gid) < 0 ||
	    fchown(s->err[WRITE], s->users.uid, s->users.gid) < 0)
		return err_set(e, errno, "cannot change the owner of a pipe");
	confine_root_plan(c, &s->root);
	if (confine_root_open(&s->root, e) < 0 && e->code != EPERM)
		return -1;
	err_clear(e);
	return 0;
}

int confine_run(const struct confine *c, int *status, bool *allowed, struct err *e)
{
	struct session s = { .confine = c,
			     .out = { -1, -1 },
			     .err = { -1, -1 },
			     .trouble = { -1, -1 },
			     .go = { -1, -1 } };
	*allowed = true;
	int bad = prepare(&s, e);
	if (bad == 0)
		bad = run(&s, status, allowed, e);
	close_both(s.out);
	close_both(s.err);
	close_both(s.trouble);
	close_both(s.go);
	confine_root_free(&s.root);
	return bad;
}
