/* SPDX-License-Identifier: MIT */
#include "plan/merge.h"

#include <math.h>
#include <string.h>

/* More than any other cost: one layer that was kept is given up before two are. */
#define KEPT_TWICE ((cost_t)1 << 120)

/*
 * A partner to merge with, and what that adds. Between equal costs those
 * above a node come first by rank, then those below it: the pair that is
 * chosen among equals is the same, and not all nodes wait for the same one.
 */
struct choice {
	cost_t cost;
	uint64_t key; /* by which equal costs are ordered */
	uint32_t partner;
};

#define NONE UINT32_MAX

/* Comes behind all others. */
static const struct choice no_choice = { (cost_t)1 << 126, UINT64_MAX, NONE };

/* How many of them a node knows: more are remembered and compared for longer. */
enum { CHOICES = 6 };

/* A group while it is merged. */
struct node {
	struct merge_group group;
	uint64_t *set;   /* the sources that change it */
	uint32_t *words; /* where this is not 0 */
	uint32_t nwords;
	uint64_t size;        /* bytes */
	uint64_t changes;     /* weight of set */
	uint64_t *users;      /* the paths that have all of its paths in their closures */
	uint32_t *user_words; /* where this is not 0 */
	uint32_t nuser_words;
	uint32_t nusers;
	uint64_t alone; /* of one path: bytes that count once it is merged; otherwise 0 */
	cost_t apart;   /* bytes that count for each user that merging takes from it */
	uint32_t rank;  /* smallest of its paths' ranks */
	bool alive;
	struct choice best[CHOICES]; /* the best first */
	uint32_t nbest;
	struct choice rest; /* no partner that is not in best comes before this */
};

/*
 * What most pairs are told apart by, a column each, so that the processor
 * takes several at once: looking at the nodes themselves is the slow part.
 * Holds the nodes that may be merged, in no order.
 */
struct outline {
	double *size, *changes, *users, *apart, *alone, *penalty;
	double *least; /* scratch: least_costs() against one of them */
	uint32_t *node;
	uint32_t n;
};

struct merger {
	const struct merge_rules *rules;
	const struct costmodel *model;
	struct node *nodes;
	uint32_t n;
	uint32_t alive;
	struct outline open;
	uint32_t *place; /* where in open a node is */
};

static uint64_t weigh_common(const struct merger *m, const struct node *a, const struct node *b)
{
	const struct node *small = a->nwords < b->nwords ? a : b;
	return costmodel_weigh_common(m->model, a->set, b->set, small->words, small->nwords);
}

static uint32_t count_common_users(const struct node *a, const struct node *b)
{
	const struct node *small = a->nuser_words < b->nuser_words ? a : b;
	return (uint32_t)reachable_count_common(a->users, b->users, small->user_words,
						small->nuser_words);
}

/*
 * What merging a and b adds, were the union's weight `changes` and `users`
 * those of both; in percent of bytes * weight.
 */
