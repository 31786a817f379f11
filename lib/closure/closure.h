/* SPDX-License-Identifier: MIT */
#ifndef LAYERPIPE_CLOSURE_H
#define LAYERPIPE_CLOSURE_H

/* Reads what other programs say of a closure, in any form that closure-graph(1) lists. */

#include "base/err.h"
#include "base/intern.h"
#include "base/mem.h"
#include "closure/graph.h"

enum closure_form {
	CLOSURE_AUTO,
	CLOSURE_GRAPH,
	CLOSURE_REGISTRATION,
	CLOSURE_TEXT,
	CLOSURE_JSON,
	CLOSURE_NARINFO,
	CLOSURE_PATHS,
};

/* All pointers are borrowed. */
struct closure_reader {
	enum closure_form form; /* CLOSURE_AUTO: found out for each input */
	const char *store_dir;
	const char *key;             /* the graph in an .attrs.json; NULL: the only one */
	struct graph_builder *graph; /* gets the paths that are described */
	struct intern *paths;        /* gets bare paths; NULL: they are refused. Not NULL: only they
					are taken */
};

/* The form of this name (graph, json, …). Returns 0, or -1 where there is none. */
MUST_USE int closure_form(const char *name, enum closure_form *form);

/* Reads one input to its end. */
MUST_USE int closure_read(const struct closure_reader *c, int fd, const char *name, struct err *e);

#endif
