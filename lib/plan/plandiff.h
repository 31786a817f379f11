/* SPDX-License-Identifier: MIT */
#ifndef LAYERPIPE_PLANDIFF_H
#define LAYERPIPE_PLANDIFF_H

#include <stdbool.h>
#include <stdint.h>

#include "plan/plan.h"

/*
 * What a plan has in common with an older one. Two paths are the same where
 * their nar-hashes are, or where one of these is not known; two layers where
 * the same paths follow each other in them, so that their bytes are the same.
 */
struct plandiff {
	bool *known;     /* of each path of the plan: the older one has the same */
	uint32_t *equal; /* of each layer, from 0: the older plan's number of the same, or 0 */
};

/* The caller frees it with plandiff_free(). */
struct plandiff plandiff_make(const struct plan *plan, const struct plan *older);
void plandiff_free(struct plandiff *d);

#define AUTO_PLANDIFF __attribute__((cleanup(plandiff_free)))

#endif
