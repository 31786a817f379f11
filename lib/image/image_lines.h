/* SPDX-License-Identifier: MIT */
#ifndef LAYERPIPE_IMAGE_LINES_H
#define LAYERPIPE_IMAGE_LINES_H

/* Parts of image: what its jq programs make of JSON, and blobs that are named by their digest. */

#include <stdbool.h>
#include <stddef.h>

#include "base/digest.h"
#include "base/err.h"
#include "base/mem.h"
#include "base/record.h"
#include "image/image.h"

enum { IMAGE_LINE_FIELDS = 7 };

struct image_line {
	struct record_field text;        /* the whole line, as it is; valid during the call */
	char *fields[IMAGE_LINE_FIELDS]; /* values, the key first; NULL where absent. STEAL them. */
	size_t n;
};

/* Whether the line has that key, and n fields with it. */
bool image_line_is(const struct image_line *l, const char *key, size_t n);

typedef int image_line_fn(void *context, struct image_line *l, struct err *e);

/* Reads lines that end with the descriptor; name is what messages call it. */
MUST_USE int image_lines_read(int fd, const char *name, image_line_fn *fn, void *context,
			      struct err *e);

/* What becomes of the lines of image-archive.jq and image-manifest.jq; the context is a struct
 * imageset. */
image_line_fn imageset_archive_line, imageset_index_line;

/*
 * Runs a program, image-lines.jq in front, on JSON and calls fn for each line
 * that it writes. where, "FILE: MEMBER", stands before every error.
 */
MUST_USE int image_lines(const char *program, const char *const *args, const char *where,
			 const struct buf *json, image_line_fn *fn, void *context, struct err *e);

/* Takes the digest and the platform of a line "manifest DIGEST PLATFORM NAME" to a list. */
MUST_USE int image_add_descriptor(struct image_descriptor **list, size_t *n, struct image_line *l,
				  struct err *e);

/* What messages call a layer: "FILE: layer N (DIFF-ID)". */
char *image_layer_name(const struct image *i, size_t layer);

/* The member that holds the blob "sha256:HEX", of an OCI layout or of skopeo's flat dir: form. */
char *image_blob_name(const char *digest, bool flat);

/* Whether a member's name is that of such a blob, and then its "sha256:HEX". */
bool image_blob_digest(const char *name, char **digest);

/*
 * Appends a member's text. It must have the digest "sha256:HEX"; NULL: only the blobs of a layout
 * need to have the digest that they are named by. Names in a docker-archive promise nothing.
 */
MUST_USE int image_text(struct imagefile *f, const char *name, const char *digest, struct buf *text,
			struct err *e);

#endif
