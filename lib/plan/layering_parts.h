/* SPDX-License-Identifier: MIT */
#ifndef LAYERPIPE_LAYERING_PARTS_H
#define LAYERPIPE_LAYERING_PARTS_H

/* How a layering pipeline looks to its own parts. */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "closure/graph.h"
#include "plan/merge.h"

/* --- values: what operations take and give --- */

enum kind { GRAPH, LIST, DICT };

/*
 * A path of a graph value. References lead from one member to another of the
 * same part, unless they were cut off the one they lead to.
 */
struct member {
	uint32_t path;
	uint32_t part; /* the members of a part are neighbours */
	bool cut;
};

struct value {
	enum kind kind;
	const char *key;        /* in a dictionary; static */
	struct member *members; /* GRAPH; owned */
	struct value *items;    /* LIST and DICT; owned */
	size_t n, cap;
};

void layering_value_free(struct value *v);
struct value *layering_add_item(struct value *v, struct value item);
void layering_add_member(struct value *v, struct member member);

/* --- steps --- */

enum operation {
	POPULARITY_CONTEST,
	SPLIT_PATHS,
	SUBCOMPONENT_IN,
	SUBCOMPONENT_OUT,
	REMOVE_PATHS,
	SPLIT_EVERY,
	LIMIT_LAYERS,
	REVERSE,
	FLATTEN,
	OVER,
	MAP,
	END,         /* of over or map */
	PATH,        /* of the operation before */
	CHILDREN_OF, /* the same, for what it refers to */
	OPERATIONS
};

extern const char *const layering_words[OPERATIONS];

struct step {
	enum operation operation;
	char *at;        /* owned: its position, for messages */
	char *argument;  /* owned; NULL: none */
	uint64_t number; /* of split_every and limit_layers: the argument, from 1 */
	size_t end;      /* over and map: index of their END */
};

/* Starts as { .name = INPUT }. */
struct steps {
	const char *name; /* of the input, for messages */
	struct step *list;
	size_t n, cap;
	size_t open; /* private: index + 1 of the innermost over or map without its END */
	unsigned depth;
};

/*
 * Reads lines of position, word and argument, as layering.jq writes them. The
 * caller frees the steps with layering_steps_free(), after a failure too.
 */
MUST_USE int layering_steps_read(struct steps *s, int fd, struct err *e);
void layering_steps_free(struct steps *s);

/* --- running --- */

struct layering {
	const struct graph *graph;
	const struct steps *steps;
	uint32_t *order;       /* the paths, each after all it refers to */
	uint32_t *place;       /* index + 1 of each path in the value at work; 0: not in it */
	const struct value *v; /* that value, a graph */
};

/* The operations on a graph value, which they replace. */
void layering_split_paths(struct layering *l, const struct step *step, struct value *v);
void layering_subcomponent(struct layering *l, const struct step *step, struct value *v);
void layering_remove_paths(struct layering *l, const struct step *step, struct value *v);
void layering_popularity_contest(struct layering *l, struct value *v);
void layering_split_every(const struct step *step, struct value *v);

/* layering_run() on steps that were read, which may end too early. */
MUST_USE int layering_run_steps(const struct graph *g, const struct steps *s,
				struct merge_group *groups, uint32_t *n, struct err *e);

#endif
