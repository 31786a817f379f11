/* SPDX-License-Identifier: MIT */
#ifndef GUEST_SCRIPT_H
#define GUEST_SCRIPT_H

/* Runs the script over the overlay, in namespaces of its own. */

#include "base/err.h"
#include "base/mem.h"
#include "vm/guest/channel.h"
#include "vm/guest/job.h"
#include "vm/guest/place.h"

/*
 * Mounts, says "run", and waits for the script's end: when its shell ends, all
 * processes of the script do. What was mounted is gone then. *status is as
 * env(1) has it.
 */
MUST_USE int script_run(const struct job *j, const struct place *p, const struct channels *c,
			int *status, struct err *e);

#endif
