/* SPDX-License-Identifier: MIT */
#include "plan/merge.h"

#include <math.h>
#include <string.h>

#include "closure/storepath.h"

/* Bytes times expected changes can outgrow 64 bits. */
__extension__ typedef unsigned __int128 cost_t;

/* More than any other cost: one layer that was kept is given up before two are. */
#define KEPT_TWICE ((cost_t)1 << 120)

/* A group while it is merged. */
struct node {
	struct merge_group group;
	uint64_t *closure;                     /* union of its paths' closures */
	uint64_t *users;                       /* what its paths' users have in common */
	uint32_t *closure_words, *users_words; /* where these are not 0 */
	uint32_t nclosure_words, nusers_words;
	uint64_t size;    /* bytes */
	uint64_t changes; /* weight of closure */
	uint64_t wanted;  /* number of users */
	uint32_t rank;    /* smallest of its paths' ranks */
	bool alive;
	uint32_t best; /* the partner that raises the cost least; itself: none */
	cost_t best_cost;
	bool stale; /* best is gone: all that is known is that no other partner costs less */
};

/*
 * What most pairs are told apart by, a column each, so that the processor
 * takes several at once: looking at the nodes themselves is the slow part.
 * Holds the nodes that may be merged, in no order.
 */
struct outline {
	double *size, *changes, *wanted, *penalty;
	double *least; /* scratch: least_costs() against one of them */
	uint32_t *node;
	uint32_t n;
};

struct merger {
	const struct merge_rules *rules;
	const struct reachable *reach;
	uint64_t total_weight;
	struct node *nodes;
	uint32_t n;
	uint32_t alive;
	struct outline open;
	uint32_t *place; /* where in open a node is */
};

/* Weight of what the closures have in common; without weights its number of paths. */
static uint64_t weigh_common(const struct merger *m, const struct node *a, const struct node *b)
{
	const struct node *small = a->nclosure_words < b->nclosure_words ? a : b;
	if (!m->rules->weights)
		return reachable_count_common(a->closure, b->closure, small->closure_words,
					      small->nclosure_words);
	uint64_t sum = 0;
	for (uint32_t i = 0; i < small->nclosure_words; i++) {
		size_t word = small->closure_words[i];
		for (uint64_t set = a->closure[word] & b->closure[word]; set; set &= set - 1) {
			uint32_t bit = (uint32_t)(word * 64) + (uint32_t)__builtin_ctzll(set);
			sum += m->rules->weights[m->reach->order[bit]];
		}
	}
	return sum;
}

static uint64_t count_common_users(const struct node *a, const struct node *b)
{
	const struct node *small = a->nusers_words < b->nusers_words ? a : b;
	return reachable_count_common(a->users, b->users, small->users_words, small->nusers_words);
}

static void find_words(const struct merger *m, struct node *node)
{
	node->nclosure_words = reachable_words(node->closure, m->reach->words, node->closure_words);
	node->nusers_words = reachable_words(node->users, m->reach->words, node->users_words);
}

/*
 * What merging a and b adds, were the union's weight `changes` and the users
 * in common `wanted`; in bytes * weight * paths, so that it stays a whole number.
 */
static cost_t added_cost(const struct merger *m, const struct node *a, const struct node *b,
			 uint64_t changes, uint64_t wanted)
{
	cost_t update =
		(cost_t)a->size * (changes - a->changes) + (cost_t)b->size * (changes - b->changes);
	cost_t sharing =
		(cost_t)a->size * (a->wanted - wanted) + (cost_t)b->size * (b->wanted - wanted);
	cost_t at_once = (cost_t)a->group.penalty + b->group.penalty;
	cost_t twice = a->group.kept && b->group.kept ? KEPT_TWICE : 0;
	uint64_t paths = m->reach->n;
	return update * paths + sharing * m->rules->sharing * m->total_weight +
	       at_once * paths * m->total_weight + twice;
}

static double larger(double a, double b)
{
	return a > b ? a : b;
}

/*
 * The least that merging open node k with each other one can add, known
 * without looking at their sets. Rounded figures, taken down by more than
 * rounding can have added.
 */
REACHABLE_CLONES static void least_costs(const struct outline *o, uint32_t k, double update,
					 double sharing, double at_once, uint32_t first,
					 uint32_t end)
{
	double size = o->size[k], changes = o->changes[k], wanted = o->wanted[k];
	double penalty = o->penalty[k];
	for (uint32_t i = first; i < end; i++) {
		double more = larger(changes, o->changes[i]), lost = larger(-wanted, -o->wanted[i]);
		o->least[i] =
			(update * (size * (more - changes) + o->size[i] * (more - o->changes[i])) +
			 sharing * (size * (wanted + lost) + o->size[i] * (o->wanted[i] + lost)) +
			 at_once * (penalty + o->penalty[i])) *
			(1 - 1e-9);
	}
}

