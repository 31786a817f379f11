/* SPDX-License-Identifier: MIT */
#ifndef LAYERPIPE_PACE_H
#define LAYERPIPE_PACE_H

/* Whether a request goes on fast enough: a server that gives a byte now and then holds nobody. */

#include <stdbool.h>
#include <stdint.h>

enum {
	PACE_SECONDS = 300,
	PACE_LEAST = 64 << 10, /* bytes in this time, in both directions together */
};

/* Starts as { 0 }. */
struct pace {
	bool begun;
	uint64_t bytes;
	int64_t since; /* milliseconds */
};

/*
 * Looks at a request that has moved so many bytes by now, in milliseconds: whether it is still to
 * be waited for. waits: it stands still because of us. A request of fewer bytes has PACE_SECONDS.
 */
bool pace_holds(struct pace *p, uint64_t bytes, int64_t now, bool waits);

#endif
