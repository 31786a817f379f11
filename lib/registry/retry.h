/* SPDX-License-Identifier: MIT */
#ifndef LAYERPIPE_RETRY_H
#define LAYERPIPE_RETRY_H

/* When a request is sent once more. */

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "base/mem.h"

enum { RETRY_MOST = 5, RETRY_WAIT_MOST = 60 };

/* Whether an answer of that status is a passing state of the server. 0: there was no answer. */
bool retry_helps(long status);

/*
 * Reads a Retry-After header (RFC 9110, 10.2.3): seconds, or a date in one of the three forms of
 * HTTP. *seconds from now, 0 where that is past; now counts since the epoch.
 */
MUST_USE int retry_after(const char *header, int64_t now, int64_t *seconds, struct err *e);

/*
 * Milliseconds to wait before try number n, from 1: what the header said, if it is not NULL and
 * can be read, at most a minute; else half a second, then twice as much each time. who spreads
 * those that wait for the same server a little.
 */
int64_t retry_wait(unsigned n, const char *header, int64_t now, unsigned who);

#endif