static cost_t added_cost(const struct merger *m, const struct node *a, const struct node *b,
			 uint64_t changes, uint32_t users)
{
	cost_t update =
		(cost_t)a->size * (changes - a->changes) + (cost_t)b->size * (changes - b->changes);
	cost_t unshared = a->apart * (a->nusers - users) + b->apart * (b->nusers - users) +
			  a->alone + b->alone;
	cost_t at_once = (cost_t)a->group.penalty + b->group.penalty;
	cost_t twice = a->group.kept && b->group.kept ? KEPT_TWICE : 0;
	return update * 100 + (unshared * m->rules->sharing + at_once * 100) * m->model->total +
	       twice;
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
REACHABLE_CLONES static void least_costs(const struct outline *o, uint32_t k, double sharing,
					 double at_once, uint32_t end)
{
	double size = o->size[k], changes = o->changes[k], alone = o->alone[k];
	double users = o->users[k], apart = o->apart[k], penalty = o->penalty[k];
	for (uint32_t i = 0; i < end; i++) {
		double more = larger(changes, o->changes[i]), fewer = -larger(-users, -o->users[i]);
		o->least[i] =
			(100 * (size * (more - changes) + o->size[i] * (more - o->changes[i])) +
			 sharing * (apart * (users - fewer) + o->apart[i] * (o->users[i] - fewer) +
				    alone + o->alone[i]) +
			 at_once * (penalty + o->penalty[i])) *
			(1 - 1e-9);
	}
}

static void find_least_costs(const struct merger *m, uint32_t i)
{
	double weight = (double)m->model->total;
	least_costs(&m->open, m->place[i], m->rules->sharing * weight, 100 * weight, m->open.n);
}

static bool comes_before(const struct choice *a, const struct choice *b)
{
	return a->cost != b->cost ? a->cost < b->cost : a->key < b->key;
}

/* Puts the choice where it belongs, and what there is no room for to the rest. */
static void insert(struct node *node, const struct choice *new)
{
	if (!comes_before(new, &node->rest))
		return;
	if (node->nbest == CHOICES) {
		const struct choice *last = &node->best[CHOICES - 1];
		bool is_last = !comes_before(new, last);
		node->rest = is_last ? *new : *last;
		if (is_last)
			return;
		node->nbest--;
	}
	uint32_t k = node->nbest++;
	for (; k && comes_before(new, &node->best[k - 1]); k--)
		node->best[k] = node->best[k - 1];
	node->best[k] = *new;
}

/*
 * With as many common users as there can be, the cost is a lower bound. They
 * are counted only if that comes before the rest.
 */
static void weigh(const struct merger *m, struct node *node, uint32_t partner)
{
	const struct node *other = &m->nodes[partner];
	uint64_t changes = node->changes + other->changes - weigh_common(m, node, other);
	uint32_t most = node->nusers < other->nusers ? node->nusers : other->nusers;
	struct choice new = {
		.cost = added_cost(m, node, other, changes, most),
		.key = other->rank > node->rank ? other->rank : other->rank + ((uint64_t)1 << 32),
		.partner = partner,
	};
	if (most && comes_before(&new, &node->rest))
		new.cost = added_cost(m, node, other, changes, count_common_users(node, other));
	insert(node, &new);
}

/* Finds the node's best partners. */
static void find_best(const struct merger *m, uint32_t i)
{
	struct node *node = &m->nodes[i];
	node->nbest = 0;
	node->rest = no_choice;
	find_least_costs(m, i);
	double most = INFINITY;
	for (uint32_t k = 0; k < m->open.n; k++) {
		uint32_t partner = m->open.node[k];
		if (m->open.least[k] > most || partner == i)
			continue;
		weigh(m, node, partner);
		most = node->rest.partner == NONE ? INFINITY : (double)node->rest.cost;
	}
}

static void draw_outline(struct merger *m, uint32_t i)
{
	const struct node *node = &m->nodes[i];
	uint32_t k = m->place[i];
	m->open.size[k] = (double)node->size;
	m->open.changes[k] = (double)node->changes;
	m->open.users[k] = (double)node->nusers;
	m->open.apart[k] = (double)node->apart;
	m->open.alone[k] = (double)node->alone;
	m->open.penalty[k] = (double)node->group.penalty;
	m->open.node[k] = i;
}

static void close_outline(struct merger *m, uint32_t i)
{
	uint32_t last = m->open.node[--m->open.n];
	m->place[last] = m->place[i];
	draw_outline(m, last);
}

static void find_users(const struct costmodel *model, struct node *node)
{
	node->nuser_words = reachable_words(node->users, model->user_words, node->user_words);
	node->nusers = (uint32_t)reachable_count_common(node->users, node->users, node->user_words,
							node->nuser_words);
}

/* Moves b's paths into a. */
static void join(struct merger *m, uint32_t ia, uint32_t ib)
{
	struct node *a = &m->nodes[ia], *b = &m->nodes[ib];
	a->changes += b->changes - weigh_common(m, a, b);
	for (size_t i = 0; i < m->model->words; i++)
		a->set[i] |= b->set[i];
	a->nwords = reachable_words(a->set, m->model->words, a->words);
	for (size_t i = 0; i < m->model->user_words; i++)
		a->users[i] &= b->users[i];
	find_users(m->model, a);
	a->apart += b->apart;
	a->alone = 0;
	a->size += b->size;
	a->rank = a->rank < b->rank ? a->rank : b->rank;
	struct merge_group *to = &a->group, *from = &b->group;
	to->paths = xrealloc(to->paths, ((size_t)to->n + from->n) * sizeof *to->paths);
	memcpy(to->paths + to->n, from->paths, from->n * sizeof *from->paths);
	to->n += from->n;
	to->penalty = 0;
	to->kept = 0;
	to->known = false;
	free(from->paths);
	from->paths = NULL;
	b->alive = false;
	m->alive--;
}

/* Tells the node that i and j have become one, i. */
static void tell(const struct merger *m, struct node *node, uint32_t i, uint32_t j, double least)
{
	uint32_t n = 0;
	for (uint32_t k = 0; k < node->nbest; k++)
		if (node->best[k].partner != i && node->best[k].partner != j)
			node->best[n++] = node->best[k];
	node->nbest = n;
	if (node->rest.partner == NONE || least <= (double)node->rest.cost)
		weigh(m, node, i);
}

static void merge(struct merger *m, uint32_t i)
{
	uint32_t j = m->nodes[i].best[0].partner;
	join(m, i, j);
	close_outline(m, j);
	draw_outline(m, i);
	find_least_costs(m, i);
	for (uint32_t place = 0; place < m->open.n; place++)
		if (m->open.node[place] != i)
			tell(m, &m->nodes[m->open.node[place]], i, j, m->open.least[place]);
	find_best(m, i);
}

static bool is_small(const struct merger *m, const struct node *node)
{
	return node->size < m->rules->min_size;
}

/* What merging the node adds at least; NULL where there is nothing to merge it with. */
static const struct choice *first_choice(const struct node *node)
{
	if (node->nbest)
		return &node->best[0];
	return node->rest.partner == NONE ? NULL : &node->rest;
}

/* cheapest() by what is known: the node found may know no partner any more. */
static uint32_t cheapest_known(const struct merger *m, bool only_small)
{
	uint32_t found = m->n;
	const struct choice *least = NULL;
	for (uint32_t place = 0; place < m->open.n; place++) {
		uint32_t i = m->open.node[place];
		const struct node *node = &m->nodes[i];
		const struct choice *first = first_choice(node);
		if (!first || (only_small && !is_small(m, node)))
			continue;
		if (!least || first->cost < least->cost ||
		    (first->cost == least->cost && node->rank < m->nodes[found].rank)) {
			found = i;
			least = first;
		}
	}
	return found;
}

/* The node whose best merge costs least, among all or the small ones; n where there is none. */
static uint32_t cheapest(const struct merger *m, bool only_small)
{
	uint32_t i;
	while ((i = cheapest_known(m, only_small)) < m->n && m->nodes[i].nbest == 0)
		find_best(m, i);
	return i;
}

static void init_users(const struct costmodel *model, struct node *node)
{
	node->users = xmalloc(model->user_words * sizeof *node->users);
	memset(node->users, 0xff, model->user_words * sizeof *node->users);
	for (uint32_t j = 0; j < node->group.n; j++) {
		uint32_t path = node->group.paths[j];
		node->apart += model->apart[path];
		for (size_t word = 0; word < model->user_words; word++)
			node->users[word] &= costmodel_users(model, path)[word];
	}
	node->user_words = xcalloc(model->user_words, sizeof *node->user_words);
	find_users(model, node);
	node->alone = node->group.n == 1 ? model->alone[node->group.paths[0]] : 0;
}

static void init_node(struct merger *m, uint32_t i)
{
	const struct costmodel *model = m->model;
	struct node *node = &m->nodes[i];
	node->alive = true;
	node->rank = UINT32_MAX;
	for (uint32_t j = 0; j < node->group.n; j++) {
		uint32_t path = node->group.paths[j];
		node->size += model->graph->paths[path].nar_size;
		node->rank = model->rank[path] < node->rank ? model->rank[path] : node->rank;
	}
	init_users(model, node);
	node->set = xcalloc(model->words, sizeof *node->set);
	node->words = xcalloc(model->words, sizeof *node->words);
	costmodel_unite(model, node->group.paths, node->group.n, node->set);
	node->nwords = reachable_words(node->set, model->words, node->words);
	node->changes = costmodel_weigh(model, node->set);
}

static void free_nodes(struct merger *m)
{
	for (uint32_t i = 0; i < m->n; i++) {
		free(m->nodes[i].set);
		free(m->nodes[i].words);
		free(m->nodes[i].users);
		free(m->nodes[i].user_words);
	}
	free(m->nodes);
}

void merge_groups(const struct costmodel *model, const struct merge_rules *rules,
		  struct merge_group *groups, uint32_t *n)
{
	struct merger m = { .rules = rules, .model = model, .n = *n, .alive = *n };
	m.nodes = xcalloc(m.n, sizeof *m.nodes);
	for (uint32_t i = 0; i < m.n; i++) {
		m.nodes[i].group = groups[i];
		init_node(&m, i);
	}
	AUTO_FREE double *columns = xcalloc(7 * (size_t)*n, sizeof *columns);
	AUTO_FREE uint32_t *open = xcalloc(*n, sizeof *open);
	AUTO_FREE uint32_t *place = m.place = xcalloc(*n, sizeof *place);
	m.open = (struct outline){ .size = columns,
				   .changes = columns + *n,
				   .alone = columns + 2 * (size_t)*n,
				   .penalty = columns + 3 * (size_t)*n,
				   .users = columns + 4 * (size_t)*n,
				   .apart = columns + 5 * (size_t)*n,
				   .least = columns + 6 * (size_t)*n,
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
	free_nodes(&m);
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

/* Bytes times the weight of what changes them, of all groups. */
static double sum_costs(const struct costmodel *m, const struct merge_group *groups, uint32_t n)
{
	double sum = 0;
	for (uint32_t i = 0; i < n; i++) {
		double size = 0;
		for (uint32_t j = 0; j < groups[i].n; j++)
			size += (double)m->graph->paths[groups[i].paths[j]].nar_size;
		sum += size * (double)costmodel_changes(m, groups[i].paths, groups[i].n);
	}
	return sum;
}

double merge_expected_cost(const struct costmodel *m, const struct merge_group *groups, uint32_t n)
{
	AUTO_FREE struct merge_group *alone = xcalloc(m->graph->n, sizeof *alone);
	AUTO_FREE uint32_t *paths = xcalloc(m->graph->n, sizeof *paths);
	for (uint32_t i = 0; i < m->graph->n; i++) {
		paths[i] = i;
		alone[i] = (struct merge_group){ .paths = &paths[i], .n = 1 };
	}
	double least = sum_costs(m, alone, m->graph->n);
	return least > 0 ? sum_costs(m, groups, n) / least : 1;
}
