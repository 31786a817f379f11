/* SPDX-License-Identifier: MIT */
#ifndef LAYERPIPE_TIMESTAMP_H
#define LAYERPIPE_TIMESTAMP_H

/* Points in time: ISO 8601 in, RFC 3339 out. */

#include <stdint.h>

#include "base/err.h"
#include "base/mem.h"

enum { TIMESTAMP_DIGITS = 9 };

struct timestamp {
	int64_t sec;     /* since the epoch, UTC */
	uint32_t nsec;   /* 0 to 999999999 */
	unsigned digits; /* of the fraction as it was written, 0 to TIMESTAMP_DIGITS */
};

/*
 * Reads YYYY-MM-DD, or YYYY-MM-DDTHH:MM[:SS[.FRACTION]] with a zone (Z, +HH,
 * +HH:MM or +HHMM) or without one (UTC); a space or t may stand for T. The
 * basic forms YYYYMMDD[THHMM[SS[.FRACTION]]] too, and @SECONDS since the
 * epoch. Years 0001 to 9999, in UTC too. Second 60 is the first second of the
 * next minute, as POSIX counts.
 */
MUST_USE int timestamp_parse(const char *s, struct timestamp *t, struct err *e);

/* Refuses what is not RFC 3339 as it stands, capital T and Z: what programs in Go take. */
MUST_USE int timestamp_check(const char *s, struct err *e);

/* Whole seconds: a decimal number of seconds since the epoch, "now", or what timestamp_parse()
 * reads. */
MUST_USE int timestamp_parse_seconds(const char *s, int64_t *sec, struct err *e);

/* SOURCE_DATE_EPOCH where it is set (a bad value is an error), else the clock, in whole seconds. */
MUST_USE int timestamp_now(struct timestamp *t, struct err *e);

/* YYYY-MM-DDTHH:MM:SS[.FRACTION]Z, the fraction with as many digits as were read. Free it. */
char *timestamp_format(const struct timestamp *t);

#endif
