/* SPDX-License-Identifier: MIT */
#ifndef LAYERPIPE_IMAGE_PARTS_H
#define LAYERPIPE_IMAGE_PARTS_H

/* Parts of image: documents, descriptors, and blobs that are named by their digest. */

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>

#include "base/err.h"
#include "base/mem.h"
#include "image/image.h"

/*
 * Adds what a manifest.json says ("Docker Image Specification v1.2"), or an index.json. After an
 * error, *s has a part of it. The error does not name the file.
 */
MUST_USE int imageset_add_archive(struct imageset *s, json_t *doc, struct err *e);
MUST_USE int imageset_add_index(struct imageset *s, json_t *doc, struct err *e);

/* Adds to a list; takes digest and platform, and leaves NULL behind. */
MUST_USE int image_add_descriptor(struct image_descriptor **list, size_t *n, char **digest,
				  char **platform, struct err *e);

void image_layers_free(struct image_layer *layers, size_t n);

/* What messages call a layer: "FILE: layer N (DIFF-ID)". */
char *image_layer_name(const struct image *i, size_t layer);

/* The member that holds the blob "sha256:HEX", of an OCI layout or of skopeo's flat dir: form. */
char *image_blob_name(const char *digest, bool flat);

/* Whether a member's name is that of such a blob, and then its "sha256:HEX". */
bool image_blob_digest(const char *name, char **digest);

/*
 * Reads a member that is a JSON document: its text is appended, *doc is to be json_decref()ed. It
 * must have the digest "sha256:HEX"; NULL: only the blobs of a layout need to have the digest that
 * they are named by. Names in a docker-archive promise nothing.
 */
MUST_USE int image_document(struct imagefile *f, const char *name, const char *digest,
			    struct buf *text, json_t **doc, struct err *e);

#endif
