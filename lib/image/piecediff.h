/* SPDX-License-Identifier: MIT */
#ifndef LAYERPIPE_PIECEDIFF_H
#define LAYERPIPE_PIECEDIFF_H

/*
 * What a client that has an image and pulls by pieces, zstd-chunked(5), gets of
 * another: image-diff(1), --pieces. As containers/storage does it: a file that
 * a layer of A has is not pulled, nor is a piece that is a piece or a whole
 * file there; what lies in B twice, and not in A, is pulled twice.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "base/mem.h"
#include "image/imagediff.h"
#include "image/imagesummary.h"

/* Of a layer of B. All is 0 where A has the layer, or another one of B that is the same. */
struct piecediff_layer {
	bool table;      /* it is pulled by pieces; otherwise whole */
	uint64_t pieces; /* how many pieces are pulled */
	uint64_t size;   /* bytes of them in files; of a layer that is pulled whole 0 */
	uint64_t stored; /* bytes that are pulled, tables included */
};

struct piecediff {
	struct piecediff_layer *layers; /* by place in B, owned */
};

/*
 * Reads the tables of both images, which are not checked against the layers; diff is theirs.
 * Refuses lists. Memory: 64 bytes for each piece of A. The caller frees it with piecediff_free().
 */
MUST_USE int piecediff_make(struct imagesummary *a, struct imagesummary *b,
			    const struct imagediff *diff, struct piecediff *p, struct err *e);

void piecediff_free(struct piecediff *p);

#endif
