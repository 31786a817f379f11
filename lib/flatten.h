/* SPDX-License-Identifier: MIT */
#ifndef LAYERPIPE_FLATTEN_H
#define LAYERPIPE_FLATTEN_H

/* Layers on top of each other as one flat tar. */

#include <stdbool.h>

#include "err.h"
#include "mem.h"
#include "out.h"

/*
 * Reads layer streams (layerread.h) from the descriptor, whose name messages
 * call it by, and writes the tree that the layers make (layertree.h): names
 * begin with "./", in the order of layertree_each(), so that equal trees are
 * equal bytes, however layers cut them.
 *
 * Nothing is written before all layers are read and each digest that the
 * stream gives was found right. A regular file is then read once more; what
 * else it is is put aside in a spool (spool.h) meanwhile. No layer at all is
 * an error unless allow_empty.
 */
MUST_USE int flatten(int in, const char *name, bool allow_empty, struct out *o, struct err *e);

#endif
