/* SPDX-License-Identifier: MIT */
#ifndef LAYERPIPE_LAYERSUMMARY_H
#define LAYERPIPE_LAYERSUMMARY_H

/* What a layer holds, in short. */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "base/mem.h"
#include "base/source.h"

/* Names that are kept of a layer, and their bytes together. */
enum { LAYERSUMMARY_NAMES = 100, LAYERSUMMARY_BYTES = 8 << 10 };

/* Starts as { 0 }. */
struct layersummary {
	uint64_t entries;
	/*
	 * The first names, in the layer's order, each once: "/nix/store/HASH-NAME"
	 * for what lies in a store path; else the entry's name without a leading
	 * "/" or "./", but no directory that something in it follows.
	 */
	char **names;
	size_t n;
	bool more; /* there are more */
	/* private */
	size_t bytes;
};

/* Reads a layer tar, to the end of the source. */
MUST_USE int layersummary_read(struct layersummary *about, struct source *s, struct err *e);

/*
 * What an entry of that name is called: the store path that it is or lies in,
 * "/nix/store/HASH-NAME", else the name without a leading "/" or "./" and a
 * trailing "/"; "." is the root. Free it.
 */
char *layersummary_name(const char *name);

void layersummary_free(struct layersummary *about);

#endif
