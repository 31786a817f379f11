/* SPDX-License-Identifier: MIT */
#ifndef LAYERPIPE_NUM_H
#define LAYERPIPE_NUM_H

#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "base/mem.h"

/*
 * Reads a number that is the whole of s[0..len): digits of the base (8 or
 * 10) and nothing else, no sign, no space, not empty, min <= value <= max.
 * The error says what was found and what was expected.
 */
MUST_USE int num_parse(const char *s, size_t len, unsigned base, uint64_t min, uint64_t max,
		       uint64_t *value, struct err *e);

/* a + b; UINT64_MAX where that is too large. */
static inline uint64_t num_plus(uint64_t a, uint64_t b)
{
	return a > UINT64_MAX - b ? UINT64_MAX : a + b;
}

#endif
