/* SPDX-License-Identifier: MIT */
#ifndef LAYERPIPE_MANIFESTREAD_H
#define LAYERPIPE_MANIFESTREAD_H

/* What an index or a manifest names (OCI Image Format Specification; docker's forms are alike). */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "base/mem.h"

/* What it says of another document or of a blob. Strings are owned; NULL where they lack. */
struct manifestread_descriptor {
	char *digest; /* "sha256:HEX", always */
	char *media_type, *ref_name, *full_name;
	uint64_t size;
	bool has_size;
	bool elsewhere; /* it says where else the blob is, so a registry need not have it */
};

struct manifestread_list {
	struct manifestread_descriptor *list;
	size_t n, cap;
};

/* Starts as { 0 }. */
struct manifestread {
	char *media_type; /* or NULL */
	struct manifestread_list manifests, layers, config;
	bool index; /* it has "manifests"; else it has one config */
};

/* All of them, as a header Accept has media types. */
extern const char manifestread_types[];

/* Reads it. A digest that is none, or a missing size, is an error. */
MUST_USE int manifestread_parse(const struct buf *text, struct manifestread *m, struct err *e);

void manifestread_free(struct manifestread *m);
#define AUTO_MANIFESTREAD __attribute__((cleanup(manifestread_free)))

#endif
