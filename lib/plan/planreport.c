/* SPDX-License-Identifier: MIT */
#include "plan/planreport.h"

#include <inttypes.h>
#include <string.h>

#include "base/esc.h"
#include "base/humansize.h"
#include "closure/storepath.h"

enum { MOST_LAYERS = 5, MOST_PATHS = 3, MOST_EVENTS = 5 };

/* --- for scripts --- */

static void add_pull(struct buf *b, const char *key, const struct plancost_pull *pull)
{
	buf_addf(b, "%s\t%" PRIu32 "\t%" PRIu64, key, pull->n, pull->bytes);
}

static void tsv_event(struct buf *b, const struct plancost_event *event)
{
	buf_adds(b, "event\t");
	esc_field(b, event->name, strlen(event->name));
	add_pull(b, "", &event->paths);
	add_pull(b, "", &event->layers);
	add_pull(b, "", &event->chain);
	buf_addc(b, '\n');
}

static void tsv_events(struct buf *b, const struct plancost *c)
{
	buf_addf(b, "events\t%" PRIu32 "\t%" PRIu32 "\n", c->nevents, c->nevents_given);
	if (c->nevents)
		buf_addf(b, "events-cost\t%.4f\t%.4f\nevents-chain-cost\t%.4f\t%.4f\n",
			 c->by_layer.total, c->by_layer.mean, c->by_chain.total, c->by_chain.mean);
	for (uint32_t i = 0; i < c->nevents; i++)
		tsv_event(b, &c->events[i]);
}

static void tsv_replay(struct buf *b, const struct plancost *c)
{
	buf_addf(b, "replay-cost\t%.4f\t%.4f\n", c->replay_fresh.layers, c->replay_previous.layers);
	buf_addf(b, "replay-chain-cost\t%.4f\t%.4f\n", c->replay_fresh.chain,
		 c->replay_previous.chain);
	buf_addf(b, "replay-decayed\t%" PRIu32 "\n", c->replay_decayed);
}

static void tsv_pulls(struct buf *b, const struct plancost *c)
{
	add_pull(b, "pull-paths", &c->pull_paths);
	add_pull(b, "\npull-layers", &c->pull_layers);
	buf_addf(b, "\t%.4f", plancost_ratio(&c->pull_layers, &c->pull_paths));
	add_pull(b, "\npull-chain", &c->pull_chain);
	buf_addf(b, "\t%.4f\n", plancost_ratio(&c->pull_chain, &c->pull_paths));
}

static double total_cost(const struct plancost *c)
{
	double total = 0;
	for (uint32_t i = 0; i < c->nlayers; i++)
		total += c->layers[i].cost;
	return total > 0 ? total : 1;
}

static void tsv_layer(struct buf *b, const struct plancost *c, uint32_t i, double total)
{
	const struct plancost_layer *layer = &c->layers[i];
	buf_addf(b, "layer\t%" PRIu32 "\t%" PRIu64 "\t%" PRIu32 "\t%" PRIu32 "\t%.4f\t%.4f\t%.4f\t",
		 i + 1, layer->size, layer->npaths, layer->changers,
		 (double)layer->weight / (double)c->total_weight, layer->cost / total,
		 plancost_over(layer));
	if (c->has_events)
		buf_addf(b, "%" PRIu32 "\t", layer->events);
	else
		buf_adds(b, "-\t");
	buf_adds(b, !c->has_previous ? "-\t" : layer->kept ? "yes\t" : "no\t");
	buf_addf(b, "%s\n", plancost_layer_name(c, layer));
}

void planreport_tsv(const struct plancost *c, struct buf *b)
{
	buf_addf(b, "size\t%" PRIu64 "\nlayers\t%" PRIu32 "\npaths\t%" PRIu32 "\n", c->size,
		 c->nlayers, c->graph->n);
	buf_addf(b, "expected-cost\t%.4f\nexpected-chain-cost\t%.4f\nexpected-bytes\t%.0f\n",
		 c->expected, c->expected_chain, c->expected_bytes);
	if (c->has_events)
		tsv_events(b, c);
	if (c->has_replay)
		tsv_replay(b, c);
	if (c->has_previous)
		tsv_pulls(b, c);
	double total = total_cost(c);
	for (uint32_t i = 0; i < c->nlayers; i++)
		tsv_layer(b, c, i, total);
}

/* --- for people --- */

static void column_bytes(struct buf *b, uint64_t bytes)
{
	size_t start = b->len;
	humansize_bytes(b, bytes);
	humansize_pad(b, start, 9);
}

static void column_percent(struct buf *b, double part, double whole)
{
	size_t start = b->len;
	humansize_percent(b, part, whole);
	humansize_pad(b, start, 8);
}

static void text_cost(struct buf *b, const char *what, double layers, double chain)
{
	buf_addf(b, "%-46s%8.2f%13.2f\n", what, layers, chain);
}

