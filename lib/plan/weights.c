/* SPDX-License-Identifier: MIT */
#include "plan/weights.h"

#include <stdbool.h>
#include <string.h>

#include "base/intern.h"
#include "base/record.h"
#include "closure/storepath.h"
#include "plan/sources.h"

enum { NAME, WEIGHT, FIELDS };

struct weights {
	struct intern names;
	uint64_t *values; /* by number of the name */
	size_t cap;
};

static int read_record(const struct record_reader *r, const struct record_field *rec, void *context,
		       struct err *e)
{
	struct weights *w = context;
	struct record_field f[FIELDS];
	AUTO_FREE char *name = NULL;
	uint64_t weight;
	if (record_split(r, rec, f, FIELDS, e) < 0 ||
	    storepath_read_name(r, &f[NAME], &name, e) < 0 ||
	    record_number(r, &f[WEIGHT], "weight", 0, WEIGHTS_MAX, &weight, e) < 0)
		return -1;
	uint32_t number = w->names.n;
	if (intern_add(&w->names, name, strlen(name)) != number)
		return record_err(r, e, "'%s' already has a weight", name);
	w->values = mem_grow(w->values, &w->cap, w->names.n, sizeof *w->values);
	w->values[number] = weight;
	return 0;
}

/* The number of the path's name in the file; INTERN_NONE: it is not there. */
static uint32_t find_name(const struct weights *w, const struct graph_path *p)
{
	const char *name = storepath_name(p->path);
	return intern_find(&w->names, name, strlen(name));
}

static uint64_t *hand_out(const struct graph *g, const struct weights *w)
{
	struct sources sources = sources_find(g);
	AUTO_FREE bool *known = xcalloc(sources.n, sizeof *known);
	AUTO_FREE uint64_t *of_source = xcalloc(sources.n, sizeof *of_source);
	uint64_t *weights = xcalloc(g->n, sizeof *weights);
	for (uint32_t i = 0; i < g->n; i++) {
		uint32_t number = find_name(w, &g->paths[i]), source = sources.of[i];
		if (number == INTERN_NONE)
			continue;
		known[source] = true;
		if (w->values[number] > of_source[source])
			of_source[source] = w->values[number];
	}
	for (uint32_t i = 0; i < g->n; i++)
		weights[i] = known[sources.of[i]] ? of_source[sources.of[i]] : 1;
	sources_free(&sources);
	return weights;
}

int weights_read(const struct graph *g, int fd, const char *name, uint64_t **weights, struct err *e)
{
	struct weights w = { 0 };
	int result = record_each(fd, name, read_record, &w, e);
	if (result == 0)
		*weights = hand_out(g, &w);
	intern_free(&w.names);
	free(w.values);
	return result;
}
