/* SPDX-License-Identifier: MIT */
#include <string.h>

#include "layer/layertree_part.h"

/* The way to an entry: its name, and the directories that it goes through. */

static const char prefix[] = ".wh.", note_prefix[] = ".wh..wh.";

void layertree_add_state(struct layertree *t, uint32_t node)
{
	t->states = mem_grow(t->states, &t->states_cap, (size_t)node + 1, sizeof *t->states);
	t->states[node] = (struct layertree_state){ 0 };
	t->tree.nodes[node].origin = LAYERTREE_DEFAULT;
}

/* --- names --- */

static bool begins(const char *s, const char *with)
{
	return strncmp(s, with, strlen(with)) == 0;
}

bool layertree_is_note(const char *name)
{
	return begins(name, note_prefix);
}

bool layertree_is_whiteout(const char *name)
{
	return begins(name, prefix) && !begins(name, note_prefix);
}

size_t layertree_leaf(const struct buf *parts)
{
	const char *end = parts->len > 1 ? memrchr(parts->s, '\0', parts->len - 1) : NULL;
	return end ? (size_t)(end - parts->s) + 1 : 0;
}

int layertree_split(const struct layertree_reading *r, const char *name, struct buf *b,
		    struct err *e)
{
	buf_clear(b);
	buf_adds(b, "");
	for (const char *s = name; *s; s += *s == '/') {
		size_t len = strcspn(s, "/");
		bool up = len == 2 && memcmp(s, "..", 2) == 0;
		if (up && !b->len)
			return tarread_err(r->tar, e, "'%s' leads out of the root", name);
		if (up) {
			b->len = layertree_leaf(b);
		} else if (len && !(len == 1 && *s == '.')) {
			buf_add(b, s, len);
			buf_addc(b, '\0');
		}
		s += len;
	}
	return 0;
}

/* --- limits --- */

int layertree_too_many(const struct layertree_reading *r, struct err *e)
{
	if (r->t->entries < LAYERTREE_MAX_ENTRIES && r->t->tree.n <= LAYERTREE_MAX_ENTRIES)
		return 0;
	return tarread_err(r->tar, e, "more than %d entries", LAYERTREE_MAX_ENTRIES);
}

int layertree_spend(struct layertree_reading *r, size_t bytes, struct err *e)
{
	r->t->text += bytes;
	if (r->t->text <= LAYERTREE_MAX_TEXT)
		return 0;
	return tarread_err(r->tar, e, "more than %d bytes of names, links and attributes",
			   LAYERTREE_MAX_TEXT);
}

/* --- nodes --- */

int layertree_node(struct layertree_reading *r, uint32_t parent, const char *name, uint32_t *node,
		   struct err *e)
{
	uint32_t n = nametree_find(&r->t->tree, parent, name);
	if (n == NAMETREE_NONE) {
		if (layertree_too_many(r, e) < 0)
			return -1;
		n = nametree_add(&r->t->tree, parent, name);
		layertree_add_state(r->t, n);
	}
	*node = n;
	return 0;
}

void layertree_hide(struct layertree_reading *r, uint32_t node, enum layertree_hiding kind)
{
	r->hidden = mem_grow(r->hidden, &r->hidden_cap, r->nhidden + 1, sizeof *r->hidden);
	r->hidden[r->nhidden++] = (struct layertree_hidden){ .node = node, .kind = kind };
}

uint32_t layertree_find_node(const struct layertree *t, const struct buf *parts)
{
	uint32_t node = NAMETREE_ROOT, floor = 0;
	for (const char *s = parts->s; node != NAMETREE_NONE && s < parts->s + parts->len;
	     s += strlen(s) + 1) {
		uint32_t own = t->states[node].floor;
		floor = own > floor ? own : floor;
		node = layertree_is_dir(t, node) ? nametree_find(&t->tree, node, s) : NAMETREE_NONE;
		if (node != NAMETREE_NONE && !layertree_is_there(&t->states[node], floor))
			node = NAMETREE_NONE;
	}
	return node;
}

