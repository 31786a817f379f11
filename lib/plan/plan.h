/* SPDX-License-Identifier: MIT */
#ifndef LAYERPIPE_PLAN_H
#define LAYERPIPE_PLAN_H

/*
 * Which store path goes into which layer: the lines of layer-plan(5).
 * A struct plan starts as { 0 }.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "base/mem.h"
#include "base/out.h"

struct plan_path {
	char *path;     /* owned by the plan */
	char *nar_hash; /* SRI form; NULL where not known */
	uint64_t nar_size;
	bool has_size;
	uint32_t layer; /* from 1, bottom first */
};

/* In order: layers 1, 2, … without gaps, the paths of a layer as they follow each other in it. */
struct plan {
	struct plan_path *paths;
	size_t n;
	size_t cap;
	uint32_t layers;
};

/*
 * Appends a path. Refuses a layer that is neither the last one nor the next.
 * Copies the strings.
 */
MUST_USE int plan_add(struct plan *p, uint32_t layer, const char *path, const char *nar_hash,
		      bool has_size, uint64_t nar_size, struct err *e);

/*
 * Reads a whole plan. Layers must ascend; a number that is left out (its
 * paths were taken out of the plan) is no layer, and the layers behind it
 * move down, so that *p has none of its gaps. The paths of a layer keep
 * their order. Refuses what is no store path (in any directory, see
 * storepath_check()), and a path that stands in the plan twice.
 */
MUST_USE int plan_read(int fd, const char *name, struct plan *p, struct err *e);

MUST_USE int plan_write(const struct plan *p, struct out *o, struct err *e);

void plan_free(struct plan *p);

#define AUTO_PLAN __attribute__((cleanup(plan_free)))

#endif
