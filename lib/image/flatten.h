/* SPDX-License-Identifier: MIT */
#ifndef LAYERPIPE_FLATTEN_H
#define LAYERPIPE_FLATTEN_H

/*
 * Layers on top of each other as one flat tar, of the tree that they make
 * (layertree.h): names begin with "./", in the order of layertree_each(), so
 * that equal trees are equal bytes, however layers cut them.
 *
 * Nothing is written before all layers are read and each digest that is given
 * for one was found right. Contents are then read once more, in place where
 * that can be; else they were put aside in a spool (spool.h).
 */

#include <stdbool.h>

#include "base/err.h"
#include "base/mem.h"
#include "base/out.h"
#include "image/image.h"

struct flatten;

struct flatten *flatten_new(void);
void flatten_free(struct flatten *f);

/*
 * Lays layer streams (layerread.h) on top, read from the descriptor to its
 * end; name is what messages call it. A regular file is read in place. *empty:
 * whether no byte came.
 */
MUST_USE int flatten_stream(struct flatten *f, int in, const char *name, bool *empty,
			    struct err *e);

/* Lays the layers of an image on top; those that are not compressed are read in place. */
MUST_USE int flatten_image(struct flatten *f, const struct image *i, struct err *e);

/* Layers so far. */
uint32_t flatten_layers(const struct flatten *f);

/* Writes the tar. What layers were read from must still be open. */
MUST_USE int flatten_write(const struct flatten *f, struct out *o, struct err *e);

/* For __attribute__((cleanup)). */
void flatten_cleanup(struct flatten **f);
#define AUTO_FLATTEN __attribute__((cleanup(flatten_cleanup)))

#endif
