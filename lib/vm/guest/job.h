/* SPDX-License-Identifier: MIT */
#ifndef GUEST_JOB_H
#define GUEST_JOB_H

/* What is to be done: the job, guestproto.h. */

#include <stddef.h>

#include "base/err.h"
#include "base/mem.h"
#include "base/source.h"
#include "tar/tarread.h"

/* Strings of the job, owned; list ends with NULL. Starts as { 0 }. */
struct job_strings {
	char **list;
	size_t n, cap;
};

/* Starts as { .script = -1 }. */
struct job {
	struct job_strings mounts;
	struct job_strings places;
	struct job_strings environment;
	struct job_strings shell;
	int script; /* a memfd that nobody can change */
	/* private */
	struct tarread *tar;
	struct job_member {
		struct source source;
		struct tarread *tar;
		const char *data;
		size_t len;
	} member;
};

/* Reads all in front of the trees. fd is borrowed. */
MUST_USE int job_open(struct job *j, int fd, struct err *e);

/* The tar that comes next, which must have this name; valid until the next call. */
MUST_USE int job_tree(struct job *j, const char *name, struct source **tar, struct err *e);

#endif
