/* SPDX-License-Identifier: MIT */
#ifndef LAYERPIPE_IMAGE_OCI_H
#define LAYERPIPE_IMAGE_OCI_H

/* Parts of image: what an index or a manifest of the OCI image specification says. */

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>

#include "base/err.h"
#include "base/mem.h"
#include "image/image.h"

/* What an index names; strings are owned, NULL where absent. */
struct image_oci_entry {
	char *digest, *platform, *name;
	char *why; /* it is no image */
};

/* A document. Starts as { 0 }. */
struct image_oci {
	struct image_oci_entry *entries; /* of an index */
	size_t nentries;
	char *config;               /* of a manifest: the digest of its configuration, or NULL */
	bool oci;                   /* the manifest is one of the OCI specification */
	struct image_layer *layers; /* of a manifest: what it says of them */
	size_t nlayers;
};

/*
 * Reads an index ("OCI Image Index Specification") or a manifest ("OCI Image Manifest
 * Specification"), also docker's of the same shape; doc may be any JSON. What an index names that
 * is no image has only digest and why. After an error, *o has a part of it, and is freed all the
 * same. The error does not name the file.
 */
MUST_USE int image_oci_read(json_t *doc, struct image_oci *o, struct err *e);
void image_oci_free(struct image_oci *o);
#define AUTO_OCI __attribute__((cleanup(image_oci_free)))

/* Why a manifest or an index of its own is no image, a new string; NULL: it may be one. */
char *image_oci_why(json_t *doc);

#endif
