/* SPDX-License-Identifier: MIT */
#ifndef LAYERPIPE_USERMAP_H
#define LAYERPIPE_USERMAP_H

/* Gives a new user namespace its users and groups: userns.h says which. */

#include <sys/types.h>

#include "base/err.h"
#include "base/mem.h"

/* pid: a process in the namespace, of this user. */
MUST_USE int usermap_set(pid_t pid, struct err *e);

#endif
