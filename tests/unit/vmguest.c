/* SPDX-License-Identifier: MIT */
#include "vm/vmguest.h"

#include <sched.h>
#include <signal.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "tap.h"

enum { ENOUGH = 50, LONGEST = 60 };

static pid_t start(void (*body)(void))
{
	pid_t pid = fork();
	if (pid == 0) {
		alarm(LONGEST); /* if this test is killed */
		for (;;)
			body();
	}
	return pid;
}

static void end(pid_t pid)
{
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
}

static void idle(void)
{
	pause();
}

static void busy(void)
{
}

/* Milliseconds that the process has waited: at least that many if it does so at all. */
static int64_t waited(pid_t pid, int64_t enough)
{
	struct vmguest g = { .pid = pid };
	const struct timespec moment = { .tv_nsec = 10 * 1000 * 1000 };
	time_t end = time(NULL) + LONGEST / 2;
	int64_t ms;
	while ((ms = vmguest_waited(&g)) < enough && time(NULL) < end)
		nanosleep(&moment, NULL);
	return ms;
}

/* Two that want one processor, and one that wants none. */
static void processors(void)
{
	cpu_set_t all, first;
	OK(sched_getaffinity(0, sizeof all, &all) == 0);
	size_t n = 0;
	while (!CPU_ISSET(n, &all))
		n++;
	CPU_ZERO(&first);
	CPU_SET(n, &first);
	OK(sched_setaffinity(0, sizeof first, &first) == 0);
	pid_t pids[] = { start(busy), start(busy), start(idle) };
	OK(sched_setaffinity(0, sizeof all, &all) == 0);
	OK(waited(pids[0], ENOUGH) >= ENOUGH);
	OK(waited(pids[1], ENOUGH) >= ENOUGH);
	OK(waited(pids[2], 0) < ENOUGH);
	for (int i = 0; i < 3; i++)
		end(pids[i]);
}

int main(void)
{
	if (access("/proc/self/schedstat", F_OK) == 0)
		processors();
	struct vmguest none = { .pid = -1 };
	OK(vmguest_waited(&none) == 0);
	return TAP_END;
}
