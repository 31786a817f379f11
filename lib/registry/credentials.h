/* SPDX-License-Identifier: MIT */
#ifndef LAYERPIPE_CREDENTIALS_H
#define LAYERPIPE_CREDENTIALS_H

/* A name and a password for a registry. */

#include <stdbool.h>

#include "base/err.h"
#include "base/mem.h"

/* Starts as { 0 }, which is nobody. */
struct credentials {
	char *user, *secret; /* owned; NULL: anonymous */
	bool identity;       /* the secret is an identity token */
};

/*
 * Reads lines of host, user and secret, as layerpipe(7) has lines, from a descriptor (borrowed),
 * and takes the first one of that host. The user "<token>" means an identity token. Messages name
 * lines, never what is in them.
 */
MUST_USE int credentials_read(int fd, const char *host, struct credentials *c, struct err *e);

void credentials_free(struct credentials *c);
#define AUTO_CREDENTIALS __attribute__((cleanup(credentials_free)))

#endif
