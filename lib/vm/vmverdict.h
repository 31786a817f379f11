/* SPDX-License-Identifier: MIT */
#ifndef LAYERPIPE_VMVERDICT_H
#define LAYERPIPE_VMVERDICT_H

/* What the end of a guest means, in words that say what to do. */

#include <stdbool.h>

#include "base/err.h"
#include "base/mem.h"
#include "vm/vmsession.h"

enum vmverdict_status { VMVERDICT_LATE = 124, VMVERDICT_FAILED = 125 };

/* What the guest was given. */
struct vmverdict {
	bool machine; /* a virtual machine, whose monitor tells by its status that the guest is done
		       */
	bool kvm;
	const char *engine;
	unsigned memory, disk; /* MiB */
	unsigned boot_timeout, timeout;
};

/*
 * 0 where the script ran to its end: *status is its status, and where that is
 * 0 the layer is there. Else -1, the error says what happened and which option
 * helps, and *status is a vmverdict_status.
 */
MUST_USE int vmverdict(const struct vmverdict *v, const struct vmsession_end *end, int *status,
		       struct err *e);

/* Whether the machine's kernel killed processes for lack of memory. */
bool vmverdict_was_short_of_memory(const struct vmsession_end *end);

#endif
