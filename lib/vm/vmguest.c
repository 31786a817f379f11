/* SPDX-License-Identifier: MIT */
#include "vm/vmguest.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/mem.h"
#include "base/num.h"

static int channel(int *ours, int *theirs, struct err *e)
{
	int fds[2];
	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds) < 0)
		return err_set(e, errno, "cannot make a channel");
	*ours = fds[0];
	*theirs = fds[1];
	return 0;
}

int vmguest_channels(struct vmguest *g, struct vmguest_ends *ends, struct err *e)
{
	*ends = (struct vmguest_ends){ -1, -1, -1, -1 };
	if (channel(&g->control, &ends->control, e) < 0 || channel(&g->log, &ends->log, e) < 0 ||
	    channel(&g->result, &ends->result, e) < 0)
		return -1;
	return channel(&g->console, &ends->console, e);
}

static void close_fd(int *fd)
{
	if (*fd >= 0)
		close(*fd);
	*fd = -1;
}

void vmguest_close_ends(struct vmguest_ends *ends)
{
	close_fd(&ends->control);
	close_fd(&ends->log);
	close_fd(&ends->result);
	close_fd(&ends->console);
}

int vmguest_fork(struct vmguest *g, unsigned long namespaces, pid_t *pid, struct err *e)
{
	unsigned long flags = namespaces | CLONE_PIDFD | SIGCHLD;
	int process = -1;
	pid_t child = (pid_t)syscall(SYS_clone, flags, NULL, &process, NULL, 0UL);
	if (child < 0)
		return err_set(e, errno, "cannot start a process");
	if (child > 0) {
		g->pid = child;
		g->process = process;
	}
	*pid = child;
	return 0;
}

/* The second number is nanoseconds of waiting. */
static int64_t read_waited(int dir, const char *thread)
{
	AUTO_FREE char *name = xasprintf("%s/schedstat", thread);
	AUTO_CLOSE int fd = openat(dir, name, O_RDONLY | O_CLOEXEC);
	char text[80];
	ssize_t got = fd < 0 ? -1 : read(fd, text, sizeof text - 1);
	uint64_t ns = 0;
	struct err e = { 0 };
	text[got > 0 ? got : 0] = '\0';
	const char *from = strchr(text, ' ');
	const char *to = from ? strchr(from + 1, ' ') : NULL;
	if (to && num_parse(from + 1, (size_t)(to - from - 1), 10, 0, INT64_MAX, &ns, &e) < 0)
		err_clear(&e);
	return (int64_t)ns / (1000 * 1000);
}

int64_t vmguest_waited(const struct vmguest *g)
{
	AUTO_FREE char *path = xasprintf("/proc/%d/task", (int)g->pid);
	DIR *threads = opendir(path);
	int64_t most = 0;
	if (!threads)
		return 0;
	for (const struct dirent *t; (t = readdir(threads));) {
		int64_t ms = *t->d_name == '.' ? 0 : read_waited(dirfd(threads), t->d_name);
		most = ms > most ? ms : most;
	}
	closedir(threads);
	return most;
}

void vmguest_end(struct vmguest *g, int *status)
{
	*status = 0;
	if (g->pid > 0) {
		kill(g->pid, SIGKILL);
		while (waitpid(g->pid, status, 0) < 0 && errno == EINTR)
			;
	}
	g->pid = -1;
	close_fd(&g->process);
	close_fd(&g->control);
	close_fd(&g->log);
	close_fd(&g->result);
	close_fd(&g->console);
}

void vmguest_cleanup(struct vmguest *g)
{
	int status;
	vmguest_end(g, &status);
}
