/* SPDX-License-Identifier: MIT */
#include <string.h>

#include "layer/layertree_part.h"

/* A walk over the tree. */
struct visit {
	const struct layertree *t;
	uint32_t *floors; /* of each node, with all above counted */
	uint32_t *firsts; /* the first node of each file, NAMETREE_NONE where it was not met yet */
	uint32_t last;    /* the node whose path this is: */
	struct buf path;  /* begins with "./" */
	struct buf link;
	struct layertree_entry entry;
};

/* A node's number is greater than its parent's. */
static uint32_t *find_floors(const struct layertree *t)
{
	uint32_t *floors = xcalloc(t->tree.n, sizeof *floors);
	for (uint32_t i = 0; i < t->tree.n; i++) {
		uint32_t above = floors[t->tree.nodes[i].parent], own = t->states[i].floor;
		floors[i] = own > above ? own : above;
	}
	return floors;
}

/* Turns the path of the last node into this one's, whose parent is one of that one's or itself. */
static void go_to(struct visit *v, uint32_t node)
{
	const struct nametree *tree = &v->t->tree;
	uint32_t parent = tree->nodes[node].parent;
	if (node == NAMETREE_ROOT) {
		buf_adds(&v->path, "./");
		return;
	}
	for (; v->last != parent; v->last = tree->nodes[v->last].parent)
		v->path.len -= strlen(tree->names.strings[tree->nodes[v->last].name]) +
			       (tree->nodes[v->last].parent != NAMETREE_ROOT);
	if (parent != NAMETREE_ROOT)
		buf_addc(&v->path, '/');
	buf_adds(&v->path, tree->names.strings[tree->nodes[node].name]);
	v->last = node;
}

/* Names of a file but the first one are links to that. */
static void link_to_first(struct visit *v, uint32_t file, uint32_t node)
{
	struct tar_entry *entry = &v->entry.tar;
	if (entry->type == TAR_DIR)
		return;
	if (v->firsts[file] == NAMETREE_NONE) {
		v->firsts[file] = node;
		return;
	}
	buf_clear(&v->link);
	buf_adds(&v->link, "./");
	nametree_path(&v->t->tree, NAMETREE_ROOT, v->firsts[file], &v->link);
	entry->type = TAR_HARDLINK;
	entry->link = v->link.s;
	entry->size = 0;
}

static void fill(struct visit *v, uint32_t node, bool links)
{
	const struct layertree *t = v->t;
	const struct nametree_node *n = &t->tree.nodes[node];
	const struct layertree_state *s = &t->states[node];
	/* a directory that only things in it kept, below one that was hidden */
	bool lost = s->set < v->floors[n->parent] && node != NAMETREE_ROOT;
	uint32_t file = lost ? LAYERTREE_DEFAULT : n->origin;
	uint32_t layer = lost ? s->touched : s->set;
	go_to(v, node);
	v->entry = (struct layertree_entry){
		.path = node == NAMETREE_ROOT ? "." : v->path.s + 2,
		.tar = layertree_entry_of(t, &t->files[file]),
		.offset = t->files[file].offset,
		.layer = layer ? layer - 1 : 0,
		.file = file,
	};
	const struct layertree_sparse *sparse = layertree_find_sparse(t, file);
	if (sparse) {
		v->entry.segments = sparse->segments;
		v->entry.nsegments = sparse->n;
	}
	v->entry.tar.name = v->path.s;
	if (links)
		link_to_first(v, file, node);
}

static int visit(struct visit *v, const uint32_t *order, bool links, layertree_fn *fn,
		 void *context, struct err *e)
{
	const struct layertree *t = v->t;
	for (uint32_t i = 0; i < t->tree.n; i++) {
		uint32_t node = order[i], parent = t->tree.nodes[node].parent;
		if (node != NAMETREE_ROOT &&
		    !layertree_is_there(&t->states[node], v->floors[parent]))
			continue;
		fill(v, node, links);
		if (fn(&v->entry, context, e) < 0)
			return -1;
	}
	return 0;
}

static int each(const struct layertree *t, bool links, layertree_fn *fn, void *context,
		struct err *e)
{
	AUTO_FREE uint32_t *order = nametree_order(&t->tree);
	AUTO_FREE uint32_t *floors = find_floors(t);
	AUTO_FREE uint32_t *firsts = xmalloc(t->nfiles * sizeof *firsts);
	memset(firsts, 0xff, t->nfiles * sizeof *firsts);
	struct visit v = { .t = t, .floors = floors, .firsts = firsts };
	int result = visit(&v, order, links, fn, context, e);
	buf_free(&v.path);
	buf_free(&v.link);
	return result;
}

int layertree_each(const struct layertree *t, layertree_fn *fn, void *context, struct err *e)
{
	return each(t, true, fn, context, e);
}

int layertree_each_name(const struct layertree *t, layertree_fn *fn, void *context, struct err *e)
{
	return each(t, false, fn, context, e);
}

/* --- contents --- */

int layertree_contents(const struct layertree_entry *entry, layertree_contents_fn *fn,
		       void *context, struct err *e)
{
	uint64_t size = entry->tar.type == TAR_FILE ? entry->tar.size : 0;
	uint64_t stored = entry->offset, at = 0;
	if (!size)
		return 0;
	if (!entry->segments)
		return fn(context, stored, size, e);
	for (size_t i = 0; i < entry->nsegments; i++) {
		const struct tarread_segment *s = &entry->segments[i];
		if ((s->offset > at && fn(context, LAYERTREE_ZEROS, s->offset - at, e) < 0) ||
		    fn(context, stored, s->size, e) < 0)
			return -1;
		stored += s->size;
		at = s->offset + s->size;
	}
	return size > at ? fn(context, LAYERTREE_ZEROS, size - at, e) : 0;
}

/* --- lines --- */

static int write_line(const struct layertree_entry *from, void *out, struct err *e)
{
	const struct tar_entry *tar = &from->tar;
	struct mtree_entry line = {
		.path = from->path,
		.has = MTREE_TYPE | MTREE_MODE | MTREE_UID | MTREE_GID | MTREE_TIME,
		.type = tar->type,
		.mode = tar->mode,
		.uid = tar->uid,
		.gid = tar->gid,
		.uname = tar->uname,
		.gname = tar->gname,
		.size = tar->size,
		.time = tar->mtime,
		.nsec = tar->mtime_nsec,
		.link = tar->link,
		.devmajor = tar->devmajor,
		.devminor = tar->devminor,
		.xattrs = (struct tar_xattr *)(uintptr_t)tar->xattrs,
		.nxattrs = tar->nxattrs,
	};
	line.has |= *tar->uname ? MTREE_UNAME : 0;
	line.has |= *tar->gname ? MTREE_GNAME : 0;
	line.has |= tar->type == TAR_FILE ? MTREE_SIZE : 0;
	line.has |= tar->type == TAR_SYMLINK ? MTREE_LINK : 0;
	line.has |= tar->type == TAR_CHAR || tar->type == TAR_BLOCKDEV ? MTREE_DEVICE : 0;
	return mtree_write(&line, out, e);
}

int layertree_mtree(const struct layertree *t, struct out *o, struct err *e)
{
	return layertree_each_name(t, write_line, o, e);
}