static void find_least_costs(const struct merger *m, uint32_t i, uint32_t first, uint32_t end)
{
	double paths = m->reach->n, weight = (double)m->total_weight;
	least_costs(&m->open, m->place[i], paths, m->rules->sharing * weight, paths * weight, first,
		    end);
}

/* Whether (cost, partner) comes before what the node has: by cost, then by rank. */
static bool better(const struct merger *m, const struct node *node, cost_t cost, uint32_t partner)
{
	const struct node *best = &m->nodes[node->best];
	if (best == node || cost != node->best_cost)
		return best == node || cost < node->best_cost;
	return m->nodes[partner].rank < best->rank;
}

static cost_t exact_cost(const struct merger *m, const struct node *a, const struct node *b)
{
	uint64_t changes = a->changes + b->changes - weigh_common(m, a, b);
	return added_cost(m, a, b, changes, count_common_users(a, b));
}

/* Makes partner the node's best where it is. */
static void weigh(const struct merger *m, struct node *node, uint32_t partner)
{
	const struct node *other = &m->nodes[partner];
	uint64_t changes = node->changes + other->changes - weigh_common(m, node, other);
	uint64_t least = node->wanted < other->wanted ? node->wanted : other->wanted;
	if (!better(m, node, added_cost(m, node, other, changes, least), partner))
		return;
	cost_t cost = added_cost(m, node, other, changes, count_common_users(node, other));
	if (better(m, node, cost, partner)) {
		node->best = partner;
		node->best_cost = cost;
	}
}

/* Finds the node's best partner, looking first at the one it had, where that is still there. */
static void find_best(const struct merger *m, uint32_t i)
{
	struct node *node = &m->nodes[i];
	uint32_t hint = m->nodes[node->best].alive ? node->best : i;
	node->best = i;
	node->stale = false;
	if (hint != i)
		weigh(m, node, hint);
	find_least_costs(m, i, 0, m->open.n);
	double best = node->best == i ? INFINITY : (double)node->best_cost;
	for (uint32_t k = 0; k < m->open.n; k++) {
		uint32_t partner = m->open.node[k];
		if (m->open.least[k] > best || partner == i || partner == hint)
			continue;
		weigh(m, node, partner);
		best = (double)node->best_cost;
	}
}

static void draw_outline(struct merger *m, uint32_t i)
{
	const struct node *node = &m->nodes[i];
	uint32_t k = m->place[i];
	m->open.size[k] = (double)node->size;
	m->open.changes[k] = (double)node->changes;
	m->open.wanted[k] = (double)node->wanted;
	m->open.penalty[k] = (double)node->group.penalty;
	m->open.node[k] = i;
}

static void close_outline(struct merger *m, uint32_t i)
{
	uint32_t last = m->open.node[--m->open.n];
	m->place[last] = m->place[i];
	draw_outline(m, last);
}

/* Moves b's paths into a. */
static void join(struct merger *m, uint32_t ia, uint32_t ib)
{
	struct node *a = &m->nodes[ia], *b = &m->nodes[ib];
	size_t words = m->reach->words;
	a->changes += b->changes - weigh_common(m, a, b);
	for (size_t i = 0; i < words; i++) {
		a->closure[i] |= b->closure[i];
		a->users[i] &= b->users[i];
	}
	a->wanted = reachable_count(a->users, words);
	find_words(m, a);
	a->size += b->size;
	a->rank = a->rank < b->rank ? a->rank : b->rank;
	struct merge_group *to = &a->group, *from = &b->group;
	to->paths = xrealloc(to->paths, ((size_t)to->n + from->n) * sizeof *to->paths);
	memcpy(to->paths + to->n, from->paths, from->n * sizeof *from->paths);
	to->n += from->n;
	to->penalty = 0;
	to->kept = 0;
	free(from->paths);
	from->paths = NULL;
	b->alive = false;
	m->alive--;
}

/*
 * Tells the node that i and j have become one, i. Where one of them was its
 * best partner and i costs no more, i is the best now, as no other costs
 * less. Else it may be another one, which is looked for when it matters.
 */
