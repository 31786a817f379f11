/* SPDX-License-Identifier: MIT */
#include "plan/popularity.h"

#include <string.h>

/*
 * The sums over ancestors are made for CHUNK paths at a time. Each path gets
 * a mask of the paths of the chunk that it reaches. The walk counts of paths
 * whose masks agree in one COLUMN of bits are summed before they are handed
 * to the paths that the column stands for ("four Russians"); neighbours that
 * agree are one difference of prefix sums.
 */
enum {
	CHUNK = 256,
	COLUMN = 4,
	COLUMNS = CHUNK / COLUMN,
	VALUES = 1 << COLUMN,
	WORDS = CHUNK / 64
};

/* Where edges lead: from place i to the places to[first[i]] … to[first[i + 1] - 1]. */
struct edges {
	uint32_t *first;
	uint32_t *to;
};

/* The graph in an order in which references lead to later places only. */
struct places {
	uint32_t n;
	uint32_t *node;     /* index in the graph of the path at each place */
	struct edges refs;  /* ascending, without self-references */
	struct edges users; /* the same the other way round */
};

static void edges_free(struct edges *edges)
{
	free(edges->first);
	free(edges->to);
}

static void places_free(struct places *pl)
{
	free(pl->node);
	edges_free(&pl->refs);
	edges_free(&pl->users);
}

/* Which paths nothing else refers to. */
static bool *find_roots(const struct graph *g)
{
	bool *root = xmalloc(g->n);
	memset(root, true, g->n);
	for (uint32_t i = 0; i < g->n; i++)
		for (uint32_t j = 0; j < g->paths[i].nrefs; j++)
			if (g->paths[i].refs[j] != i)
				root[g->paths[i].refs[j]] = false;
	return root;
}

/* Depth first, so that neighbours have much in common; places are given from the last down. */
static uint32_t *place_nodes(const struct graph *g)
{
	uint32_t *node = xcalloc(g->n, sizeof *node), last = g->n;
	AUTO_FREE uint32_t *stack = xcalloc(g->n, sizeof *stack);
	AUTO_FREE uint32_t *next = xcalloc(g->n, sizeof *next);
	AUTO_FREE bool *roots = find_roots(g);
	AUTO_FREE bool *seen = xcalloc(g->n, sizeof *seen);
	for (uint32_t root = 0; root < g->n; root++) {
		uint32_t depth = 0;
		if (roots[root])
			stack[depth++] = root;
		while (depth) {
			uint32_t top = stack[depth - 1];
			if (next[top] == g->paths[top].nrefs) {
				node[--last] = top;
				depth--;
				continue;
			}
			uint32_t ref = g->paths[top].refs[next[top]++];
			if (!seen[ref] && ref != top)
				stack[depth++] = ref;
			seen[ref] = true;
		}
	}
	return node;
}

static struct edges references(const struct graph *g, const uint32_t *node)
{
	AUTO_FREE uint32_t *place = xcalloc(g->n, sizeof *place);
	struct edges refs = { .first = xcalloc((size_t)g->n + 1, sizeof *refs.first) };
	size_t cap = 0, n = 0;
	for (uint32_t i = 0; i < g->n; i++)
		place[node[i]] = i;
	for (uint32_t i = 0; i < g->n; i++) {
		const struct graph_path *path = &g->paths[node[i]];
		refs.to = mem_grow(refs.to, &cap, n + path->nrefs, sizeof *refs.to);
		for (uint32_t j = 0; j < path->nrefs; j++)
			if (path->refs[j] != node[i])
				refs.to[n++] = place[path->refs[j]];
		refs.first[i + 1] = (uint32_t)n;
	}
	return refs;
}

/* The edges the other way round; those of one place ascend. */
static struct edges reversed(const struct edges *edges, uint32_t n)
{
	struct edges rev = { .first = xcalloc((size_t)n + 2, sizeof *rev.first),
			     .to = xcalloc(edges->first[n], sizeof *rev.to) };
	/* counted two places up, so that filling moves first[i + 1] to where i ends */
	for (uint32_t j = 0; j < edges->first[n]; j++)
		rev.first[edges->to[j] + 2]++;
	for (uint32_t i = 0; i < n; i++)
		rev.first[i + 2] += rev.first[i + 1];
	for (uint32_t i = 0; i < n; i++)
		for (uint32_t j = edges->first[i]; j < edges->first[i + 1]; j++)
			rev.to[rev.first[edges->to[j] + 1]++] = i;
	return rev;
}

