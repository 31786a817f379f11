/* SPDX-License-Identifier: MIT */
#ifndef LAYERPIPE_CONFINE_H
#define LAYERPIPE_CONFINE_H

/*
 * Runs a program that can touch nothing of this host but one tree:
 * user_namespaces(7), mount_namespaces(7), seccomp(2).
 *
 * It sees the host's files read-only and without setuid bits; /tmp, /var/tmp,
 * /run, /dev and /proc are its own, /sys is not there, and directories that
 * it could not search are empty. Below CONFINE_PLACE are the tree, which it
 * may write to whatever the modes are, what is in work/host, and the directory
 * that layerpipe is installed in. It is user 1000 and group 100, without
 * capabilities but for that, and has no network and no sockets but those of a
 * loopback of its own. Of this process's descriptors it has standard input;
 * what it writes to standard output and error is passed on. All that it
 * started ends with it, and with this process, and with its parent.
 *
 * Whose rights it has where they count: of a user, his own; of root, those of
 * somebody to whom nothing belongs. Work's tree and tmp are given to him.
 */

#include <stdbool.h>
#include <stddef.h>

#include "base/err.h"
#include "base/mem.h"

#define CONFINE_PLACE "/build"

/* All borrowed. */
struct confine {
	const char *work;        /* a directory with the directories tree, host and tmp */
	const char *const *keep; /* directories that are seen where they lie in /tmp and its like */
	size_t nkeep;
	char *const *argv; /* the program, absolute or on PATH, and its arguments; ends with NULL */
};

/*
 * Its working directory is the tree, its TMPDIR /tmp; its PATH is ours, made
 * of the directories' real names. *status is what it ended with, 128 and the
 * signal's number where one ended it. A signal that this process gets meanwhile
 * ends the program first. *allowed, set in any case: whether this host lets
 * us; where it does not, nothing was run and the result is -1.
 */
MUST_USE int confine_run(const struct confine *c, int *status, bool *allowed, struct err *e);

#endif