static void tell(const struct merger *m, struct node *node, uint32_t i, uint32_t j, double least)
{
	bool lost = !node->stale && (node->best == i || node->best == j);
	if (!lost && !node->stale) {
		if (least <= (double)node->best_cost)
			weigh(m, node, i);
		return;
	}
	node->stale = true;
	node->best = lost ? i : node->best;
	if (least > (double)node->best_cost)
		return;
	cost_t cost = exact_cost(m, node, &m->nodes[i]);
	if (cost < node->best_cost || (lost && cost == node->best_cost)) {
		node->best = i;
		node->best_cost = cost;
		node->stale = false;
	}
}

static void merge(struct merger *m, uint32_t i)
{
	uint32_t j = m->nodes[i].best;
	join(m, i, j);
	close_outline(m, j);
	draw_outline(m, i);
	find_least_costs(m, i, 0, m->open.n);
	for (uint32_t place = 0; place < m->open.n; place++)
		if (m->open.node[place] != i)
			tell(m, &m->nodes[m->open.node[place]], i, j, m->open.least[place]);
	find_best(m, i);
}

static bool is_small(const struct merger *m, const struct node *node)
{
	return node->size < m->rules->min_size;
}

/* cheapest() by what is known: the node found may be stale. */
static uint32_t cheapest_known(const struct merger *m, bool only_small)
{
	const struct node *found = NULL;
	for (uint32_t place = 0; place < m->open.n; place++) {
		const struct node *node = &m->nodes[m->open.node[place]];
		if ((node->best == m->open.node[place] && !node->stale) ||
		    (only_small && !is_small(m, node)))
			continue;
		if (!found || node->best_cost < found->best_cost ||
		    (node->best_cost == found->best_cost && node->rank < found->rank))
			found = node;
	}
	return found ? (uint32_t)(found - m->nodes) : m->n;
}

/* The node whose best merge costs least, among all or the small ones; n where there is none. */
static uint32_t cheapest(const struct merger *m, bool only_small)
{
	uint32_t i;
	while ((i = cheapest_known(m, only_small)) < m->n && m->nodes[i].stale)
		find_best(m, i);
	return i;
}

static void init_node(struct merger *m, const struct graph *g, const uint32_t *rank, uint32_t i)
{
	struct node *node = &m->nodes[i];
	size_t words = m->reach->words;
	node->alive = true;
	node->best = i;
	node->rank = UINT32_MAX;
	node->closure = xcalloc(words, sizeof *node->closure);
	node->users = xmalloc(words * sizeof *node->users);
	memset(node->users, 0xff, words * sizeof *node->users);
	for (uint32_t j = 0; j < node->group.n; j++) {
		uint32_t path = node->group.paths[j];
		node->size += g->paths[path].nar_size;
		node->rank = rank[path] < node->rank ? rank[path] : node->rank;
		for (size_t w = 0; w < words; w++) {
			node->closure[w] |= reachable_closure(m->reach, path)[w];
			node->users[w] &= reachable_users(m->reach, path)[w];
		}
	}
	node->closure_words = xcalloc(words, sizeof *node->closure_words);
	node->users_words = xcalloc(words, sizeof *node->users_words);
	find_words(m, node);
	node->changes = weigh_common(m, node, node);
	node->wanted = reachable_count(node->users, words);
}

static void init_nodes(struct merger *m, const struct graph *g, const uint32_t *rank,
		       const struct merge_group *groups)
{
	m->nodes = xcalloc(m->n, sizeof *m->nodes);
	m->total_weight = 0;
	for (uint32_t i = 0; i < m->reach->n; i++)
		m->total_weight += m->rules->weights ? m->rules->weights[i] : 1;
	if (m->total_weight == 0)
		m->total_weight = 1; /* nothing changes: what is left to weigh is sharing */
	for (uint32_t i = 0; i < m->n; i++) {
		m->nodes[i].group = groups[i];
		init_node(m, g, rank, i);
	}
}

static void free_sets(struct merger *m)
{
	for (uint32_t i = 0; i < m->n; i++) {
		free(m->nodes[i].closure);
		free(m->nodes[i].users);
		free(m->nodes[i].closure_words);
		free(m->nodes[i].users_words);
	}
	free(m->nodes);
}

