/* SPDX-License-Identifier: MIT */
#ifndef LAYERPIPE_KNOWNLAYERS_H
#define LAYERPIPE_KNOWNLAYERS_H

/* The file of layers that were compressed once: known-layers(5). */

#include <stddef.h>
#include <stdint.h>

#include "base/digest.h"
#include "base/err.h"
#include "base/mem.h"

/* A layer and the blob that it became. */
struct knownlayers_layer {
	char key[DIGEST_HEX_LEN + 1];    /* "": none */
	char diffid[DIGEST_HEX_LEN + 1]; /* 64 hex digits, as is digest */
	char digest[DIGEST_HEX_LEN + 1];
	uint64_t size;          /* bytes of the blob */
	const char *compressor; /* printable ASCII without a backslash, as is media_type */
	const char *media_type;
};

struct knownlayers;

/* Gets what is to be said of lines that were ignored as they are not whole. */
typedef void knownlayers_warn(const void *context, const char *warning);

/*
 * A file that is not there, in a directory that is, knows no layer. path is borrowed. A pipe is
 * refused.
 */
MUST_USE int knownlayers_read(const char *path, knownlayers_warn *warn, const void *context,
			      struct knownlayers **k, struct err *e);

/*
 * The layer with that key, or where key is NULL with that diff ID, that was compressed so; NULL:
 * it is not known. By its key, a layer that another key has too is not known. Borrowed, until
 * something is added.
 */
const struct knownlayers_layer *knownlayers_find(const struct knownlayers *k, const char *key,
						 const char *diffid, const char *compressor);

/* Adds a layer; copies the strings. What is known already in the same way is not added. */
void knownlayers_add(struct knownlayers *k, const struct knownlayers_layer *layer);

/* Appends what was added to the file, which is made where it is not there. */
MUST_USE int knownlayers_append(const struct knownlayers *k, struct err *e);

void knownlayers_free(struct knownlayers *k);

/* For __attribute__((cleanup)). */
void knownlayers_cleanup(struct knownlayers **k);
#define AUTO_KNOWNLAYERS __attribute__((cleanup(knownlayers_cleanup)))

#endif
