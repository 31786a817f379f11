/* SPDX-License-Identifier: MIT */
#ifndef LAYERPIPE_VMJOB_H
#define LAYERPIPE_VMJOB_H

/* Writes what a guest is to do, a file: guestproto.h. */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "base/mem.h"
#include "vm/vmtimes.h"

/* Strings, borrowed. Starts as { 0 }. */
struct vmjob_strings {
	const char **list;
	size_t n;
	/* private */
	size_t cap;
};

void vmjob_string(struct vmjob_strings *s, const char *string);

/* All borrowed. */
struct vmjob {
	struct vmjob_strings mounts; /* HOST DIRECTORY and GUEST DIRECTORY, in turn */
	struct vmjob_strings environment;
	struct vmjob_strings shells;
	uint64_t expect_layers; /* another number is an error; 0: any will do */
	const char *script;     /* a file */
	bool machine;           /* the guest has disks, and reaches no file of the host */
};

/*
 * Reads the script, and layers from a layer stream, of which at least one is
 * expected; checks the digests that the stream gives. Flattens all but the
 * last. *job and, for a machine, *base are files without names, at their
 * starts, which these descriptors can read and not write; close them.
 */
MUST_USE int vmjob_write(const struct vmjob *j, int layers, const char *name, int *job, int *base,
			 struct vmtimes *times, struct err *e);

#endif
