/* SPDX-License-Identifier: MIT */
#ifndef LAYERPIPE_PROCESSOR_H
#define LAYERPIPE_PROCESSOR_H

/* Processes that want the same processor. */

#include <sched.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <sys/types.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tap.h"

enum { PROCESSOR_LONGEST = 60 }; /* seconds that one lives if the test is killed */

/* Whether the kernel counts how long a process waits: some have the file, and zeros in it. */
static inline bool processor_counts(void)
{
	char first = '0';
	FILE *f = fopen("/proc/self/schedstat", "re");
	if (f) {
		first = (char)fgetc(f);
		fclose(f);
	}
	return first >= '1' && first <= '9';
}

/* This process and those that it starts get one processor; *all is what they had before. */
static inline void processor_share(cpu_set_t *all)
{
	cpu_set_t first;
	size_t n = 0;
	OK(sched_getaffinity(0, sizeof *all, all) == 0);
	while (!CPU_ISSET(n, all))
		n++;
	CPU_ZERO(&first);
	CPU_SET(n, &first);
	OK(sched_setaffinity(0, sizeof first, &first) == 0);
}

/* A process that wants it all the time. */
static inline pid_t processor_start(void)
{
	pid_t pid = fork();
	if (pid == 0) {
		alarm(PROCESSOR_LONGEST);
		for (;;)
			;
	}
	return pid;
}

static inline void processor_end(pid_t pid)
{
	if (pid > 0 && kill(pid, SIGKILL) == 0)
		waitpid(pid, NULL, 0);
}

#endif
