/* SPDX-License-Identifier: MIT */
#ifndef LAYERPIPE_DOCKERARCHIVE_H
#define LAYERPIPE_DOCKERARCHIVE_H

/*
 * Writing a docker-archive (combined format of Docker Image Specification
 * v1.2) in one go: KEY/layer.tar for each layer, ID.json for each
 * configuration, and manifest.json last. Without that, and the end that
 * follows it, an archive does not load. In a hybrid archive, which is an OCI
 * layout too, layers and configurations are blobs/sha256/DIGEST instead.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/digest.h"
#include "base/err.h"
#include "base/mem.h"
#include "tar/compress.h"

/* An archive in the making. */
struct dockerarchive {
	struct compress *to; /* borrowed */
	uint64_t size;       /* bytes written */
};

/* Any member, such as those that only an OCI layout has: size bytes by dockerarchive_write() stand
 * between the two. No two have the same name. */
MUST_USE int dockerarchive_begin(struct dockerarchive *a, const char *name, uint64_t size,
				 struct err *e);
MUST_USE int dockerarchive_end(struct dockerarchive *a, uint64_t size, struct err *e);

/* A whole member. */
MUST_USE int dockerarchive_text(struct dockerarchive *a, const char *name, const struct buf *text,
				struct err *e);

/*
 * A layer: exactly size bytes by dockerarchive_write() stand between the two.
 * key is 64 hex digits, and no two layers of an archive have the same.
 */
MUST_USE int dockerarchive_begin_layer(struct dockerarchive *a, const char *key, uint64_t size,
				       struct err *e);
MUST_USE int dockerarchive_write(struct dockerarchive *a, const void *data, size_t len,
				 struct err *e);
MUST_USE int dockerarchive_end_layer(struct dockerarchive *a, uint64_t size, struct err *e);

/* The configuration of the image id: its digest, 64 hex digits. */
MUST_USE int dockerarchive_config(struct dockerarchive *a, const char *id, const struct buf *json,
				  struct err *e);

/* What the manifest says of an image; all borrowed. */
struct dockerarchive_image {
	const char *id;
	const char *const *names; /* "NAME:TAG" */
	size_t nnames;
	const char *const
		*keys; /* of its layers, bottom first; of a hybrid archive their digests */
	size_t nkeys;
	bool hybrid;
};

/* Writes the manifest of n images and the end; compress_finish() is the caller's. */
MUST_USE int dockerarchive_finish(struct dockerarchive *a, const struct dockerarchive_image *images,
				  size_t n, struct err *e);

/* Writes the end alone, of an archive that has no such manifest. */
MUST_USE int dockerarchive_close(struct dockerarchive *a, struct err *e);

#endif
