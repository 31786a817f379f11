/* SPDX-License-Identifier: MIT */
#include "plan/plandiff.h"

#include <string.h>

static int compare(const void *a, const void *b)
{
	const struct plan_path *const *x = a, *const *y = b;
	return strcmp((*x)->path, (*y)->path);
}

/* The plan's paths, sorted. The caller frees it. */
static const struct plan_path **sorted(const struct plan *plan)
{
	const struct plan_path **index = xcalloc(plan->n, sizeof *index);
	for (size_t i = 0; i < plan->n; i++)
		index[i] = &plan->paths[i];
	qsort(index, plan->n, sizeof *index, compare);
	return index;
}

/* The same path in the older plan, NULL where it has none. */
static const struct plan_path *find_same(const struct plan_path *const *index, size_t n,
					 const struct plan_path *path)
{
	const struct plan_path *const *found = bsearch(&path, index, n, sizeof *index, compare);
	if (!found)
		return NULL;
	const char *old = (*found)->nar_hash;
	return old && path->nar_hash && strcmp(old, path->nar_hash) != 0 ? NULL : *found;
}

/* Whether the n paths are one whole layer of the older plan. */
static bool is_layer(const struct plan *older, const struct plan_path *const *same, size_t n)
{
	const struct plan_path *first = same[0], *end = older->paths + older->n;
	for (size_t i = 0; i < n; i++)
		if (!same[i] || same[i] != first + i || same[i]->layer != first->layer)
			return false;
	return (first == older->paths || first[-1].layer != first->layer) &&
	       (first + n == end || first[n].layer != first->layer);
}

struct plandiff plandiff_make(const struct plan *plan, const struct plan *older)
{
	AUTO_FREE const struct plan_path **index = sorted(older);
	AUTO_FREE const struct plan_path **same = xcalloc(plan->n, sizeof *same);
	struct plandiff d = { xcalloc(plan->n, sizeof *d.known),
			      xcalloc(plan->layers, sizeof *d.equal) };
	for (size_t i = 0; i < plan->n; i++) {
		same[i] = find_same(index, older->n, &plan->paths[i]);
		d.known[i] = same[i] != NULL;
	}
	for (size_t start = 0, n; start < plan->n; start += n) {
		uint32_t layer = plan->paths[start].layer;
		for (n = 1; start + n < plan->n && plan->paths[start + n].layer == layer;)
			n++;
		if (is_layer(older, same + start, n))
			d.equal[layer - 1] = same[start]->layer;
	}
	return d;
}

void plandiff_free(struct plandiff *d)
{
	free(d->known);
	free(d->equal);
	*d = (struct plandiff){ 0 };
}
