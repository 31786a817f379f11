/* SPDX-License-Identifier: MIT */
#ifndef LAYERPIPE_CONFINE_H
#define LAYERPIPE_CONFINE_H

/*
 * Runs a program that can touch nothing of this host but one tree:
 * user_namespaces(7), mount_namespaces(7), seccomp(2).
 *
 * What the program sees: the files of the host, read-only and without setuid
 * bits. /tmp, /var/tmp, /run, /dev and /proc are private, there is no /sys, and
 * top directories that the program could not search are empty. Below
 * CONFINE_PLACE are the tree, which the program can write to whatever the modes
 * are, the files of work/host, and the directory that layerpipe is installed in.
 *
 * Who the program is: user 1000 and group 100. Its only capability is the one
 * to write to the whole tree. It has no network and no sockets but those of a
 * private loopback. It inherits standard input and no other descriptor; its
 * standard output and error are passed on. All processes that the program
 * starts end when it ends, when this process ends, or when the parent of this
 * process ends.
 *
 * What the host's file modes mean for the program: if an ordinary user runs
 * this process, the program has the rights of that user. If root does, the
 * program has the rights of a user that owns no file of the host. That user
 * becomes the owner of work/tree and work/tmp.
 */

#include <stdbool.h>
#include <stddef.h>

#include "base/err.h"
#include "base/mem.h"

#define CONFINE_PLACE "/build"

/* All pointers are borrowed. */
struct confine {
	const char *work;        /* a directory with the directories tree, host and tmp */
	const char *const *keep; /* directories in /tmp and the like that the program still sees */
	size_t nkeep;
	char *const *argv; /* the program, absolute or on PATH, and its arguments; ends with NULL */
};

/*
 * Runs the program in the tree, with TMPDIR=/tmp. PATH is that of this process,
 * with the real names of its directories. *status is the status of the program,
 * or 128 plus the number of the signal that ended it. If this process gets a
 * signal, the program is ended first. *allowed is always set: it tells whether
 * this host allows the namespaces. If it does not, nothing was run and the
 * result is -1.
 */
MUST_USE int confine_run(const struct confine *c, int *status, bool *allowed, struct err *e);

#endif
