/* SPDX-License-Identifier: MIT */
#ifndef GUEST_MACHINE_H
#define GUEST_MACHINE_H

/* The guest as the first process of a virtual machine: guestproto.h says what is in it. */

#include "base/err.h"
#include "base/mem.h"
#include "vm/guest/channel.h"
#include "vm/guest/place.h"

/* Loads the modules and opens the channels. */
MUST_USE int machine_boot(struct channels *c, struct err *e);

/* Makes the working disk the root. */
MUST_USE int machine_enter(struct place *p, struct err *e);

/* Waits for vm-exec to end the machine; where it could not be told anything, ends the machine. */
_Noreturn void machine_end(const struct channels *c);

#endif
