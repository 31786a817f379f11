/* SPDX-License-Identifier: MIT */
#ifndef LAYERPIPE_VMGUEST_H
#define LAYERPIPE_VMGUEST_H

/* A running guest: its process and the ways to hear from it. */

#include <stdint.h>
#include <sys/types.h>

#include "base/err.h"
#include "base/mem.h"

/* Our ends; -1: none. Starts as VMGUEST_NONE. */
struct vmguest {
	pid_t pid;
	int process; /* a pidfd */
	int control; /* lines, guestproto.h */
	int log;     /* the script's output */
	int result;  /* the layer */
	int console; /* what the machine and its monitor print */
};

#define VMGUEST_NONE                                                                               \
	{                                                                                          \
		-1, -1, -1, -1, -1, -1                                                             \
	}

/* The guest's ends, in the same order; closed once it runs. */
struct vmguest_ends {
	int control;
	int log;
	int result;
	int console;
};

#define VMGUEST_NO_ENDS                                                                            \
	{                                                                                          \
		-1, -1, -1, -1                                                                     \
	}

/* Makes the channels. */
MUST_USE int vmguest_channels(struct vmguest *g, struct vmguest_ends *ends, struct err *e);

void vmguest_close_ends(struct vmguest_ends *ends);
#define AUTO_VMGUEST_ENDS __attribute__((cleanup(vmguest_close_ends)))

/* fork(2), into new namespaces where CLONE_NEW… flags are given; in the child *pid is 0. */
MUST_USE int vmguest_fork(struct vmguest *g, unsigned long namespaces, pid_t *pid, struct err *e);

/*
 * Milliseconds that its process was ready to run and had no processor, of the thread that waited
 * most: proc(5), /proc/PID/schedstat. 0 where the kernel does not count them.
 */
int64_t vmguest_waited(const struct vmguest *g);

/* Ends the process if it still runs, and waits for it; *status is as waitpid(2) has it. */
void vmguest_end(struct vmguest *g, int *status);

/* For __attribute__((cleanup)). */
void vmguest_cleanup(struct vmguest *g);
#define AUTO_VMGUEST __attribute__((cleanup(vmguest_cleanup)))

#endif
