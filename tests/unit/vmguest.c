/* SPDX-License-Identifier: MIT */
#include "vm/vmguest.h"

#include <sched.h>
#include <signal.h>
#include <stdbool.h>
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
	if (pid > 0 && kill(pid, SIGKILL) == 0)
		waitpid(pid, NULL, 0);
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

/* A process that wants no processor, from now on. */
static pid_t start_stopped(void)
{
	pid_t pid = start(busy);
	if (pid > 0 && kill(pid, SIGSTOP) == 0)
		waitpid(pid, NULL, WUNTRACED);
	return pid;
}

/* Two that want one processor, and one that wants none. */
static void processors(void)
{
	cpu_set_t all, first;
	size_t n = 0;
	OK(sched_getaffinity(0, sizeof all, &all) == 0);
	while (!CPU_ISSET(n, &all))
		n++;
	CPU_ZERO(&first);
	CPU_SET(n, &first);
	OK(sched_setaffinity(0, sizeof first, &first) == 0);
	pid_t stopped = start_stopped(), one = start(busy), other = start(busy);
	OK(sched_setaffinity(0, sizeof all, &all) == 0);
	int64_t before = waited(stopped, 0);
	OK(waited(one, ENOUGH) >= ENOUGH);
	OK(waited(other, ENOUGH) >= ENOUGH);
	OK(waited(stopped, 0) == before);
	end(stopped);
	end(one);
	end(other);
}

/* Some kernels have the file, and zeros in it. */
static bool counts_time(void)
{
	char first = '0';
	FILE *f = fopen("/proc/self/schedstat", "re");
	if (f) {
		first = (char)fgetc(f);
		fclose(f);
	}
	return first >= '1' && first <= '9';
}

int main(void)
{
	struct vmguest none = { .pid = -1 };
	if (counts_time())
		processors();
	OK(vmguest_waited(&none) == 0);
	return TAP_END;
}