static void text_costs(struct buf *b, const struct plancost *c)
{
	const char *what = "An update pulls, for each byte that changes,";
	buf_addf(b, "\n%-46s%8s%13s\n", what, "by layer", "by chain ID");
	text_cost(b, "  expected", c->expected, c->expected_chain);
	if (c->nevents) {
		text_cost(b, "  all events together", c->by_layer.total, c->by_chain.total);
		text_cost(b, "  mean of the events", c->by_layer.mean, c->by_chain.mean);
	}
	if (c->has_replay) {
		text_cost(b, "  replay, planned afresh", c->replay_fresh.layers,
			  c->replay_fresh.chain);
		text_cost(b, "  replay, with --previous", c->replay_previous.layers,
			  c->replay_previous.chain);
	}
	if (c->pull_paths.bytes)
		text_cost(b, "  from the previous plan",
			  plancost_ratio(&c->pull_layers, &c->pull_paths),
			  plancost_ratio(&c->pull_chain, &c->pull_paths));
}

static void text_pull(struct buf *b, const char *before, const struct plancost_pull *pull,
		      const char *unit)
{
	buf_addf(b, "%s%" PRIu32 " %s%s, ", before, pull->n, unit, pull->n == 1 ? "" : "s");
	humansize_bytes(b, pull->bytes);
}

static void text_previous(struct buf *b, const struct plancost *c)
{
	text_pull(b, "\nNew since the previous plan: ", &c->pull_paths, "path");
	text_pull(b, "\nTo pull by layer:            ", &c->pull_layers, "layer");
	text_pull(b, "\nTo pull by chain ID:         ", &c->pull_chain, "layer");
	buf_addc(b, '\n');
}

static void text_path(struct buf *b, const struct plancost *c, uint32_t path)
{
	const struct graph_path *p = &c->graph->paths[path];
	buf_addf(b, "%7s", "");
	column_bytes(b, p->nar_size);
	buf_addf(b, "%10" PRIu32 "%18s%s\n", c->changers[path], "", storepath_name(p->path));
}

static void text_layer(struct buf *b, const struct plancost *c, uint32_t i, double total)
{
	const struct plancost_layer *layer = &c->layers[i];
	buf_addf(b, "%7" PRIu32, i + 1);
	column_bytes(b, layer->size);
	buf_addf(b, "%10" PRIu32, layer->changers);
	column_percent(b, layer->cost, total);
	buf_addf(b, "%8.2f  ", plancost_over(layer));
	if (layer->npaths == 1) {
		buf_addf(b, "%s\n", plancost_layer_name(c, layer));
		return;
	}
	buf_addf(b, "%" PRIu32 " paths, the largest:\n", layer->npaths);
	for (uint32_t j = 0; j < layer->npaths && j < MOST_PATHS; j++)
		text_path(b, c, layer->paths[j]);
}

static void text_layers(struct buf *b, const struct plancost *c)
{
	AUTO_FREE uint32_t *order = plancost_dearest(c);
	double total = total_cost(c);
	buf_addf(b, "\nThe dearest layers, and how many of the %" PRIu32 " sources change them:\n",
		 c->nsources);
	buf_addf(b, "%7s%9s%10s%8s%8s\n", "layer", "size", "change it", "cost", "ratio");
	for (uint32_t i = 0; i < c->nlayers && i < MOST_LAYERS; i++)
		text_layer(b, c, order[i], total);
}

static void text_event(struct buf *b, const struct plancost_event *event)
{
	column_bytes(b, event->paths.bytes);
	column_bytes(b, event->layers.bytes);
	buf_addf(b, "%8.2f", plancost_ratio(&event->layers, &event->paths));
	column_bytes(b, event->chain.bytes);
	buf_addf(b, "%8.2f  ", plancost_ratio(&event->chain, &event->paths));
	esc_message(b, event->name, strlen(event->name));
	buf_addc(b, '\n');
}

static void text_events(struct buf *b, const struct plancost *c)
{
	AUTO_FREE uint32_t *order = plancost_worst(c);
	buf_addf(b, "\n%" PRIu32 " of %" PRIu32 " events change something", c->nevents,
		 c->nevents_given);
	if (!c->nevents) {
		buf_adds(b, ".\n");
		return;
	}
	buf_addf(b, "; the worst:\n%9s%9s%8s%9s%8s\n", "changed", "by layer", "ratio", "by chain",
		 "ratio");
	for (uint32_t i = 0; i < c->nevents && i < MOST_EVENTS; i++)
		text_event(b, &c->events[order[i]]);
}

void planreport_text(const struct plancost *c, struct buf *b)
{
	humansize_bytes(b, c->size);
	buf_addf(b, " in %" PRIu32 " layer%s, %" PRIu32 " path%s; an update is expected to pull ",
		 c->nlayers, c->nlayers == 1 ? "" : "s", c->graph->n, c->graph->n == 1 ? "" : "s");
	humansize_bytes(b, (uint64_t)(c->expected_bytes + 0.5));
	buf_addc(b, '\n');
	text_costs(b, c);
	if (c->has_previous)
		text_previous(b, c);
	text_layers(b, c);
	if (c->has_events)
		text_events(b, c);
}
