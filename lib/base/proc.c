/* SPDX-License-Identifier: MIT */
#include "base/proc.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

extern char **environ;

enum { MESSAGE_MAX = 1024 };

static void close_fd(int *fd)
{
	if (*fd >= 0)
		close(*fd);
	*fd = -1;
}

/* Returns 0 or an errno value, as posix_spawn does. */
static int spawn(struct proc *p, const char *const *argv, const char *const *env, int in, int out)
{
	posix_spawn_file_actions_t actions;
	int failed = posix_spawn_file_actions_init(&actions);
	if (failed)
		return failed;
	/* cli_start() keeps descriptors 0 to 2 taken: out and messages lie above them */
	if ((failed = posix_spawn_file_actions_adddup2(&actions, in, STDIN_FILENO)) == 0 &&
	    (failed = posix_spawn_file_actions_adddup2(&actions, out, STDOUT_FILENO)) == 0 &&
	    (failed = posix_spawn_file_actions_adddup2(&actions, p->messages, STDERR_FILENO)) == 0)
		/* the strings are not changed: posix_spawn's types are older than const */
		failed = posix_spawnp(&p->pid, argv[0], &actions, NULL,
				      (char *const *)(const void *)argv,
				      env ? (char *const *)(const void *)env : environ);
	posix_spawn_file_actions_destroy(&actions);
	return failed;
}

static int cannot_run(struct proc *p, int code, struct err *e)
{
	proc_abort(p);
	if (code == ENOENT)
		return err_set(e, 0, "cannot run '%s': it is not installed, or not on PATH",
			       p->name);
	return err_set(e, code, "cannot run '%s'", p->name);
}

int proc_start(struct proc *p, const char *const *argv, const char *const *env, int in,
	       struct err *e)
{
	int pipe_fds[2];
	*p = (struct proc){ .name = argv[0], .out = -1 };
	p->messages = memfd_create("messages", MFD_CLOEXEC);
	if (p->messages < 0 || pipe2(pipe_fds, O_CLOEXEC) < 0)
		return cannot_run(p, errno, e);
	p->out = pipe_fds[0];
	int failed = spawn(p, argv, env, in, pipe_fds[1]);
	close(pipe_fds[1]);
	return failed ? cannot_run(p, failed, e) : 0;
}

/* The first line on standard error, without control over its length; empty where there is none. */
static void first_message(const struct proc *p, char message[MESSAGE_MAX + 1])
{
	ssize_t n = pread(p->messages, message, MESSAGE_MAX, 0);
	message[n > 0 ? n : 0] = '\0';
	message[strcspn(message, "\n")] = '\0';
}

static int failure(const struct proc *p, int status, struct err *e)
{
	char message[MESSAGE_MAX + 1];
	first_message(p, message);
	if (WIFSIGNALED(status))
		return err_set(e, 0, "'%s' was ended by signal %d (%s)", p->name, WTERMSIG(status),
			       strsignal(WTERMSIG(status)));
	if (*message)
		return err_set(e, 0, "%s", message);
	return err_set(e, 0, "'%s' ended with status %d", p->name, WEXITSTATUS(status));
}

static int reap(struct proc *p, int *status)
{
	pid_t pid = p->pid, r;
	p->pid = 0;
	do
		r = waitpid(pid, status, 0);
	while (r < 0 && errno == EINTR);
	return r < 0 ? -1 : 0;
}

int proc_wait(struct proc *p, struct err *e)
{
	int status, result = 0;
	close_fd(&p->out);
	if (reap(p, &status) < 0)
		result = err_set(e, errno, "cannot wait for '%s'", p->name);
	else if (status)
		result = failure(p, status, e);
	close_fd(&p->messages);
	return result;
}

void proc_abort(struct proc *p)
{
	int status;
	close_fd(&p->out);
	if (p->pid > 0) {
		kill(p->pid, SIGKILL);
		(void)!reap(p, &status);
	}
	close_fd(&p->messages);
}