void merge_groups(const struct graph *g, const struct reachable *r, const uint32_t *rank,
		  const struct merge_rules *rules, struct merge_group *groups, uint32_t *n)
{
	struct merger m = { .rules = rules, .reach = r, .n = *n, .alive = *n };
	init_nodes(&m, g, rank, groups);
	AUTO_FREE double *columns = xcalloc(5 * (size_t)*n, sizeof *columns);
	AUTO_FREE uint32_t *open = xcalloc(*n, sizeof *open);
	AUTO_FREE uint32_t *place = m.place = xcalloc(*n, sizeof *place);
	m.open = (struct outline){ .size = columns,
				   .changes = columns + *n,
				   .wanted = columns + 2 * (size_t)*n,
				   .penalty = columns + 3 * (size_t)*n,
				   .least = columns + 4 * (size_t)*n,
				   .node = open };
	for (uint32_t i = 0; i < *n; i++) {
		if (groups[i].closed)
			continue;
		m.place[i] = m.open.n++;
		draw_outline(&m, i);
	}
	for (uint32_t i = 0; i < m.open.n; i++)
		find_best(&m, m.open.node[i]);
	for (uint32_t i; (i = cheapest(&m, true)) < m.n;)
		merge(&m, i);
	for (uint32_t i; m.alive > rules->limit && (i = cheapest(&m, false)) < m.n;)
		merge(&m, i);
	*n = 0;
	for (uint32_t i = 0; i < m.n; i++)
		if (m.nodes[i].alive)
			groups[(*n)++] = m.nodes[i].group;
	free_sets(&m);
}

void merge_free_groups(struct merge_group *groups, uint32_t n)
{
	for (uint32_t i = 0; i < n; i++) {
		free(groups[i].paths);
		free(groups[i].name);
	}
	free(groups);
}

bool *merge_placed(const struct graph *g, const struct merge_group *groups, uint32_t n)
{
	bool *placed = xcalloc(g->n, sizeof *placed);
	for (uint32_t i = 0; i < n; i++)
		for (uint32_t j = 0; j < groups[i].n; j++)
			placed[groups[i].paths[j]] = true;
	return placed;
}

void merge_alone(const struct graph *g, struct merge_group *groups, uint32_t *n)
{
	AUTO_FREE bool *placed = merge_placed(g, groups, *n);
	for (uint32_t path = 0; path < g->n; path++) {
		if (placed[path])
			continue;
		struct merge_group *group = &groups[(*n)++];
		*group = (struct merge_group){ .paths = xmalloc(sizeof *group->paths), .n = 1 };
		group->paths[0] = path;
	}
}

uint64_t merge_changes(const struct reachable *r, const uint64_t *weights, const uint32_t *paths,
		       uint32_t n)
{
	uint64_t sum = 0;
	for (size_t word = 0; word < r->words; word++) {
		uint64_t set = 0;
		for (uint32_t i = 0; i < n; i++)
			set |= reachable_closure(r, paths[i])[word];
		for (; set; set &= set - 1) {
			uint32_t bit = (uint32_t)(word * 64) + (uint32_t)__builtin_ctzll(set);
			sum += weights ? weights[r->order[bit]] : 1;
		}
	}
	return sum;
}

/* Bytes times the weight of what changes them, of all groups. */
static double sum_costs(const struct graph *g, const struct reachable *r, const uint64_t *weights,
			const struct merge_group *groups, uint32_t n)
{
	double sum = 0;
	for (uint32_t i = 0; i < n; i++) {
		double size = 0;
		for (uint32_t j = 0; j < groups[i].n; j++)
			size += (double)g->paths[groups[i].paths[j]].nar_size;
		sum += size * (double)merge_changes(r, weights, groups[i].paths, groups[i].n);
	}
	return sum;
}

double merge_expected_cost(const struct graph *g, const struct reachable *r,
			   const uint64_t *weights, const struct merge_group *groups, uint32_t n)
{
	AUTO_FREE struct merge_group *alone = xcalloc(g->n, sizeof *alone);
	AUTO_FREE uint32_t *paths = xcalloc(g->n, sizeof *paths);
	for (uint32_t i = 0; i < g->n; i++) {
		paths[i] = i;
		alone[i] = (struct merge_group){ .paths = &paths[i], .n = 1 };
	}
	double least = sum_costs(g, r, weights, alone, g->n);
	return least > 0 ? sum_costs(g, r, weights, groups, n) / least : 1;
}

/* What merge_order() sorts by. */
struct ordered {
	struct merge_group group;
	uint64_t changes;
	uint64_t size;
	uint32_t rank;
};

static int compare_ordered(const void *a, const void *b)
{
	const struct ordered *x = a, *y = b;
	/* x's chance per byte against y's, without dividing */
	cost_t left = (cost_t)x->changes * (y->size + 1),
	       right = (cost_t)y->changes * (x->size + 1);
	if (left != right)
		return left < right ? -1 : 1;
	return x->rank < y->rank ? -1 : x->rank > y->rank;
}

