/* SPDX-License-Identifier: MIT */
#ifndef LAYERPIPE_IMAGESUMMARY_H
#define LAYERPIPE_IMAGESUMMARY_H

/* What an image is made of, read from the image itself or from a layer-list(5). */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "base/mem.h"
#include "image/image.h"
#include "image/imagediff.h"
#include "layer/layerlist.h"
#include "layer/layersummary.h"

/* One layer; strings belong to the imagesummary. */
struct imagesummary_layer {
	const char *diffid;  /* "sha256:HEX" */
	const char *digest;  /* "sha256:HEX" of the blob; NULL: not known */
	const char *history; /* the command that made it, else its comment; NULL: neither */
	uint64_t stored;     /* bytes as it is stored */
	uint64_t size;       /* bytes of the layer tar; 0: not known */
	bool read;           /* whether imagesummary_read() has told what it holds: */
	struct layersummary holds;
};

struct imagesummary {
	const char *name;  /* what messages call it */
	const char *image; /* "NAME:TAG", the first it has; NULL: none, or a list */
	struct imagesummary_layer *layers;
	size_t n;
	/* private */
	struct imagefile *file; /* NULL: a list */
	struct imageset set;
	struct image from;
	struct layerlist list;
};

/*
 * Opens an image, or a file of layer-list(5) lines, which is told by its
 * first bytes; "-" is standard input. image says which one of the file's, as
 * in imageset_find(); there is none in a list. path is borrowed. The caller
 * frees it with imagesummary_free(), after a failure too.
 */
MUST_USE int imagesummary_open(const char *path, const char *image, struct imagesummary *about,
			       struct err *e);

/*
 * Reads what a layer, counted from 0, holds, and its size. Of a layer that
 * is not compressed contents are skipped; then its digest is not checked.
 * Does nothing where there is a list only, or an image without the blob.
 */
MUST_USE int imagesummary_read(struct imagesummary *about, size_t layer, struct err *e);

/* How the layers of A and B differ. The caller frees it. */
struct imagediff imagesummary_diff(const struct imagesummary *a, const struct imagesummary *b);

/* Reads a layer, counted from 0, for who wants to see all of it; refuses a list. */
MUST_USE int imagesummary_open_layer(const struct imagesummary *about, size_t layer,
				     struct image_reader **r, struct err *e);

/* Refuses a list, for who wants to know what layers hold. */
MUST_USE int imagesummary_is_image(const struct imagesummary *about, struct err *e);

/* image_find_tables(); before what follows. */
MUST_USE int imagesummary_find_tables(struct imagesummary *about, struct err *e);

/* image_layer_has_table() and image_layer_pieces() of a layer, counted from 0; of an image only. */
bool imagesummary_has_table(const struct imagesummary *about, size_t layer);
MUST_USE int imagesummary_pieces(const struct imagesummary *about, size_t layer,
				 zstdtocread_take *take, void *context, uint64_t *length,
				 struct err *e);

/* Appends a line that says which image it is. */
void imagesummary_title(const struct imagesummary *about, const char *which, struct buf *b);

void imagesummary_free(struct imagesummary *about);

#define AUTO_IMAGESUMMARY __attribute__((cleanup(imagesummary_free)))

#endif
