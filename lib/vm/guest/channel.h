/* SPDX-License-Identifier: MIT */
#ifndef GUEST_CHANNEL_H
#define GUEST_CHANNEL_H

/* The ways out of the guest: guestproto.h. */

#include <stddef.h>

#include "base/err.h"
#include "base/mem.h"

struct channels {
	int job;     /* read from its start */
	int control; /* lines */
	int log;     /* the script's output */
	int result;  /* the layer */
};

/* Writes one line on the control channel, control bytes escaped. Nobody is left to tell a failure.
 */
void channel_say(const struct channels *c, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));

#endif
