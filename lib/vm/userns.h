/* SPDX-License-Identifier: MIT */
#ifndef LAYERPIPE_USERNS_H
#define LAYERPIPE_USERNS_H

/*
 * Starts a guest in namespaces of this host, where it is root over users of
 * its own: user_namespaces(7).
 *
 * Which users: a root that is root of the host gets a range of 2^30 users and
 * groups from 2^30 on, so that none of the host's is among them; one that is
 * root of a container, those of the container. Anybody else gets what
 * /etc/subuid and /etc/subgid grant, by newuidmap(1), and else a single one.
 */

#include <stddef.h>

#include "base/err.h"
#include "base/mem.h"
#include "vm/vmguest.h"

/* All borrowed. */
struct userns {
	const char *program;       /* the guest, to be executed */
	const char *const *mounts; /* files and directories of the host that it shall see */
	size_t nmounts;
	int job;       /* a file */
	unsigned disk; /* MiB: the size of the file system that it works in */
};

MUST_USE int userns_start(const struct userns *u, struct vmguest *g, struct err *e);

#endif