static struct places place(const struct graph *g)
{
	struct places pl = { .n = g->n, .node = place_nodes(g) };
	struct edges refs = references(g, pl.node);
	pl.users = reversed(&refs, g->n);
	pl.refs = reversed(&pl.users, g->n); /* ascending now */
	edges_free(&refs);
	return pl;
}

/* sums: for each place and the end of all, the walks to all places before it. */
static void count_walks(const struct places *pl, struct count_list *sums)
{
	static const uint64_t one[] = { 1 };
	AUTO_FREE uint64_t *sum = NULL;
	size_t cap = 0;
	count_push(sums, NULL, 0);
	for (uint32_t i = 0; i < pl->n; i++) {
		struct count before = count_at(sums, i);
		/* fewer than 2^32 users, none with more walks than all before together */
		size_t n = before.n + 1;
		sum = mem_grow(sum, &cap, n, sizeof *sum);
		memset(sum, 0, n * sizeof *sum);
		count_add_difference(sum, n, before, (struct count){ 0 });
		const uint32_t *user = pl->users.to + pl->users.first[i];
		const uint32_t *end = pl->users.to + pl->users.first[i + 1];
		if (user == end)
			count_add_difference(sum, n, (struct count){ one, 1 }, (struct count){ 0 });
		for (; user < end; user++)
			count_add_difference(sum, n, count_at(sums, *user + 1),
					     count_at(sums, *user));
		count_push(sums, sum, n);
	}
}

/* One bit for each place of a chunk; a vector, for the machine's wide registers. */
typedef uint64_t mask __attribute__((vector_size(CHUNK / 8), aligned(8)));

/* Most graphs need no more bits than this: for them prefix sums are kept in this form too. */
__extension__ typedef unsigned __int128 small;
enum { SMALL_LIMBS = 2 };

/* The sums as small ones, NULL where they are not. */
static small *small_sums(const struct count_list *sums)
{
	if (count_at(sums, sums->n - 1).n > SMALL_LIMBS)
		return NULL;
	small *result = xcalloc(sums->n, sizeof *result);
	for (size_t i = 0; i < sums->n; i++) {
		struct count sum = count_at(sums, i);
		for (size_t j = sum.n; j-- > 0;)
			result[i] = result[i] << 64 | sum.limbs[j];
	}
	return result;
}

static void add_small(uint64_t *sum, small n)
{
	n += (small)sum[1] << 64 | sum[0];
	sum[0] = (uint64_t)n;
	sum[1] = (uint64_t)(n >> 64);
}

/* One chunk at work. */
struct chunk {
	uint32_t first, end;           /* its places */
	const struct count_list *sums; /* of count_walks() */
	const small *small_sums;       /* the same, or NULL */
	size_t limbs;                  /* of each number below */
	uint64_t *tables;              /* COLUMNS times VALUES sums of walk counts */
	mask *masks;                   /* one a place; 0 from end on */
	mask run;                      /* the mask at the place visited last */
	uint32_t run_end[COLUMNS];     /* where the run of places that agree in a column ends */
};

static uint64_t *table_entry(const struct chunk *c, unsigned column, unsigned value)
{
	return c->tables + (column * VALUES + value) * c->limbs;
}

/* The places from start to the end of the column's run all had the run's value. */
static void end_run(struct chunk *c, unsigned column, uint32_t start)
{
	unsigned bit = column * COLUMN;
	unsigned value = c->run[bit / 64] >> bit % 64 & (VALUES - 1);
	uint32_t end = c->run_end[column];
	c->run_end[column] = start;
	if (value == 0)
		return;
	uint64_t *sum = table_entry(c, column, value);
	if (c->small_sums)
		add_small(sum, c->small_sums[end] - c->small_sums[start]);
	else
		count_add_difference(sum, c->limbs, count_at(c->sums, end),
				     count_at(c->sums, start));
}

/* Ends the runs of the columns in which the mask of the place before start is another one. */
static void change_run(struct chunk *c, const mask *m, uint32_t start)
{
	for (unsigned w = 0; w < WORDS; w++) {
		uint64_t changed = (*m)[w] ^ c->run[w];
		while (changed) {
			unsigned bit = (unsigned)__builtin_ctzll(changed) / COLUMN * COLUMN;
			end_run(c, (w * 64 + bit) / COLUMN, start);
			changed &= ~((uint64_t)(VALUES - 1) << bit);
		}
	}
	c->run = *m;
}

