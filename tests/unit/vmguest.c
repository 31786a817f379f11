/* SPDX-License-Identifier: MIT */
#include "vm/vmguest.h"

#include <time.h>

#include "processor.h"

enum { ENOUGH = 50, SECONDS = 30 };

/* Milliseconds that the process has waited: at least that many if it does so at all. */
static int64_t waited(pid_t pid, int64_t enough)
{
	struct vmguest g = { .pid = pid };
	const struct timespec moment = { .tv_nsec = 10 * 1000 * 1000 };
	time_t end = time(NULL) + SECONDS;
	int64_t ms;
	while ((ms = vmguest_waited(&g)) < enough && time(NULL) < end)
		nanosleep(&moment, NULL);
	return ms;
}

/* A process that wants no processor, from now on. */
static pid_t start_stopped(void)
{
	pid_t pid = processor_start();
	if (pid > 0 && kill(pid, SIGSTOP) == 0)
		waitpid(pid, NULL, WUNTRACED);
	return pid;
}

/* Two that want one processor, and one that wants none. */
static void processors(void)
{
	cpu_set_t all;
	processor_share(&all);
	pid_t stopped = start_stopped(), one = processor_start(), other = processor_start();
	OK(sched_setaffinity(0, sizeof all, &all) == 0);
	int64_t before = waited(stopped, 0);
	OK(waited(one, ENOUGH) >= ENOUGH);
	OK(waited(other, ENOUGH) >= ENOUGH);
	OK(waited(stopped, 0) == before);
	processor_end(stopped);
	processor_end(one);
	processor_end(other);
}

int main(void)
{
	struct vmguest none = { .pid = -1 };
	if (processor_counts())
		processors();
	OK(vmguest_waited(&none) == 0);
	return TAP_END;
}
