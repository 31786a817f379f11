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

#include "base/err.h"
#include "base/mem.h"
#include "base/out.h"
#include "base/record.h"

struct graph_path {
	const char *path;     /* owned by the graph, as all of it */
	const char *nar_hash; /* SRI form, "sha256-…="; NULL where not known */
	const char *deriver;  /* the derivation that made it; NULL where not known */
	uint64_t nar_size;    /* bytes; 0 where not known */
	bool has_size;
	const uint32_t *refs; /* indices into paths, ascending, self-reference kept */
	uint32_t nrefs;
	bool has_refs; /* false: not known, and nrefs is 0 */
};

/* Complete and checked: sorted by path, every reference inside, no cycle but self-references. */
struct graph {
	struct graph_path *paths;
	uint32_t n;
	/* private: the memory behind it */
	struct graph_store *store;
};

/*
 * Collects paths in any order. graph_add() copies what it is given; a string
 * or list that is NULL is not known. The same path twice is one path, each
 * field taken from where it is known; known twice and different is an error
 * (the order of references, and one named twice, make no difference).
 *
 * graph_finish() sorts, resolves and checks (a dangling reference names both
 * paths, a cycle is printed whole), writes *g and frees the builder; on
 * failure too.
 */
struct graph_builder;
struct graph_builder *graph_builder_new(void);

/* Refuses paths outside this directory from now on; borrowed. NULL, the start: any directory. */
void graph_store_dir(struct graph_builder *b, const char *store_dir);

/*
 * Where the paths that follow come from: errors name it, "NAME:LINE: …", or
 * "NAME: …" where line is 0. NULL, the start: nothing to name.
 */
void graph_origin(struct graph_builder *b, const char *name, uint64_t line);

/* Leaves the path out when the graph is finished, and references to it. */
MUST_USE int graph_exclude(struct graph_builder *b, const char *path, struct err *e);

MUST_USE int graph_add(struct graph_builder *b, const char *path, const char *nar_hash,
		       bool has_size, uint64_t nar_size, const char *const *refs, size_t nrefs,
		       struct err *e);

/*
 * Says which derivation made a path that was added. More than one may have:
 * the graph has the first of them in byte order.
 */
MUST_USE int graph_deriver(struct graph_builder *b, const char *path, const char *deriver,
			   struct err *e);

MUST_USE int graph_finish(struct graph_builder *b, struct graph *g, struct err *e);
void graph_builder_free(struct graph_builder *b);

/* Reads closure-graph(5) lines into the builder. name is what messages call the input. */
MUST_USE int graph_read(struct graph_builder *b, int fd, const char *name, struct err *e);

/*
 * The same from a reader that has begun. Without numbered, lines are those
 * of a converter between the input and us, and messages do not name them.
 */
MUST_USE int graph_read_records(struct graph_builder *b, struct record_reader *r, bool numbered,
				struct err *e);

/* Keeps only the closure of the roots (paths of the graph). */
MUST_USE int graph_cut(struct graph *g, const char *const *roots, size_t nroots, struct err *e);

/* Writes closure-graph(5) lines. */
MUST_USE int graph_write(const struct graph *g, struct out *o, struct err *e);

/* Index of a path, or -1 (a graph has fewer than 2^32 - 1 paths). */
int64_t graph_find(const struct graph *g, const char *path);

void graph_free(struct graph *g);

#endif
