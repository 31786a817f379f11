/* SPDX-License-Identifier: MIT */
#ifndef LAYERPIPE_OFFSPRING_H
#define LAYERPIPE_OFFSPRING_H

#include <sys/types.h>

/*
 * Ends all processes that this one started, and that these started, but not the
 * caller: with SIGTERM, and with SIGKILL those that still run 5 seconds later.
 * Needs /proc. A process that has left its parent, as a daemon does, is not found.
 */
void offspring_end(pid_t of);

#endif