static struct ordered measure(const struct graph *g, const struct reachable *r,
			      const uint32_t *rank, const uint64_t *weights,
			      const struct merge_group *group)
{
	struct ordered o = { .group = *group, .rank = UINT32_MAX };
	o.changes = merge_changes(r, weights, group->paths, group->n);
	for (uint32_t j = 0; j < group->n; j++) {
		uint32_t path = group->paths[j];
		o.size += g->paths[path].nar_size;
		o.rank = rank[path] < o.rank ? rank[path] : o.rank;
	}
	return o;
}

void merge_order(const struct graph *g, const struct reachable *r, const uint32_t *rank,
		 const uint64_t *weights, struct merge_group *groups, uint32_t n)
{
	AUTO_FREE struct ordered *order = xcalloc(n, sizeof *order);
	for (uint32_t i = 0; i < n; i++)
		order[i] = measure(g, r, rank, weights, &groups[i]);
	qsort(order, n, sizeof *order, compare_ordered);
	for (uint32_t i = 0; i < n; i++)
		groups[i] = order[i].group;
}

/* --- ranks --- */

struct ranked {
	const struct graph *graph;
	uint32_t path;
	uint32_t class;     /* equal for paths not told apart yet */
	uint64_t signature; /* of its neighbours' classes */
};

static int compare_first(const void *a, const void *b)
{
	const struct ranked *x = a, *y = b;
	const struct graph_path *p = &x->graph->paths[x->path], *q = &y->graph->paths[y->path];
	int names = strcmp(storepath_name(p->path), storepath_name(q->path));
	if (names)
		return names;
	return p->nar_size < q->nar_size ? -1 : p->nar_size > q->nar_size;
}

static int compare_class(const void *a, const void *b)
{
	const struct ranked *x = a, *y = b;
	if (x->class != y->class)
		return x->class < y->class ? -1 : 1;
	return x->signature < y->signature ? -1 : x->signature > y->signature;
}

static int compare_last(const void *a, const void *b)
{
	const struct ranked *x = a, *y = b;
	if (x->class != y->class)
		return x->class < y->class ? -1 : 1;
	return x->path < y->path ? -1 : x->path > y->path;
}

/* Sorts, and gives what compares equal the same class. Returns the number of classes. */
static uint32_t classify(struct ranked *r, uint32_t n, int (*compare)(const void *, const void *))
{
	uint32_t classes = 0;
	qsort(r, n, sizeof *r, compare);
	AUTO_FREE uint32_t *class = xcalloc(n, sizeof *class);
	for (uint32_t i = 0; i < n; i++)
		class[i] = i && compare(&r[i - 1], &r[i]) != 0 ? ++classes : classes;
	for (uint32_t i = 0; i < n; i++)
		r[i].class = class[i];
	return classes + (n > 0);
}

static uint64_t mix(uint64_t x)
{
	/* finaliser of a 64-bit hash: neighbours are added up, so their order does not matter */
	x = (x ^ x >> 30) * 0xbf58476d1ce4e5b9U;
	x = (x ^ x >> 27) * 0x94d049bb133111ebU;
	return x ^ x >> 31;
}

static void sign(struct ranked *r, const struct graph *g)
{
	AUTO_FREE uint32_t *class = xcalloc(g->n, sizeof *class);
	AUTO_FREE uint64_t *sum = xcalloc(g->n, sizeof *sum);
	for (uint32_t i = 0; i < g->n; i++)
		class[r[i].path] = r[i].class;
	for (uint32_t p = 0; p < g->n; p++)
		for (uint32_t j = 0; j < g->paths[p].nrefs; j++) {
			uint32_t ref = g->paths[p].refs[j];
			sum[p] += mix(2 * (uint64_t) class[ref] + 1);
			sum[ref] += mix(2 * (uint64_t) class[p] + 2);
		}
	for (uint32_t i = 0; i < g->n; i++)
		r[i].signature = sum[r[i].path];
}

uint32_t *merge_ranks(const struct graph *g)
{
	AUTO_FREE struct ranked *r = xcalloc(g->n, sizeof *r);
	uint32_t *rank = xcalloc(g->n, sizeof *rank);
	for (uint32_t i = 0; i < g->n; i++)
		r[i] = (struct ranked){ .graph = g, .path = i };
	uint32_t before = 0, classes = classify(r, g->n, compare_first);
	while (classes < g->n && classes > before) {
		before = classes;
		sign(r, g);
		classes = classify(r, g->n, compare_class);
	}
	qsort(r, g->n, sizeof *r, compare_last);
	for (uint32_t i = 0; i < g->n; i++)
		rank[r[i].path] = i;
	return rank;
}
