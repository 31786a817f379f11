/* SPDX-License-Identifier: MIT */
#ifndef GUEST_CONFINE_H
#define GUEST_CONFINE_H

/* What namespaces leave of the host in a script's reach. */

#include "base/err.h"
#include "base/mem.h"

/*
 * Takes it from this process and all that it starts, for good: keys, which the
 * kernel keeps by user; vsock, which leads out of every network namespace, and
 * io_uring, which makes sockets too; and core dumps, which go where the host
 * wants them.
 */
MUST_USE int confine(struct err *e);

#endif
