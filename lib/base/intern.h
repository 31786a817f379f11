/* SPDX-License-Identifier: MIT */
#ifndef LAYERPIPE_INTERN_H
#define LAYERPIPE_INTERN_H

/* Strings, each kept once and known by its number: 0, 1, 2, … in the order they came. */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/keyhash.h"

#define INTERN_NONE UINT32_MAX

struct intern_block;

/* Starts as { 0 }. */
struct intern {
	const char **strings; /* by number; they stay where they are until intern_free() */
	uint32_t n;
	/* private */
	size_t cap;
	uint32_t *slots; /* open addressing; INTERN_NONE is empty */
	size_t nslots;   /* a power of two */
	struct keyhash key;
	struct intern_block *blocks;
};

/* The number of the string; it is added where it is not there. */
uint32_t intern_add(struct intern *t, const char *s, size_t len);

/* The number of the string, INTERN_NONE where it is not there. */
uint32_t intern_find(const struct intern *t, const char *s, size_t len);

/* A copy that lives as long as the table, without a number. */
const char *intern_keep(struct intern *t, const char *s, size_t len);

void intern_free(struct intern *t);

#endif
