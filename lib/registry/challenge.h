/* SPDX-License-Identifier: MIT */
#ifndef LAYERPIPE_CHALLENGE_H
#define LAYERPIPE_CHALLENGE_H

/* How a registry wants to be told who asks: WWW-Authenticate (RFC 9110, 11.6.1). */

#include <stddef.h>

#include "base/err.h"
#include "base/mem.h"

enum challenge_kind { CHALLENGE_OTHER, CHALLENGE_BASIC, CHALLENGE_BEARER };

/* Strings are owned, NULL where they do not stand there. */
struct challenge {
	enum challenge_kind kind;
	char *realm, *service, *error;
	char *scope; /* maybe several, with a space between them */
};

/* Starts as { 0 }. */
struct challenges {
	struct challenge *list;
	size_t n, cap;
};

/*
 * Adds the challenges of one header: there may be several in one, and several headers. Unknown
 * schemes and parameters are passed over; a parameter that comes twice counts once, the first time.
 */
MUST_USE int challenge_parse(const char *header, struct challenges *c, struct err *e);

/* The one to answer: the first Bearer with a realm, else the first Basic; NULL: neither. */
const struct challenge *challenge_choose(const struct challenges *c);

void challenges_free(struct challenges *c);
#define AUTO_CHALLENGES __attribute__((cleanup(challenges_free)))

#endif
