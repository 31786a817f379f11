/* SPDX-License-Identifier: MIT */
#include "base/nametree.h"

#include <string.h>

enum { SLOTS_MIN = 64 };

static uint32_t new_node(struct nametree *t, uint32_t parent, uint32_t name)
{
	t->nodes = mem_grow(t->nodes, &t->cap, (size_t)t->n + 1, sizeof *t->nodes);
	t->nodes[t->n] =
		(struct nametree_node){ .parent = parent, .name = name, .origin = NAMETREE_NONE };
	return t->n++;
}

/* Where the node of that name is, or would be. */
static uint32_t *find_slot(const struct nametree *t, uint32_t parent, uint32_t name)
{
	for (size_t i = keyhash_number(&t->key, (uint64_t)parent << 32 | name);; i++) {
		uint32_t *slot = &t->slots[i & (t->nslots - 1)];
		if (*slot == NAMETREE_NONE ||
		    (t->nodes[*slot].parent == parent && t->nodes[*slot].name == name))
			return slot;
	}
}

static void rehash(struct nametree *t)
{
	free(t->slots);
	t->nslots = t->nslots ? t->nslots * 2 : SLOTS_MIN;
	t->slots = xcalloc(t->nslots, sizeof *t->slots);
	memset(t->slots, 0xff, t->nslots * sizeof *t->slots);
	for (uint32_t i = 1; i < t->n; i++)
		*find_slot(t, t->nodes[i].parent, t->nodes[i].name) = i;
}

void nametree_init(struct nametree *t)
{
	*t = (struct nametree){ 0 };
	keyhash_init(&t->key);
	new_node(t, NAMETREE_ROOT, intern_add(&t->names, "", 0));
	rehash(t);
}

uint32_t nametree_find(const struct nametree *t, uint32_t parent, const char *name)
{
	uint32_t number = intern_find(&t->names, name, strlen(name));
	return number == INTERN_NONE ? NAMETREE_NONE : *find_slot(t, parent, number);
}

uint32_t nametree_add(struct nametree *t, uint32_t parent, const char *name)
{
	if ((size_t)t->n * 2 >= t->nslots)
		rehash(t);
	uint32_t node = new_node(t, parent, intern_add(&t->names, name, strlen(name)));
	*find_slot(t, parent, t->nodes[node].name) = node;
	return node;
}

const char *nametree_name(const struct nametree *t, uint32_t node)
{
	return t->names.strings[t->nodes[node].name];
}

void nametree_path(const struct nametree *t, uint32_t top, uint32_t node, struct buf *b)
{
	size_t start = b->len, len = 0;
	for (uint32_t i = node; i != top; i = t->nodes[i].parent)
		len += strlen(nametree_name(t, i)) + 1;
	if (!len)
		return;
	/* from the end to the front */
	buf_extend(b, len - 1);
	char *to = b->s + start + len;
	for (uint32_t i = node; i != top; i = t->nodes[i].parent) {
		size_t n = strlen(nametree_name(t, i));
		to -= n + 1;
		memcpy(to, nametree_name(t, i), n);
		if (i != node)
			to[n] = '/';
	}
}

/* Children of one parent together, by name. */
static int compare(const void *a, const void *b, void *tree)
{
	const struct nametree *t = tree;
	uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;
	uint32_t px = t->nodes[x].parent, py = t->nodes[y].parent;
	if (px != py)
		return px < py ? -1 : 1;
	return strcmp(nametree_name(t, x), nametree_name(t, y));
}

/* The children of one node, in an array of all nodes. */
struct children {
	uint32_t next;
	uint32_t end;
};

/* For each node its range in the sorted nodes, which begin with the root. */
static struct children *find_children(const struct nametree *t, const uint32_t *sorted)
{
	struct children *c = xcalloc(t->n, sizeof *c);
	for (uint32_t i = 1; i < t->n; i++) {
		struct children *of = &c[t->nodes[sorted[i]].parent];
		if (!of->end)
			of->next = i;
		of->end = i + 1;
	}
	return c;
}

uint32_t *nametree_order(const struct nametree *t)
{
	AUTO_FREE uint32_t *sorted = xcalloc(t->n, sizeof *sorted);
	uint32_t *order = xcalloc(t->n, sizeof *order), n = 0, at = NAMETREE_ROOT;
	for (uint32_t i = 0; i < t->n; i++)
		sorted[i] = i;
	qsort_r(sorted + 1, t->n - 1, sizeof *sorted, compare, (void *)(uintptr_t)t);
	AUTO_FREE struct children *children = find_children(t, sorted);
	order[n++] = NAMETREE_ROOT;
	while (n < t->n) {
		struct children *c = &children[at];
		if (c->next == c->end) {
			at = t->nodes[at].parent;
			continue;
		}
		at = sorted[c->next++];
		order[n++] = at;
	}
	return order;
}

void nametree_free(struct nametree *t)
{
	free(t->nodes);
	free(t->slots);
	intern_free(&t->names);
}
