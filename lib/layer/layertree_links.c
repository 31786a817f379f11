/* SPDX-License-Identifier: MIT */
#include <string.h>

#include "layer/layertree_part.h"

/*
 * Where symbolic links on the way to an entry lead: into the tree as it is at that point, from its
 * root if they are absolute, and never above that. Bytes of links and paths are spent each time,
 * COST for each, so that links that lead far take little time before they meet the limit.
 */

enum { COST = 32 };
enum { LINKS_MAX = 40, TARGET_MAX = 4095 }; /* links on one way, bytes of one, as Linux has it */

/* A way that links lead. */
struct lead {
	struct layertree_reading *r;
	struct layertree_step *chain; /* the directories down to the last one, the root first */
	size_t n, cap;
	struct buf rest; /* what is still to be walked, from */
	size_t at;
	int links;
	bool make;    /* what is missing is made */
	bool missing; /* and otherwise that ends the way */
};

static void push(struct lead *l, struct layertree_step step)
{
	l->chain = mem_grow(l->chain, &l->cap, l->n + 1, sizeof *l->chain);
	l->chain[l->n++] = step;
}

/* The chain of directories down to that one. */
static void start_at(struct lead *l, uint32_t dir)
{
	const struct layertree *t = l->r->t;
	size_t depth = 0;
	for (uint32_t i = dir; i != NAMETREE_ROOT; i = t->tree.nodes[i].parent)
		depth++;
	l->chain = mem_grow(l->chain, &l->cap, depth + 1, sizeof *l->chain);
	l->n = depth + 1;
	for (uint32_t i = dir; depth; i = t->tree.nodes[i].parent)
		l->chain[depth--].node = i;
	l->chain[0] = (struct layertree_step){ .node = NAMETREE_ROOT,
					       .floor = t->states[NAMETREE_ROOT].floor };
	for (size_t i = 1; i < l->n; i++)
		l->chain[i] = layertree_below(t, &l->chain[i - 1], l->chain[i].node);
}

/* Puts what the link says in front of the rest. */
static int follow(struct lead *l, uint32_t link, struct err *e)
{
	const struct layertree *t = l->r->t;
	const char *target = t->files[t->tree.nodes[link].origin].link;
	size_t len = strlen(target);
	if (++l->links > LINKS_MAX || len > TARGET_MAX) {
		l->missing = true;
		return !l->make ? 0
				: tarread_err(
					  l->r->tar, e,
					  "'%s': more than %d links on the way, or too long ones",
					  tarread_entry(l->r->tar)->name, LINKS_MAX);
	}
	size_t left = l->rest.len - l->at;
	if (layertree_spend(l->r, COST * (len + left + l->chain[l->n - 1].path), e) < 0)
		return -1;
	struct buf rest = { 0 };
	buf_addf(&rest, "%s/%.*s", target, (int)left, left ? l->rest.s + l->at : "");
	buf_free(&l->rest);
	l->rest = rest;
	l->at = 0;
	if (*target == '/')
		l->n = 1;
	return 0;
}

static int no_directory(struct lead *l, const char *name, struct err *e)
{
	l->missing = true;
	if (!l->make)
		return 0;
	return tarread_err(l->r->tar, e,
			   "'%s' is below a link that leads to '%s', which is no directory",
			   tarread_entry(l->r->tar)->name, name);
}

/* A name that is not there, or not any more. */
static int make(struct lead *l, const char *name, struct err *e)
{
	const struct layertree_step *top = &l->chain[l->n - 1];
	uint32_t node;
	l->missing = !l->make;
	if (!l->make)
		return 0;
	if (layertree_is_whiteout(name) || layertree_is_note(name))
		return tarread_err(l->r->tar, e,
				   "'%s' is below a link that leads to '%s', a whiteout",
				   tarread_entry(l->r->tar)->name, name);
	if (layertree_node(l->r, top->node, name, &node, e) < 0 ||
	    layertree_make_missing(l->r, top, node, e) < 0)
		return -1;
	l->r->t->states[node].touched = l->r->layer;
	push(l, layertree_below(l->r->t, top, node));
	return 0;
}

static int step(struct lead *l, const char *name, struct err *e)
{
	const struct layertree *t = l->r->t;
	const struct layertree_step *top = &l->chain[l->n - 1];
	if (!*name || strcmp(name, ".") == 0)
		return 0;
	if (strcmp(name, "..") == 0) {
		l->n -= l->n > 1;
		return 0;
	}
	uint32_t node = nametree_find(&t->tree, top->node, name);
	if (node == NAMETREE_NONE || !layertree_is_there(&t->states[node], top->floor))
		return make(l, name, e);
	if (layertree_is_link(t, node))
		return follow(l, node, e);
	if (!layertree_is_dir(t, node))
		return no_directory(l, name, e);
	push(l, layertree_below(t, top, node));
	return 0;
}

/* Takes the next name of the rest. Free it. */
static char *next_name(struct lead *l)
{
	const char *s = l->rest.s + l->at;
	size_t len = strcspn(s, "/");
	l->at += len + (s[len] == '/');
	return xstrndup(s, len);
}

static int walk(struct lead *l, struct err *e)
{
	while (l->at < l->rest.len && !l->missing) {
		AUTO_FREE char *name = next_name(l);
		if (step(l, name, e) < 0)
			return -1;
	}
	return 0;
}

static void lead_free(struct lead *l)
{
	free(l->chain);
	buf_free(&l->rest);
}

/* The layer has something below all these. */
static void touch(struct lead *l)
{
	for (size_t i = 1; i < l->n; i++)
		l->r->t->states[l->chain[i].node].touched = l->r->layer;
}

void layertree_forget_leads(struct layertree_reading *r)
{
	if (r->has_leads)
		memset(r->leads, 0, sizeof r->leads);
	r->has_leads = false;
}

static int find_lead(struct layertree_reading *r, uint32_t dir, uint32_t link,
		     struct layertree_step *step, struct err *e)
{
	struct lead l = { .r = r, .make = true };
	start_at(&l, dir);
	int result = follow(&l, link, e);
	if (result == 0)
		result = walk(&l, e);
	if (result == 0) {
		touch(&l);
		*step = l.chain[l.n - 1];
	}
	lead_free(&l);
	return result;
}

int layertree_enter_link(struct layertree_reading *r, const struct layertree_step *dir,
			 uint32_t link, struct layertree_step *step, struct err *e)
{
	struct layertree_lead *known = &r->leads[link % LAYERTREE_LEADS];
	if (known->link != link) {
		if (find_lead(r, dir->node, link, &known->to, e) < 0)
			return -1;
		known->link = link;
		r->has_leads = true;
	}
	*step = known->to;
	return 0;
}

int layertree_follow(struct layertree_reading *r, const struct buf *parts, size_t len,
		     struct layertree_step *step, struct err *e)
{
	struct lead l = { .r = r };
	start_at(&l, NAMETREE_ROOT);
	buf_add(&l.rest, parts->s, len);
	for (size_t i = 0; i < len; i++)
		if (!l.rest.s[i])
			l.rest.s[i] = '/';
	int result = walk(&l, e);
	*step = l.chain[l.n - 1];
	if (l.missing)
		step->node = NAMETREE_NONE;
	lead_free(&l);
	return result;
}
