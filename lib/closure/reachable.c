/* SPDX-License-Identifier: MIT */
#include "closure/reachable.h"

#include <stdbool.h>
#include <string.h>

REACHABLE_CLONES uint64_t reachable_count(const uint64_t *set, size_t words)
{
	uint64_t n = 0;
	for (size_t i = 0; i < words; i++)
		n += (uint64_t)__builtin_popcountll(set[i]);
	return n;
}

uint32_t reachable_words(const uint64_t *set, size_t words, uint32_t *which)
{
	uint32_t n = 0;
	for (uint32_t i = 0; i < words; i++)
		if (set[i])
			which[n++] = i;
	return n;
}

REACHABLE_CLONES uint64_t reachable_count_common(const uint64_t *a, const uint64_t *b,
						 const uint32_t *which, uint32_t n)
{
	uint64_t found = 0;
	for (uint32_t i = 0; i < n; i++)
		found += (uint64_t)__builtin_popcountll(a[which[i]] & b[which[i]]);
	return found;
}

/* Depth first without recursion: a chain of any depth works. */
struct frame {
	uint32_t path;
	uint32_t next; /* index of the reference to look at next */
};

uint32_t *reachable_order(const struct graph *g)
{
	uint32_t *order = xcalloc(g->n, sizeof *order);
	AUTO_FREE bool *seen = xcalloc(g->n, sizeof *seen);
	AUTO_FREE struct frame *stack = xcalloc(g->n, sizeof *stack);
	uint32_t done = 0;
	for (uint32_t root = 0; root < g->n; root++) {
		size_t depth = 0;
		if (!seen[root])
			stack[depth++] = (struct frame){ root, 0 };
		seen[root] = true;
		while (depth) {
			struct frame *top = &stack[depth - 1];
			const struct graph_path *p = &g->paths[top->path];
			if (top->next == p->nrefs) {
				order[done++] = top->path;
				depth--;
				continue;
			}
			uint32_t ref = p->refs[top->next++];
			if (!seen[ref])
				stack[depth++] = (struct frame){ ref, 0 };
			seen[ref] = true;
		}
	}
	return order;
}

static void add_set(uint64_t *to, const uint64_t *from, size_t words)
{
	for (size_t i = 0; i < words; i++)
		to[i] |= from[i];
}

static void add_bit(uint64_t *set, uint32_t bit)
{
	set[bit / 64] |= (uint64_t)1 << bit % 64;
}

void reachable_init(struct reachable *r, const struct graph *g)
{
	r->n = g->n;
	r->words = ((size_t)g->n + 63) / 64;
	r->closures = xcalloc(g->n * r->words, sizeof *r->closures);
	r->users = xcalloc(g->n * r->words, sizeof *r->users);
	r->bits = xcalloc(g->n, sizeof *r->bits);
	r->order = reachable_order(g);
	for (uint32_t bit = 0; bit < g->n; bit++) {
		const struct graph_path *p = &g->paths[r->order[bit]];
		uint64_t *own = reachable_closure(r, r->order[bit]);
		r->bits[r->order[bit]] = bit;
		add_bit(own, bit);
		for (uint32_t j = 0; j < p->nrefs; j++)
			add_set(own, reachable_closure(r, p->refs[j]), r->words);
	}
	for (uint32_t bit = g->n; bit-- > 0;) {
		const struct graph_path *p = &g->paths[r->order[bit]];
		uint64_t *own = reachable_users(r, r->order[bit]);
		add_bit(own, bit);
		for (uint32_t j = 0; j < p->nrefs; j++)
			add_set(reachable_users(r, p->refs[j]), own, r->words);
	}
}

void reachable_free(struct reachable *r)
{
	free(r->closures);
	free(r->users);
	free(r->order);
	free(r->bits);
	*r = (struct reachable){ 0 };
}
