/* SPDX-License-Identifier: MIT */
#include "layer/layertree.h"

#include <string.h>

#include "layer/layertree_part.h"
#include "tar/tarread.h"

static const char opaque[] = ".wh..wh..opq";

/* --- the tree --- */

static uint32_t add_file(struct layertree *t, const struct layertree_file *file)
{
	t->files = mem_grow(t->files, &t->files_cap, (size_t)t->nfiles + 1, sizeof *t->files);
	t->files[t->nfiles] = *file;
	return t->nfiles++;
}

struct layertree *layertree_new(void)
{
	struct layertree *t = xcalloc(1, sizeof *t);
	nametree_init(&t->tree);
	layertree_add_state(t, NAMETREE_ROOT);
	t->states[NAMETREE_ROOT].touched = UINT32_MAX; /* it is there, whatever layers hold */
	uint32_t nobody = intern_add(&t->strings, "", 0);
	add_file(t, &(struct layertree_file){
			    .type = TAR_DIR, .mode = 0755, .uname = nobody, .gname = nobody });
	return t;
}

void layertree_free(struct layertree *t)
{
	if (!t)
		return;
	for (uint32_t i = 0; i < t->nfiles; i++)
		free(t->files[i].xattrs);
	for (size_t i = 0; i < t->nsparse; i++)
		free(t->sparse[i].segments);
	free(t->sparse);
	free(t->files);
	free(t->states);
	nametree_free(&t->tree);
	intern_free(&t->strings);
	free(t);
}

void layertree_cleanup(struct layertree **t)
{
	layertree_free(*t);
}

uint32_t layertree_layers(const struct layertree *t)
{
	return t->layers;
}

/* --- entries --- */

enum layertree_kind layertree_look(const struct layertree *t, const char *path)
{
	AUTO_BUF struct buf parts = { 0 };
	buf_add(&parts, path, strlen(path) + 1);
	for (char *s = parts.s; (s = strchr(s, '/')); s++)
		*s = '\0';
	uint32_t node = layertree_find_node(t, &parts);
	if (node == NAMETREE_NONE)
		return LAYERTREE_MISSING;
	return layertree_is_dir(t, node) ? LAYERTREE_DIR : LAYERTREE_OTHER;
}

/* The node at the end of a name, by way of links; what it is itself may be one. */
static int find_by_links(struct layertree_reading *r, const struct buf *parts, uint32_t *node,
			 struct err *e)
{
	struct layertree_step dir;
	size_t leaf = layertree_leaf(parts);
	if (layertree_follow(r, parts, leaf, &dir, e) < 0)
		return -1;
	*node = dir.node == NAMETREE_NONE ? NAMETREE_NONE
					  : nametree_find(&r->t->tree, dir.node, parts->s + leaf);
	if (*node != NAMETREE_NONE && !layertree_is_there(&r->t->states[*node], dir.floor))
		*node = NAMETREE_NONE;
	return 0;
}

/* The file that a hard link's target is. */
static int find_target(struct layertree_reading *r, const char *link, uint32_t *file, struct err *e)
{
	const struct layertree *t = r->t;
	AUTO_BUF struct buf b = { 0 };
	if (layertree_split(r, link, &b, e) < 0)
		return -1;
	uint32_t node = layertree_find_node(t, &b);
	if (node == NAMETREE_NONE && find_by_links(r, &b, &node, e) < 0)
		return -1;
	if (node == NAMETREE_NONE || layertree_is_dir(t, node))
		return tarread_err(r->tar, e, "'%s' is a hard link to '%s', which %s",
				   tarread_entry(r->tar)->name, link,
				   node == NAMETREE_NONE ? "is not there" : "is a directory");
	*file = t->tree.nodes[node].origin;
	return 0;
}

