/* SPDX-License-Identifier: MIT */
#ifndef LAYERPIPE_PROC_H
#define LAYERPIPE_PROC_H

/* Runs a program as a filter: its input is a descriptor, its output is read, its errors are ours.
 */

#include <sys/types.h>

#include "base/err.h"
#include "base/mem.h"

/* Starts as PROC_NONE. */
struct proc {
	int out; /* the program's standard output, to be read to its end; owned */
	/* private */
	const char *name;
	pid_t pid;
	int messages;
};

#define PROC_NONE                                                                                  \
	{                                                                                          \
		.out = -1, .messages = -1                                                          \
	}

/*
 * Starts argv[0], found on PATH, with the descriptor in as standard input
 * (borrowed) and the environment env (NULL: ours). argv[0] must live until
 * proc_wait(). A program that is not there is an error that says so.
 */
MUST_USE int proc_start(struct proc *p, const char *const *argv, const char *const *env, int in,
			struct err *e);

/*
 * Waits for its end. A status other than 0 is an error: the first line the
 * program wrote on standard error, or else how it ended.
 */
MUST_USE int proc_wait(struct proc *p, struct err *e);

/* Ends the program if it still runs; for error paths. Nothing to do after proc_wait(). */
void proc_abort(struct proc *p);

#define AUTO_PROC __attribute__((cleanup(proc_abort)))

#endif
