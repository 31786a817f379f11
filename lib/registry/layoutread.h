/* SPDX-License-Identifier: MIT */
#ifndef LAYERPIPE_LAYOUTREAD_H
#define LAYERPIPE_LAYOUTREAD_H

/*
 * What an image in an OCI layout consists of: its manifests and their blobs (OCI Image Format
 * Specification, "Image Manifest", "Image Index" and "Image Layout"). Blobs of layers need not be
 * there, and are not opened. image/imagefile.h reads images to take them apart; here the bytes of
 * the manifests themselves are needed, and a push that finds nothing to do ends before a jq starts.
 */

#include <stdbool.h>
#include <stdint.h>

#include "base/digest.h"
#include "base/err.h"
#include "base/mem.h"

enum { LAYOUTREAD_DIGEST = 7 + DIGEST_HEX_LEN, LAYOUTREAD_TEXT = 4 << 20 };

/* A layer, or a configuration; each digest once in an image. */
struct layoutread_blob {
	char digest[LAYOUTREAD_DIGEST + 1]; /* "sha256:HEX" */
	uint64_t size;
	size_t layer;  /* of its manifest, from 1; 0: it is a configuration */
	char *comment; /* what the history says of the layer, or NULL */
};

struct layoutread_manifest {
	char digest[LAYOUTREAD_DIGEST + 1];
	char *media_type;
	struct buf text;
	bool index;    /* it names other manifests */
	size_t *blobs; /* numbers of its blobs, its configuration first */
	size_t nblobs;
};

/* Starts as { .dir = -1 }. */
struct layoutread {
	const char *path; /* borrowed */
	int dir;
	struct layoutread_manifest
		*manifests; /* an index is behind what it names: the last is the image */
	size_t nmanifests;
	struct layoutread_blob *blobs;
	size_t nblobs;
	/* private */
	size_t manifests_cap, blobs_cap;
	size_t text; /* bytes of all manifests */
};

/*
 * Reads the image that is called name, NAME:TAG or a tag alone; NULL: the only one. All manifests
 * of an index count. Their digests are checked, and that no media type or digest has characters
 * that it should not have. path is borrowed. Messages name it.
 */
MUST_USE int layoutread_open(const char *path, const char *name, struct layoutread *l,
			     struct err *e);

/* Takes comments of layers from the configurations, as far as they can be read. */
void layoutread_comments(struct layoutread *l);

/* The image itself: its manifest or index. */
const struct layoutread_manifest *layoutread_top(const struct layoutread *l);

/* Where a blob lies in the directory: "blobs/sha256/HEX"; the caller frees it. */
char *layoutread_blob_path(const char *digest);

void layoutread_free(struct layoutread *l);
#define AUTO_LAYOUTREAD __attribute__((cleanup(layoutread_free)))

#endif
