/* SPDX-License-Identifier: MIT */
#ifndef GUEST_PACK_H
#define GUEST_PACK_H

/* Packs what an overlay file system wrote as a layer. */

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "base/mem.h"
#include "vm/guest/channel.h"

struct pack {
	int root;           /* the upper directory; borrowed */
	const char *opaque; /* the attribute that marks what hides all below */
	bool has_root;      /* the root itself is listed */
	const struct channels *channels;
	uint64_t written; /* set: bytes of the layer */
};

/* Writes the layer to the result channel, with the times that files have. */
MUST_USE int pack_layer(struct pack *p, struct err *e);

#endif
