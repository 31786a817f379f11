/* SPDX-License-Identifier: MIT */
#ifndef GUEST_USERNS_H
#define GUEST_USERNS_H

/*
 * The guest as a process of the host, in user, mount, process and network
 * namespaces that vm-exec made for it, where it is root.
 */

#include <sys/types.h>

#include "base/err.h"
#include "base/mem.h"
#include "vm/guest/channel.h"
#include "vm/guest/job.h"
#include "vm/guest/place.h"

void userns_channels(struct channels *c);

/*
 * Takes the mounts that came along, and nodes from the host's /dev; then makes
 * a file system in memory the root, and nothing else of the host can be reached
 * any more. disk: its size, options of tmpfs.
 */
MUST_USE int userns_enter(const struct job *j, const char *disk, struct place *p, struct err *e);

/* Gives the process, alone in a new user namespace, the users and groups of this one. */
MUST_USE int userns_users(pid_t pid, struct err *e);

#endif
