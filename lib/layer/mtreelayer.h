/* SPDX-License-Identifier: MIT */
#ifndef LAYERPIPE_MTREELAYER_H
#define LAYERPIPE_MTREELAYER_H

/*
 * One layer from an mtree, in the form that every image loader takes:
 * layer-stream(5) "OTHER LAYERS".
 */

#include <stdint.h>

#include "base/err.h"
#include "base/mem.h"
#include "base/out.h"
#include "layer/mtree.h"

/* For what the mtree does not say. Strings are borrowed. */
struct mtreelayer_form {
	int64_t mtime;
	uint64_t uid;
	uint64_t gid;
	const char *uname; /* of entries without a uid */
	const char *gname; /* of entries without a gid */
};

/*
 * Fills in what the entries do not say, looks up the sizes of their contents,
 * and computes the size of the layer. A size that the mtree gives must be the
 * file's. Refuses deletions that are none for every reader.
 */
MUST_USE int mtreelayer_measure(const struct mtreelayer_form *form, struct mtree *m, uint64_t *size,
				struct err *e);

/* Writes the layer tar of a measured mtree. */
MUST_USE int mtreelayer_emit(const struct mtree *m, struct out *o, struct err *e);

/*
 * Writes it as a layer stream of one layer, its contents read once before to
 * be hashed. comment: the history comment, NULL: none.
 */
MUST_USE int mtreelayer_write(const struct mtreelayer_form *form, struct mtree *m,
			      const char *comment, struct out *o, struct err *e);

/* Writes the tar alone. */
MUST_USE int mtreelayer_bare(const struct mtreelayer_form *form, struct mtree *m, struct out *o,
			     struct err *e);

#endif
