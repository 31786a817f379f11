/* SPDX-License-Identifier: MIT */
#ifndef LAYERPIPE_REPLAY_H
#define LAYERPIPE_REPLAY_H

/* How well plans hold when updates follow each other: plan-cost(1) "Replay". */

#include <stdint.h>

#include "base/err.h"
#include "closure/graph.h"
#include "plan/events.h"
#include "plan/plan.h"

struct replay_input {
	const struct graph *graph;
	const struct plan *plan;     /* of the graph, as planmatch() left both; not empty */
	const uint64_t *weights;     /* of each path, none above 2^32; NULL: all alike */
	const struct events *events; /* of the graph */
};

/* Bytes that clients pull, those that go by layer and those that go by chain ID. */
struct replay_pull {
	double layers, chain;
};

struct replay {
	double changed; /* bytes of the paths that changed */
	struct replay_pull fresh, kept;
	uint32_t decayed; /* plans from the plan before that were made afresh after all */
};

/*
 * Lets the events happen one after the other, and plans after each. Refuses
 * sizes that have grown to 2^64 bytes together.
 *
 * The new hash of a path is Nix's base 32 of the first 20 bytes of the SHA-256
 * of the event's name, a TAB and the path. The page says what its size is.
 */
MUST_USE int replay_run(const struct replay_input *in, struct replay *r, struct err *e);

#endif
