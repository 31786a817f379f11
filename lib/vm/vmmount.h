/* SPDX-License-Identifier: MIT */
#ifndef LAYERPIPE_VMMOUNT_H
#define LAYERPIPE_VMMOUNT_H

/* Files of the host on their way into a virtual machine. */

#include "base/err.h"
#include "base/mem.h"
#include "base/out.h"

/*
 * Writes a file or directory as a tar in which it is called "mount", with its
 * modes, owners and times. Sockets and devices are left out.
 */
MUST_USE int vmmount_write(const char *path, struct out *o, struct err *e);

#endif
