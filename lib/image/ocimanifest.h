/* SPDX-License-Identifier: MIT */
#ifndef LAYERPIPE_OCIMANIFEST_H
#define LAYERPIPE_OCIMANIFEST_H

/*
 * The JSON documents of an OCI image beside its configuration (OCI Image Format
 * Specification, "Image Manifest", "Image Index" and "Image Layout"). Equal
 * arguments are equal bytes, without a newline at the end.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/digest.h"
#include "base/err.h"
#include "base/mem.h"
#include "image/imageconfig.h"
#include "tar/compress.h"

#define OCIMANIFEST_LAYOUT "{\"imageLayoutVersion\":\"1.0.0\"}" /* what is in oci-layout */

/* A blob; all borrowed. */
struct ocimanifest_blob {
	const char *hex; /* its digest, 64 hex digits */
	uint64_t size;
	const char *media_type; /* of a layer; the functions below know the others */
	const char *compressor; /* of a layer, as in known-layers(5); NULL: none */
};

/* UTF-8, borrowed; keys differ. */
struct ocimanifest_annotation {
	const char *key, *value;
};

struct ocimanifest_annotations {
	const struct ocimanifest_annotation *list;
	size_t n;
};

/* The media type of a layer that is compressed so. */
const char *ocimanifest_layer_type(enum compress_kind kind);

/* Appends the manifest; layers bottom first. */
MUST_USE int ocimanifest_write(const struct ocimanifest_blob *config,
			       const struct ocimanifest_blob *layers, size_t nlayers,
			       const struct ocimanifest_annotations *annotations, struct buf *b,
			       struct err *e);

/* What an index says of an image; all borrowed. */
struct ocimanifest_entry {
	struct ocimanifest_blob manifest;
	struct imageconfig_platform platform;
	const char *const *names; /* "NAME:TAG", an entry each; none: one entry without a name */
	size_t nnames;
	bool index; /* it is an index itself, for several platforms */
};

/* Appends an index. */
MUST_USE int ocimanifest_write_index(const struct ocimanifest_entry *entries, size_t n,
				     const struct ocimanifest_annotations *annotations,
				     struct buf *b, struct err *e);

/*
 * Appends an index that is there, with the entries and annotations of a new one added. Entries of
 * the same tag, or without one the same digest, are replaced. layout is what oci-layout holds: a
 * layout of another version is an error, as is what is no index. where names the layout.
 */
MUST_USE int ocimanifest_add(const char *where, const struct buf *layout, const struct buf *old,
			     const struct buf *new, struct buf *b, struct err *e);

#endif
