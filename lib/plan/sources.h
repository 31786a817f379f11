/* SPDX-License-Identifier: MIT */
#ifndef LAYERPIPE_SOURCES_H
#define LAYERPIPE_SOURCES_H

/*
 * Which paths were built from one source: they change together, and so count
 * once. layer-plan(1) "Sources" has the rule.
 */

#include <stdint.h>

#include "closure/graph.h"

struct sources {
	uint32_t *of; /* of each path of the graph: its source, 0, 1, 2, … */
	uint32_t n;   /* sources */
};

/* The caller frees it with sources_free(). */
struct sources sources_find(const struct graph *g);
void sources_free(struct sources *s);

/* What a name says of its source, as in "libssl-3.0.14-bin". Borrowed parts of it. */
struct sources_name {
	const char *stem; /* the name without its language and "lib" */
	size_t stem_len;
	size_t name_len;     /* the name before its version */
	const char *version; /* NULL: none */
	size_t version_len;  /* with the package's revision, without an output's name */
	size_t release_len;  /* of it: before the first + */
};

struct sources_name sources_parse(const char *name);

#endif
