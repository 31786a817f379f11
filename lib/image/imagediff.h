/* SPDX-License-Identifier: MIT */
#ifndef LAYERPIPE_IMAGEDIFF_H
#define LAYERPIPE_IMAGEDIFF_H

/*
 * What the layers of two images have in common, told by their diff IDs, and
 * what a pull of the second costs whoever has the first; image-diff(1).
 *
 * The chain ID of a layer stands for it and all below it (OCI image
 * specification, "Layer ChainID"): that of the bottom layer is its diff ID,
 * that of another one the SHA-256 of the chain ID below, a space, and its own
 * diff ID.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/digest.h"
#include "base/mem.h"

enum imagediff_status {
	IMAGEDIFF_SHARED,  /* in both images, maybe in other places */
	IMAGEDIFF_ADDED,   /* in B only */
	IMAGEDIFF_REMOVED, /* in A only */
};

/* One layer. */
struct imagediff_line {
	enum imagediff_status status;
	size_t a, b;                    /* its places in the images, from 1; 0: not there */
	char chain[DIGEST_HEX_LEN + 1]; /* chain ID in B, or in A where B lacks it; no "sha256:" */
	bool by_layer; /* whether a pull fetches it where layers are known by diff ID */
	bool by_chain; /* the same where they are known by chain ID */
};

/*
 * Each layer of A and of B once. In order of place; where several have the
 * same one, what is removed comes first.
 */
struct imagediff {
	struct imagediff_line *lines; /* owned */
	size_t n;
};

/*
 * Compares two images, given as the diff IDs ("sha256:HEX") of their layers,
 * bottom first. A layer of B is shared with the layer of A in the same place
 * where all below is equal, too; else with the lowest equal one that no layer
 * of B is shared with yet. So a diff ID that B has more often than A is added
 * the other times; a pull by diff ID fetches it once, and only where A lacks
 * it. The caller frees it with imagediff_free().
 */
struct imagediff imagediff_make(const char *const *a, size_t na, const char *const *b, size_t nb);

void imagediff_free(struct imagediff *d);

#define AUTO_IMAGEDIFF __attribute__((cleanup(imagediff_free)))

#endif
