/* SPDX-License-Identifier: MIT */
#ifndef LAYERPIPE_IMAGELAYERS_H
#define LAYERPIPE_IMAGELAYERS_H

/* What image-layers tells of an image. */

#include "err.h"
#include "image.h"
#include "mem.h"
#include "out.h"

/*
 * The layers as layer-stream(5), bottom first, with their diff IDs and
 * comments. Compressed ones are decompressed twice: once before anything is
 * written, to learn their sizes. On failure the stream lacks its end.
 */
MUST_USE int imagelayers_stream(struct image *i, struct out *o, struct err *e);

/*
 * The layers as layer-list(5). A compressed layer whose digest no manifest
 * has is read to hash it.
 */
MUST_USE int imagelayers_list(const struct image *i, struct out *o, struct err *e);

/* The names of n images, one a line, escaped as a field is. */
MUST_USE int imagelayers_names(const struct image_entry *entries, size_t n, struct out *o,
			       struct err *e);

#endif
