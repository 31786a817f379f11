/* SPDX-License-Identifier: MIT */
#ifndef LAYERPIPE_PLANCOST_H
#define LAYERPIPE_PLANCOST_H

/*
 * What a plan costs when something changes; plan-cost(1) defines the figures.
 *
 * A path changes when any source of its closure does, a layer when any of its
 * paths does; costmodel.h says what a source is. A cost is bytes pulled over bytes of changed
 * paths, where a client pulls the layers that changed or, one that goes by chain IDs, everything
 * from the lowest of them up. 1 is one layer a path.
 */

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "closure/graph.h"
#include "plan/events.h"
#include "plan/plan.h"

/* Layers or paths that somebody pulls. */
struct plancost_pull {
	uint32_t n;
	uint64_t bytes;
};

struct plancost_layer {
	const uint32_t *paths; /* indices in the graph, the largest first */
	uint32_t npaths;
	uint32_t nsources; /* that these are built from */
	uint64_t size;     /* bytes */
	uint32_t changers; /* how many sources change it when they do */
	uint64_t weight;   /* of these together */
	double cost;       /* size times weight */
	double least;      /* the same of its paths, were each alone in a layer */
	uint32_t events;   /* how many of the events change it */
	uint32_t kept;     /* number of the equal layer of the previous plan, 0: none */
};

/* A layer of the previous plan. */
struct plancost_older {
	const char *name; /* of its largest path, without the hash; borrowed from the input */
	uint32_t npaths;
	uint64_t size; /* bytes, as far as the plan has them */
	bool kept;     /* the plan has an equal layer */
};

struct plancost_event {
	const char *name; /* borrowed from the input's events */
	struct plancost_pull paths, layers, chain;
};

/* Over all events together, and the mean over events. */
struct plancost_ratio {
	double total, mean;
};

/* By layer and by chain ID. */
struct plancost_both {
	double layers, chain;
};

struct plancost {
	const struct graph *graph; /* borrowed */
	uint32_t *changers;        /* of each path */
	uint64_t *weights;         /* of these together, of each path */
	uint32_t nsources;
	uint32_t *source_of;   /* of each path */
	uint64_t total_weight; /* of all sources: weight / total_weight is a chance */
	struct plancost_layer *layers;
	uint32_t nlayers;
	uint64_t size; /* bytes */

	/* an update of one source, picked by weight */
	double expected, expected_chain; /* costs */
	double expected_bytes;           /* of the layers that it changes */

	bool has_events;
	struct plancost_event *events; /* those that change any path, in the input's order */
	uint32_t nevents, nevents_given;
	struct plancost_ratio by_layer, by_chain; /* 0 where nevents is */

	bool has_replay;                                    /* not where nevents is 0 */
	struct plancost_both replay_fresh, replay_previous; /* costs */
	uint32_t replay_decayed;

	bool has_previous;
	struct plancost_older *older; /* bottom first */
	uint32_t nolder;
	struct plancost_pull pull_paths;              /* that are new or have changed */
	struct plancost_pull pull_layers, pull_chain; /* who has the previous plan */

	uint32_t *order; /* private */
};

struct plancost_input {
	struct graph *graph;
	const char *graph_name; /* for messages */
	struct plan *plan;      /* as plan_read() made it */
	const char *plan_name;
	const uint64_t *weights;     /* of each path, none above 2^32; NULL: all alike */
	const struct events *events; /* or NULL */
	const struct plan *previous; /* or NULL */
	bool replay; /* let the events happen one after the other, too; only with events */
};

/*
 * Takes the figures; what planmatch() or replay_run() refuses is refused. The caller frees them
 * with plancost_free(), before the input.
 */
MUST_USE int plancost_measure(const struct plancost_input *in, struct plancost *c, struct err *e);
void plancost_free(struct plancost *c);

/*
 * The largest path of the layer of each source that its paths are built from,
 * the largest of all first: layer->nsources indices in the graph. The caller
 * frees them.
 */
uint32_t *plancost_layer_sources(const struct plancost *c, const struct plancost_layer *layer);

/* The largest path of the layer: its name without the hash. */
const char *plancost_layer_name(const struct plancost *c, const struct plancost_layer *layer);

/* Bytes pulled over bytes changed: 1 where both are 0, infinity where only the latter is. */
double plancost_ratio(const struct plancost_pull *pulled, const struct plancost_pull *changed);

/* The layer's cost over that of its paths, were each alone in a layer. */
double plancost_over(const struct plancost_layer *layer);

/*
 * Indices of the layers, the dearest first, and of the events, the one with
 * the worst ratio by layer first. The caller frees them.
 */
uint32_t *plancost_dearest(const struct plancost *c);
uint32_t *plancost_worst(const struct plancost *c);

#endif
