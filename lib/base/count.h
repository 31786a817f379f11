/* SPDX-License-Identifier: MIT */
#ifndef LAYERPIPE_COUNT_H
#define LAYERPIPE_COUNT_H

/*
 * Exact natural numbers of any size: limbs of 64 bits, the least significant
 * first. Numbers that are kept are trimmed and live in lists; sums are made
 * in plain arrays of limbs, which the caller sizes.
 */

#include <stddef.h>
#include <stdint.h>

#include "base/mem.h"

/* A value, borrowed. Its top limb is not 0; no limb at all is zero. */
struct count {
	const uint64_t *limbs;
	size_t n;
};

/* Numbers one behind the other. Starts as { 0 }. */
struct count_list {
	uint64_t *limbs; /* owned */
	size_t nlimbs, limbs_cap;
	size_t *ends; /* owned: where in limbs each number ends */
	size_t n, ends_cap;
};

/* Appends the number in n limbs, leading zeros allowed. */
void count_push(struct count_list *l, const uint64_t *limbs, size_t n);

/* The i-th number, from 0; valid until the next count_push(). */
static inline struct count count_at(const struct count_list *l, size_t i)
{
	size_t start = i ? l->ends[i - 1] : 0;
	return (struct count){ l->limbs + start, l->ends[i] - start };
}

void count_list_free(struct count_list *l);

#define AUTO_COUNTS __attribute__((cleanup(count_list_free)))

/*
 * Adds a - b to the sum of n limbs. The result must be natural and fit;
 * a >= b, or what the sum holds already makes up for it.
 */
void count_add_difference(uint64_t *sum, size_t n, struct count a, struct count b);

/* Adds the n limbs of a to the sum of n limbs; the result must fit. */
void count_add(uint64_t *sum, const uint64_t *a, size_t n);

/* Less than, equal to or greater than 0, as a is than b. */
int count_compare(struct count a, struct count b);

/* In decimal; a new string the caller frees. Time grows with the square of the length. */
char *count_decimal(struct count a);

#endif
