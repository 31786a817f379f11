/* SPDX-License-Identifier: MIT */
#ifndef LAYERPIPE_LAYERLIST_H
#define LAYERPIPE_LAYERLIST_H

/* What an image's layers are, without their bytes: the lines of layer-list(5). */

#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "base/mem.h"
#include "base/out.h"

#define LAYERLIST_TAR "application/vnd.oci.image.layer.v1.tar" /* media type of a plain layer */

/* Owned by the list, as all of it. */
struct layerlist_layer {
	char *diffid;     /* "sha256:HEX" of the layer tar */
	uint64_t size;    /* bytes of the blob */
	char *media_type; /* of the blob */
	char *digest;     /* "sha256:HEX" of the blob: the diff ID where it is a plain tar */
	char *comment;    /* UTF-8; NULL: none */
};

/* Bottom first. Starts as { 0 }. */
struct layerlist {
	struct layerlist_layer *layers;
	size_t n, cap;
};

/* Appends a layer; copies the strings. */
void layerlist_add(struct layerlist *l, const struct layerlist_layer *layer);

/* Appends the lines of an input. name is what messages call it. */
MUST_USE int layerlist_read(struct layerlist *l, int fd, const char *name, struct err *e);

MUST_USE int layerlist_write(const struct layerlist *l, struct out *o, struct err *e);

void layerlist_free(struct layerlist *l);
#define AUTO_LAYERLIST __attribute__((cleanup(layerlist_free)))

#endif
