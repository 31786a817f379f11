/* SPDX-License-Identifier: MIT */
#ifndef LAYERPIPE_EVENTS_H
#define LAYERPIPE_EVENTS_H

/*
 * What changed together in a closure, told by the names of store paths without
 * their hashes, so that it can be told of every build of it: plan-cost(1).
 */

#include <stdint.h>

#include "base/err.h"
#include "base/intern.h"
#include "base/mem.h"
#include "closure/graph.h"
#include "closure/reachable.h"

struct event {
	const char *name; /* owned by the events, as all of it */
	uint32_t *paths;  /* of the graph, in no order; one may stand there twice */
	uint32_t n;       /* 0: nothing of this closure */
	/* private */
	size_t cap;
};

/* Starts as { 0 }. */
struct events {
	struct event *list; /* as they first came in the input */
	uint32_t n;
	/* private */
	size_t cap;
	struct intern names;
};

/*
 * Reads lines of an event and the name of a path; all lines of one event are
 * the event, wherever they stand. The name stands for every path of the graph
 * that has it; one that no path has is of another closure, and no error.
 */
MUST_USE int events_read(int fd, const char *name, const struct graph *g, struct events *events,
			 struct err *e);
void events_free(struct events *events);

/* Writes the set of the paths that change in the event: its own, and all that reach one of them. */
void events_changed(const struct event *event, const struct reachable *r, uint64_t *changed);

#endif
