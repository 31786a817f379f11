/* SPDX-License-Identifier: MIT */
#ifndef LAYERPIPE_DIFFREPORT_H
#define LAYERPIPE_DIFFREPORT_H

/* How two images differ, as a table for people and in lines for scripts: image-diff(1). */

#include "base/err.h"
#include "base/mem.h"
#include "image/imagediff.h"
#include "image/imagesummary.h"
#include "image/piecediff.h"

struct diffreport {
	const struct imagesummary *a, *b; /* borrowed */
	struct imagediff diff;            /* of their layers */
	struct piecediff pieces;          /* of B; NULL in it: nobody asked */
};

/*
 * Compares two images, and reads what the layers hold: those of B, and of A
 * what B lacks or, being a list, does not tell; and, if pieces is set, what
 * their tables tell of pieces. The caller frees it with diffreport_free(),
 * before the images.
 */
MUST_USE int diffreport_make(struct imagesummary *a, struct imagesummary *b, bool pieces,
			     struct diffreport *r, struct err *e);

void diffreport_free(struct diffreport *r);

#define AUTO_DIFFREPORT __attribute__((cleanup(diffreport_free)))

void diffreport_text(const struct diffreport *r, struct buf *b);

/* A line a layer. */
void diffreport_tsv(const struct diffreport *r, struct buf *b);

#endif
