/* SPDX-License-Identifier: MIT */
#ifndef LAYERPIPE_LAYERWRITE_H
#define LAYERPIPE_LAYERWRITE_H

/* Writing a layer stream, layer-stream(5). */

#include <stdint.h>

#include "base/digest.h"
#include "base/err.h"
#include "base/mem.h"
#include "base/out.h"
#include "layer/knownlayers.h"

struct layerwrite {
	/* private */
	struct out *out;
	uint32_t layers; /* announced */
	uint32_t done;
	uint64_t start; /* where the stream begins in the output */
	uint64_t due;   /* where the current member must end */
	struct digest *check;
	char announced[DIGEST_HEX_LEN + 1];
};

/* What the stream says of a member; all but size and mtime may be missing. */
struct layerwrite_member {
	uint64_t size; /* bytes of the layer tar */
	int64_t mtime;
	const char *comment; /* history comment, UTF-8; borrowed */
	char diffid[DIGEST_HEX_LEN + 1];
	char key[DIGEST_HEX_LEN + 1];
	const struct knownlayers_layer
		*known; /* send it by reference, size 0; borrowed; NULL: no */
};

/* Opens a stream of that many layers. The output is borrowed. */
MUST_USE int layerwrite_begin(struct layerwrite *w, struct out *o, uint32_t layers, struct err *e);

/*
 * For who reads a layer twice, first for its diff ID: from now on each member whose diff ID is
 * announced is hashed while it is written, and refused where it is another. The digest is
 * borrowed.
 */
void layerwrite_check(struct layerwrite *w, struct digest *digest);

/* Writes a member's headers. The caller then writes its size bytes to the output. */
MUST_USE int layerwrite_member(struct layerwrite *w, const struct layerwrite_member *m,
			       struct err *e);

/* Ends the stream: refuses if layers are missing. */
MUST_USE int layerwrite_end(struct layerwrite *w, struct err *e);

#endif