/* What the place reaches in the chunk: itself, and what its references reach. */
static void fill_mask(struct chunk *c, const struct edges *refs, uint32_t i)
{
	mask m = { 0 };
	if (i >= c->first)
		m[(i - c->first) / 64] = (uint64_t)1 << (i - c->first) % 64;
	for (uint32_t j = refs->first[i]; j < refs->first[i + 1] && refs->to[j] < c->end; j++)
		m |= c->masks[refs->to[j]];
	c->masks[i] = m;
}

static void fill_tables(struct chunk *c, const struct edges *refs)
{
	static const mask none;
	for (uint32_t i = c->end; i-- > 0;) {
		fill_mask(c, refs, i);
		change_run(c, &c->masks[i], i + 1);
	}
	change_run(c, &none, 0);
}

/* Appends the popularity of the chunk's places: each the sum of the entries with its bit. */
static void hand_out(const struct chunk *c, struct count_list *counts)
{
	AUTO_FREE uint64_t *sum = xcalloc(c->limbs, sizeof *sum);
	for (uint32_t i = 0; i < c->end - c->first; i++) {
		memset(sum, 0, c->limbs * sizeof *sum);
		for (unsigned value = 0; value < VALUES; value++)
			if (value >> i % COLUMN & 1)
				count_add(sum, table_entry(c, i / COLUMN, value), c->limbs);
		count_push(counts, sum, c->limbs);
	}
}

/* counts: the popularity of each place. */
static void sum_ancestors(const struct places *pl, struct count_list *counts)
{
	AUTO_COUNTS struct count_list sums = { 0 };
	AUTO_FREE mask *masks = xcalloc(pl->n, sizeof *masks);
	AUTO_FREE uint64_t *tables = NULL;
	size_t cap = 0;
	count_walks(pl, &sums);
	AUTO_FREE small *smalls = small_sums(&sums);
	for (uint32_t first = 0; first < pl->n; first += CHUNK) {
		uint32_t end = pl->n - first > CHUNK ? first + CHUNK : pl->n;
		size_t limbs = smalls ? SMALL_LIMBS : count_at(&sums, end).n;
		size_t size = (size_t)COLUMNS * VALUES * limbs;
		tables = mem_grow(tables, &cap, size, sizeof *tables);
		memset(tables, 0, size * sizeof *tables);
		struct chunk c = { .first = first,
				   .end = end,
				   .sums = &sums,
				   .small_sums = smalls,
				   .limbs = limbs,
				   .tables = tables,
				   .masks = masks };
		fill_tables(&c, &pl->refs);
		hand_out(&c, counts);
	}
}

struct candidate {
	struct popularity_rank rank;
	char *name; /* owned */
};

/* The path turned round at its first dash, so that the hash decides last. */
static char *rotated(const char *path)
{
	const char *dash = strchr(path, '-');
	if (!dash)
		return xstrdup(path);
	AUTO_FREE char *front = xstrndup(path, (size_t)(dash - path));
	return xasprintf("%s-%s", dash + 1, front);
}

static int compare(const void *a, const void *b)
{
	const struct candidate *x = a, *y = b;
	int c = count_compare(y->rank.count, x->rank.count);
	return c ? c : strcmp(x->name, y->name);
}

void popularity_rank(const struct graph *g, struct popularity *p)
{
	struct places pl = place(g);
	sum_ancestors(&pl, &p->counts);
	AUTO_FREE struct candidate *list = xcalloc(g->n, sizeof *list);
	for (uint32_t i = 0; i < g->n; i++) {
		const struct graph_path *path = &g->paths[pl.node[i]];
		list[i] = (struct candidate){ .rank = { path, count_at(&p->counts, i) },
					      .name = rotated(path->path) };
	}
	qsort(list, g->n, sizeof *list, compare);
	p->ranked = xcalloc(g->n, sizeof *p->ranked);
	for (uint32_t i = 0; i < g->n; i++) {
		p->ranked[i] = list[i].rank;
		free(list[i].name);
	}
	places_free(&pl);
}

void popularity_free(struct popularity *p)
{
	free(p->ranked);
	count_list_free(&p->counts);
	*p = (struct popularity){ 0 };
}