/* A sparse file is always a new one. */
static int note_sparse(struct layertree_reading *r, struct err *e)
{
	size_t n;
	const struct tarread_segment *segments = tarread_segments(r->tar, &n);
	if (!segments)
		return 0;
	layertree_add_sparse(r->t, segments, n);
	return layertree_spend(r, n * sizeof *segments, e);
}

/* What the entry is: a new file, or one that is there. A directory of its own is used again. */
static int find_file(struct layertree_reading *r, bool keep, uint32_t *file, struct err *e)
{
	const struct tar_entry *entry = tarread_entry(r->tar);
	if (entry->type == TAR_HARDLINK)
		return find_target(r, entry->link, file, e);
	if (entry->type == TAR_SYMLINK && !*entry->link)
		return tarread_err(r->tar, e, "'%s' is a symbolic link to nothing", entry->name);
	struct layertree_file new =
		layertree_file_of(r->t, entry, r->base + tarread_offset(r->tar));
	if (keep && *file != LAYERTREE_DEFAULT) {
		free(r->t->files[*file].xattrs);
		r->t->files[*file] = new;
	} else {
		*file = add_file(r->t, &new);
	}
	return note_sparse(r, e);
}

/* Whether the layer has two things in the same place that do not go together. */
static int check_twice(const struct layertree_reading *r, uint32_t node, struct err *e)
{
	const struct tar_entry *entry = tarread_entry(r->tar);
	bool dir = layertree_is_dir(r->t, node);
	if (dir && entry->type == TAR_DIR)
		return 0;
	if (dir || entry->type == TAR_DIR)
		return tarread_err(r->tar, e, "'%s' is a directory and something else in one layer",
				   entry->name);
	return tarread_err(r->tar, e, "'%s' is in the layer twice", entry->name);
}

static int put(struct layertree_reading *r, size_t leaf, struct err *e)
{
	bool dir = tarread_entry(r->tar)->type == TAR_DIR;
	uint32_t node;
	if (layertree_walk_to(r, leaf, e) < 0)
		return -1;
	const struct layertree_step *top = &r->steps[r->nsteps - 1];
	if (layertree_node(r, top->node, r->name.s + leaf, &node, e) < 0)
		return -1;
	struct layertree_state *s = &r->t->states[node];
	bool there = layertree_is_there(s, top->floor);
	if (there && s->touched == r->layer && check_twice(r, node, e) < 0)
		return -1;
	if (there && !(dir && layertree_is_dir(r->t, node)))
		layertree_forget_leads(r);
	uint32_t file = r->t->tree.nodes[node].origin;
	if (find_file(r, dir && layertree_is_dir(r->t, node), &file, e) < 0)
		return -1;
	r->t->tree.nodes[node].origin = file;
	s->touched = s->set = r->layer;
	if (!dir)
		s->floor = r->layer;
	if (layertree_is_note(r->name.s + leaf))
		layertree_hide(r, node, LAYERTREE_NOTE);
	return 0;
}

static int put_root(struct layertree_reading *r, struct err *e)
{
	if (tarread_entry(r->tar)->type != TAR_DIR)
		return tarread_err(r->tar, e, "'%s' is the root: expected a directory",
				   tarread_entry(r->tar)->name);
	r->t->states[NAMETREE_ROOT].set = r->layer;
	return find_file(r, true, &r->t->tree.nodes[NAMETREE_ROOT].origin, e);
}

/* To the node of a name, be it there or not; a link of this layer is followed. */
static int go_down(struct layertree_reading *r, uint32_t *node, const char *name, struct err *e)
{
	struct layertree_step dir;
	*node = nametree_find(&r->t->tree, *node, name);
	if (*node == NAMETREE_NONE || r->t->states[*node].touched != r->layer ||
	    !layertree_is_link(r->t, *node))
		return 0;
	size_t len = (size_t)(name - r->name.s) + strlen(name) + 1;
	if (layertree_follow(r, &r->name, len, &dir, e) < 0)
		return -1;
	*node = dir.node;
	return 0;
}