/* --- directories --- */

struct layertree_step layertree_below(const struct layertree *t, const struct layertree_step *top,
				      uint32_t node)
{
	uint32_t own = t->states[node].floor;
	return (struct layertree_step){
		.node = node,
		.floor = own > top->floor ? own : top->floor,
		.path = top->path + 1 + strlen(nametree_name(&t->tree, node)),
	};
}

/* A long path alone can stand for half as many directories as it has bytes, each with a long path.
 */
int layertree_make_missing(struct layertree_reading *r, const struct layertree_step *top,
			   uint32_t node, struct err *e)
{
	r->t->tree.nodes[node].origin = LAYERTREE_DEFAULT;
	r->t->states[node].set = r->layer;
	return layertree_spend(r, layertree_below(r->t, top, node).path, e);
}

static void push(struct layertree_reading *r, struct layertree_step step)
{
	step.end = r->way.len;
	r->steps = mem_grow(r->steps, &r->steps_cap, r->nsteps + 1, sizeof *r->steps);
	r->steps[r->nsteps++] = step;
}

void layertree_start(struct layertree_reading *r)
{
	push(r, (struct layertree_step){ .node = NAMETREE_ROOT,
					 .floor = r->t->states[NAMETREE_ROOT].floor });
}

/* Goes into a directory; what is none in a lower layer becomes one. */
static int enter_dir(struct layertree_reading *r, const struct layertree_step *top, uint32_t node,
		     bool there, struct layertree_step *step, struct err *e)
{
	bool dir = layertree_is_dir(r->t, node);
	if (there && !dir)
		layertree_forget_leads(r);
	if (!(there && dir) && layertree_make_missing(r, top, node, e) < 0)
		return -1;
	r->t->states[node].touched = r->layer;
	*step = layertree_below(r->t, top, node);
	return 0;
}

/* One step down. */
static int enter(struct layertree_reading *r, const char *name, struct err *e)
{
	const struct layertree_step *top = &r->steps[r->nsteps - 1];
	struct layertree_step step = { .node = NAMETREE_NONE };
	uint32_t node;
	if (layertree_is_whiteout(name))
		return tarread_err(r->tar, e, "'%s' is below a whiteout",
				   tarread_entry(r->tar)->name);
	if (layertree_node(r, top->node, name, &node, e) < 0)
		return -1;
	bool there = layertree_is_there(&r->t->states[node], top->floor);
	bool own = there && r->t->states[node].touched == r->layer;
	if (own && layertree_is_link(r->t, node)) {
		if (layertree_enter_link(r, top, node, &step, e) < 0)
			return -1;
	} else if (own && !layertree_is_dir(r->t, node)) {
		return tarread_err(r->tar, e,
				   "'%s' is below a file that is not a directory in this layer",
				   tarread_entry(r->tar)->name);
	} else if (enter_dir(r, top, node, there, &step, e) < 0) {
		return -1;
	}
	buf_add(&r->way, name, strlen(name) + 1);
	push(r, step);
	if (layertree_is_note(name))
		layertree_hide(r, node, LAYERTREE_NOTE);
	return 0;
}

/* Bytes at the beginning that are equal. */
static size_t common(const struct buf *a, const char *s, size_t len)
{
	size_t n = 0, most = a->len < len ? a->len : len;
	while (n < most && a->s[n] == s[n])
		n++;
	return n;
}

int layertree_walk_to(struct layertree_reading *r, size_t leaf, struct err *e)
{
	size_t same = common(&r->way, r->name.s, leaf);
	while (r->steps[r->nsteps - 1].end > same)
		r->nsteps--;
	r->way.len = r->steps[r->nsteps - 1].end;
	for (size_t at = r->way.len; at < leaf; at = r->way.len)
		if (enter(r, r->name.s + at, e) < 0)
			return -1;
	return 0;
}
