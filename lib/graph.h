/* SPDX-License-Identifier: MIT */
#ifndef LAYERPIPE_GRAPH_H
#define LAYERPIPE_GRAPH_H

/*
 * A closure: store paths and what they refer to. Lines of it are described
 * in closure-graph(5).
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "err.h"
#include "mem.h"
#include "out.h"

struct graph_path {
	const char *path;     /* owned by the graph, as all of it */
	const char *nar_hash; /* SRI form, "sha256-…="; NULL where not known */
	uint64_t nar_size;    /* bytes; 0 where not known */
	bool has_size;
	const uint32_t *refs; /* indices into paths, ascending, self-reference kept */
	uint32_t nrefs;
};

/* Complete and checked: sorted by path, every reference inside, no cycle but self-references. */
struct graph {
	struct graph_path *paths;
	uint32_t n;
	/* private: the memory behind it */
	struct graph_store *store;
};

/*
 * Collects paths in any order. graph_add() copies what it is given; the same
 * path twice with the same data (reference order aside) is one path, with
 * other data an error. graph_finish() sorts, resolves and checks (a dangling
 * reference names both paths, a cycle is printed whole), writes *g and frees
 * the builder; on failure too.
 */
struct graph_builder;
struct graph_builder *graph_builder_new(void);
MUST_USE int graph_add(struct graph_builder *b, const char *path, const char *nar_hash,
		       bool has_size, uint64_t nar_size, const char *const *refs, size_t nrefs,
		       struct err *e);
MUST_USE int graph_finish(struct graph_builder *b, struct graph *g, struct err *e);
void graph_builder_free(struct graph_builder *b);

/* Reads closure-graph(5) lines into the builder. name is what messages call the input. */
MUST_USE int graph_read(struct graph_builder *b, int fd, const char *name, struct err *e);

/* Writes closure-graph(5) lines. */
MUST_USE int graph_write(const struct graph *g, struct out *o, struct err *e);

/* Index of a path, or -1 (a graph has fewer than 2^32 - 1 paths). */
int64_t graph_find(const struct graph *g, const char *path);

void graph_free(struct graph *g);

#endif