/* A whiteout makes no directory: where there is nothing of that name, it hides nothing. */
static int white_out(struct layertree_reading *r, size_t leaf, struct err *e)
{
	const char *name = r->name.s + leaf;
	bool all = strcmp(name, opaque) == 0;
	const char *hides = name + strlen(".wh.");
	uint32_t node = NAMETREE_ROOT;
	if (!*hides || strcmp(hides, ".") == 0 || strcmp(hides, "..") == 0)
		return tarread_err(r->tar, e,
				   "'%s' deletes nothing: expected a file .wh.NAME or .wh..wh..opq",
				   tarread_entry(r->tar)->name);
	for (const char *s = r->name.s; node != NAMETREE_NONE && s < name; s += strlen(s) + 1)
		if (go_down(r, &node, s, e) < 0)
			return -1;
	if (!all && node != NAMETREE_NONE)
		node = nametree_find(&r->t->tree, node, hides);
	if (node != NAMETREE_NONE)
		layertree_hide(r, node, all ? LAYERTREE_OPAQUE : LAYERTREE_WHITEOUT);
	return 0;
}

static int spend_entry(struct layertree_reading *r, struct err *e)
{
	const struct tar_entry *entry = tarread_entry(r->tar);
	size_t bytes = strlen(entry->name) + strlen(entry->link);
	for (size_t i = 0; i < entry->nxattrs; i++)
		bytes += strlen(entry->xattrs[i].name) + entry->xattrs[i].len;
	return layertree_spend(r, bytes, e);
}

static int read_entry(struct layertree_reading *r, struct err *e)
{
	if (layertree_too_many(r, e) < 0 || spend_entry(r, e) < 0 ||
	    layertree_split(r, tarread_entry(r->tar)->name, &r->name, e) < 0)
		return -1;
	r->t->entries++;
	if (!r->name.len)
		return put_root(r, e);
	size_t leaf = layertree_leaf(&r->name);
	const char *name = r->name.s + leaf;
	if (strcmp(name, opaque) == 0 || layertree_is_whiteout(name))
		return white_out(r, leaf, e);
	return put(r, leaf, e);
}

/* --- layers --- */

/* Whiteouts leave what their own layer has; of a directory it only has things in, no more. */
static void apply_hidden(struct layertree_reading *r)
{
	for (size_t i = 0; i < r->nhidden; i++) {
		uint32_t node = r->hidden[i].node;
		struct layertree_state *s = &r->t->states[node];
		s->floor = r->layer + (r->hidden[i].kind == LAYERTREE_NOTE);
		if (r->hidden[i].kind == LAYERTREE_OPAQUE)
			continue;
		if (s->touched < r->layer || r->hidden[i].kind == LAYERTREE_NOTE) {
			s->touched = 0;
		} else if (s->set < r->layer) {
			s->set = r->layer;
			r->t->tree.nodes[node].origin = LAYERTREE_DEFAULT;
		}
	}
}

static int read_entries(struct layertree_reading *r, struct err *e)
{
	enum tarread_event event = TARREAD_GLOBAL;
	while (event != TARREAD_EOF && event != TARREAD_END) {
		if (tarread_next(r->tar, &event, e) < 0)
			return -1;
		if (event == TARREAD_ENTRY && read_entry(r, e) < 0)
			return -1;
	}
	return 0;
}

int layertree_add(struct layertree *t, struct source *s, uint64_t base, struct err *e)
{
	AUTO_TARREAD struct tarread *tar = tarread_from(s);
	struct layertree_reading r = { .t = t, .tar = tar, .base = base, .layer = ++t->layers };
	tarread_sparse(tar);
	tarread_open_end(tar); /* whether the layer is whole, its source knows */
	layertree_start(&r);
	int result = read_entries(&r, e);
	if (result == 0) {
		apply_hidden(&r);
		result = source_drain(s, e);
	}
	buf_free(&r.name);
	buf_free(&r.way);
	free(r.steps);
	free(r.hidden);
	return result;
}
