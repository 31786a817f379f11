/* SPDX-License-Identifier: MIT */
#include "plan/planmatch.h"

#include <string.h>

/* Makes both know what one of them knows; *differs names what they know differently. */
static void share(struct graph_path *path, struct plan_path *planned, const char **differs)
{
	if (!path->has_size)
		path->nar_size = planned->nar_size;
	if (!planned->has_size)
		planned->nar_size = path->nar_size;
	if (!planned->nar_hash && path->nar_hash)
		planned->nar_hash = xstrdup(path->nar_hash);
	path->has_size = planned->has_size = path->has_size || planned->has_size;
	*differs = NULL;
	if (planned->nar_size != path->nar_size)
		*differs = "size";
	if (path->nar_hash && strcmp(planned->nar_hash, path->nar_hash) != 0)
		*differs = "hash";
}

/* Each line of a plan is one path, so a path's place is its line number. */
static int match(struct graph *g, const char *graph_name, struct plan_path *planned,
		 uint32_t *index, struct err *e)
{
	const char *differs;
	int64_t i = graph_find(g, planned->path);
	if (i < 0)
		return err_set(e, 0, "'%s' is not in the graph '%s'", planned->path, graph_name);
	share(&g->paths[i], planned, &differs);
	if (differs)
		return err_set(e, 0, "'%s' has another %s in the graph '%s'", planned->path,
			       differs, graph_name);
	if (!planned->has_size)
		return err_set(e, 0, "the size of '%s' is not known", planned->path);
	*index = (uint32_t)i;
	return 0;
}

static int check_complete(const struct graph *g, const char *graph_name, const struct plan *plan,
			  const char *plan_name, const uint32_t *index, struct err *e)
{
	AUTO_FREE bool *planned = xcalloc(g->n, sizeof *planned);
	uint64_t size = 0;
	for (size_t i = 0; i < plan->n; i++) {
		planned[index[i]] = true;
		if (__builtin_add_overflow(size, plan->paths[i].nar_size, &size))
			return err_set(e, 0, "%s:%zu: the sizes add up to 2^64 bytes or more",
				       plan_name, i + 1);
	}
	for (uint32_t i = 0; i < g->n; i++)
		if (!planned[i])
			return err_set(e, 0,
				       "%s: '%s' of the graph '%s' is missing "
				       "(closure-graph --exclude leaves it out)",
				       plan_name, g->paths[i].path, graph_name);
	return 0;
}

int planmatch(struct graph *g, const char *graph_name, struct plan *plan, const char *plan_name,
	      uint32_t *index, struct err *e)
{
	if (plan->n == 0)
		return err_set(e, 0, "%s: the plan is empty", plan_name);
	for (size_t i = 0; i < plan->n; i++)
		if (match(g, graph_name, &plan->paths[i], &index[i], e) < 0)
			return err_wrap(e, "%s:%zu", plan_name, i + 1);
	return check_complete(g, graph_name, plan, plan_name, index, e);
}

/* The path's index where it is in the graph with the same contents, else -1. */
static int64_t find_same(const struct graph *g, const struct plan_path *old)
{
	int64_t i = graph_find(g, old->path);
	if (i < 0)
		return -1;
	const struct graph_path *now = &g->paths[i];
	if (now->nar_hash && old->nar_hash && strcmp(now->nar_hash, old->nar_hash) != 0)
		return -1;
	return i;
}

uint32_t *planmatch_layer(const struct graph *g, const struct plan *plan, size_t first, uint32_t *n)
{
	uint32_t layer = plan->paths[first].layer;
	*n = 0;
	for (size_t i = first; i < plan->n && plan->paths[i].layer == layer; i++)
		++*n;
	uint32_t *paths = xcalloc(*n, sizeof *paths);
	for (uint32_t j = 0; j < *n; j++) {
		int64_t path = find_same(g, &plan->paths[first + j]);
		if (path < 0) {
			free(paths);
			*n = 0;
			return NULL;
		}
		paths[j] = (uint32_t)path;
	}
	return paths;
}
