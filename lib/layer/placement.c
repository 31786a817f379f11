/* SPDX-License-Identifier: MIT */
#include "layer/placement.h"

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#include "base/nametree.h"

enum { TARGET_MAX = 4095 }; /* bytes of a link, as Linux has it */

/* An entry on its way. */
struct spot {
	struct mtree_entry entry;
	const char
		*from; /* the path it had, or of what it is needed for; entry.path is the new one */
	uint32_t over; /* the node of base whose place it takes, being no directory */
	bool moved;
	bool gone; /* its place is a link of base, or has another entry */
};

/* A directory of m on the way down. */
struct level {
	uint32_t node;
	bool moved;
};

/*
 * The nodes of the tree are what base has, their origins its entries, and
 * directories of m or on the way of a link that it lacks: NAMETREE_NONE.
 */
struct placing {
	struct mtree *m;
	const struct mtree *base;
	struct nametree tree;
	uint32_t *leads; /* for each entry of base that is a link: where to; NAMETREE_NONE: not
			    known */
	bool *used;      /* and whether something is placed by it */
	struct spot *spots;
	size_t n, cap;
	struct level *levels;
	size_t levels_cap;
	const char *from; /* what is being placed */
	struct buf path;
};

static bool is_kind(const struct placing *p, uint32_t node, mode_t kind)
{
	return (p->tree.nodes[node].mode & S_IFMT) == kind;
}

/* --- the base as a tree --- */

static bool is_root(const char *path)
{
	return strcmp(path, ".") == 0;
}

static uint32_t find_or_add(struct nametree *t, uint32_t parent, const char *name, mode_t mode)
{
	uint32_t node = nametree_find(t, parent, name);
	if (node == NAMETREE_NONE) {
		node = nametree_add(t, parent, name);
		t->nodes[node].mode = mode;
	}
	return node;
}

static mode_t kind(const struct mtree_entry *entry)
{
	return entry->type == TAR_DIR ? S_IFDIR : entry->type == TAR_SYMLINK ? S_IFLNK : S_IFREG;
}

/* The node at the path of an entry, added where it is not there. */
static uint32_t node_at(struct nametree *t, const struct mtree_entry *entry)
{
	uint32_t node = NAMETREE_ROOT;
	AUTO_FREE char *path = xstrdup(entry->path);
	if (is_root(path))
		return NAMETREE_ROOT;
	for (char *s = path, *slash; s; s = slash) {
		slash = strchr(s, '/');
		if (slash)
			*slash++ = '\0';
		node = find_or_add(t, node, s, slash ? S_IFDIR : kind(entry));
	}
	return node;
}

static void load_base(struct placing *p)
{
	p->leads = xcalloc(p->base->n, sizeof *p->leads);
	p->used = xcalloc(p->base->n, sizeof *p->used);
	p->tree.nodes[NAMETREE_ROOT].mode = S_IFDIR;
	for (uint32_t i = 0; i < p->base->n; i++) {
		uint32_t node = node_at(&p->tree, &p->base->entries[i]);
		p->tree.nodes[node].origin = i;
		p->leads[i] = NAMETREE_NONE;
	}
}

static const char *path_of(struct placing *p, uint32_t node)
{
	buf_clear(&p->path);
	nametree_path(&p->tree, NAMETREE_ROOT, node, &p->path);
	return p->path.len ? p->path.s : ".";
}

/* --- links of the base --- */

static void add_spot(struct placing *p, const struct spot *spot)
{
	p->spots = mem_grow(p->spots, &p->cap, p->n + 1, sizeof *p->spots);
	p->spots[p->n++] = *spot;
}

/* A directory that base lacks, on the way of a link. */
static uint32_t make_dir(void *context, uint32_t parent, const char *name)
{
	struct placing *p = context;
	uint32_t node = find_or_add(&p->tree, parent, name, S_IFDIR);
	const char *path = path_of(p, node);
	path = intern_keep(&p->m->strings, path, strlen(path));
	add_spot(p, &(struct spot){ .entry = { .path = path, .has = MTREE_TYPE, .type = TAR_DIR },
				    .from = p->from,
				    .over = NAMETREE_NONE,
				    .moved = true });
	return node;
}

static int no_way(struct placing *p, uint32_t node, const char *why, struct err *e)
{
	return err_set(e, 0, "cannot place '%s': in the base '%s' %s", p->from, path_of(p, node),
		       why);
}

static int target_of(void *context, uint32_t link, char **target, struct err *e)
{
	struct placing *p = context;
	uint32_t origin = p->tree.nodes[link].origin;
	const char *to = p->base->entries[origin].link;
	p->used[origin] = true;
	if (strlen(to) > TARGET_MAX)
		return no_way(p, link, "is too long a link", e);
	*target = xstrdup(to);
	return 0;
}

static int find_lead(struct placing *p, uint32_t link, uint32_t *dir, struct err *e)
{
	const struct nametree_links links = { p, target_of, make_dir };
	uint32_t node;
	if (nametree_follow(&p->tree, &links, link, &node, e) < 0)
		return -1;
	if (is_kind(p, node, S_IFLNK))
		return no_way(p, link, "leads through a circle of links", e);
	if (!is_kind(p, node, S_IFDIR)) {
		AUTO_FREE char *why =
			xasprintf("leads to '%s', which is no directory", path_of(p, node));
		return no_way(p, link, why, e);
	}
	*dir = node;
	return 0;
}

/* The directory that a link of base leads to. */
static int follow(struct placing *p, uint32_t link, uint32_t *dir, struct err *e)
{
	uint32_t *known = &p->leads[p->tree.nodes[link].origin];
	if (*known == NAMETREE_NONE && find_lead(p, link, known, e) < 0)
		return -1;
	*dir = *known;
	return 0;
}

/* --- entries --- */

static size_t depth_of(const char *path)
{
	size_t n = 0;
	for (const char *s = path; (s = strchr(s, '/')); s++)
		n++;
	return n;
}

/* Where an entry goes that lies right in that directory. */
static const char *new_path(struct placing *p, uint32_t parent, const char *name)
{
	buf_clear(&p->path);
	nametree_path(&p->tree, NAMETREE_ROOT, parent, &p->path);
	if (p->path.len)
		buf_addc(&p->path, '/');
	buf_adds(&p->path, name);
	return intern_keep(&p->m->strings, p->path.s, p->path.len);
}

/* A directory of m: the level below it; *goes where it is a link of base. */
static int enter(struct placing *p, const struct level *up, const char *name, struct level *down,
		 bool *goes, struct err *e)
{
	uint32_t node = find_or_add(&p->tree, up->node, name, S_IFDIR);
	*goes = is_kind(p, node, S_IFLNK);
	if (*goes && follow(p, node, &node, e) < 0)
		return -1;
	*down = (struct level){ .node = node, .moved = up->moved || *goes };
	return 0;
}

static int place(struct placing *p, const struct mtree_entry *entry, struct err *e)
{
	const char *slash = strrchr(entry->path, '/'), *name = slash ? slash + 1 : entry->path;
	size_t depth = depth_of(entry->path);
	struct spot spot = { .entry = *entry, .from = entry->path, .over = NAMETREE_NONE };
	p->from = entry->path;
	p->levels = mem_grow(p->levels, &p->levels_cap, depth + 2, sizeof *p->levels);
	const struct level *up = &p->levels[depth];
	if (!is_root(entry->path)) {
		if (entry->type == TAR_DIR &&
		    enter(p, up, name, &p->levels[depth + 1], &spot.gone, e) < 0)
			return -1;
		if (entry->type != TAR_DIR)
			spot.over = nametree_find(&p->tree, up->node, name);
		spot.moved = up->moved;
		if (up->moved)
			spot.entry.path = new_path(p, up->node, name);
	}
	add_spot(p, &spot);
	return 0;
}

static int place_all(struct placing *p, struct err *e)
{
	p->levels = mem_grow(p->levels, &p->levels_cap, 1, sizeof *p->levels);
	p->levels[0] = (struct level){ .node = NAMETREE_ROOT };
	for (size_t i = 0; i < p->m->n; i++)
		if (place(p, &p->m->entries[i], e) < 0)
			return -1;
	return 0;
}

/* --- what comes to one place --- */

/* 0: listed at its place, 1: moved there, 2: a parent of something */
static int rank(const struct spot *s)
{
	return s->entry.line ? s->moved : 2;
}

static int compare(const void *a, const void *b)
{
	const struct spot *x = a, *y = b;
	const char *p = x->entry.path, *q = y->entry.path;
	int order = is_root(p) || is_root(q) ? is_root(q) - is_root(p) : mtree_compare(p, q);
	order = order ? order : rank(x) - rank(y);
	return order ? order : strcmp(x->from, y->from);
}

static bool is_below(const char *path, const char *dir)
{
	size_t len = strlen(dir);
	return strncmp(path, dir, len) == 0 && path[len] == '/';
}

static int check_pair(const struct spot *a, const struct spot *b, struct err *e)
{
	const char *x = a->entry.path, *y = b->entry.path;
	bool dir = a->entry.type == TAR_DIR;
	if (strcmp(x, y) == 0 && !(dir && b->entry.type == TAR_DIR))
		return err_set(e, 0, "'%s' and '%s' go to the same place in the base: '%s'",
			       a->from, b->from, x);
	if (!dir && is_below(y, x))
		return err_set(e, 0,
			       "'%s' goes to '%s' in the base, but '%s' of the new layer is not a "
			       "directory",
			       b->from, y, x);
	return 0;
}

/* Refuses what takes the place of a link that others are placed by. */
static int check_over(const struct placing *p, const struct spot *s, struct err *e)
{
	uint32_t origin = s->over == NAMETREE_NONE ? NAMETREE_NONE : p->tree.nodes[s->over].origin;
	if (origin == NAMETREE_NONE || !p->used[origin])
		return 0;
	return err_set(e, 0,
		       "cannot place '%s': in the base it is a link that other entries follow",
		       s->from);
}

/* Sorts the spots; of several directories at one place, the first one stays. */
static int settle(struct placing *p, struct err *e)
{
	const struct spot *last = NULL;
	if (p->n)
		qsort(p->spots, p->n, sizeof *p->spots, compare);
	for (size_t i = 0; i < p->n; i++) {
		struct spot *s = &p->spots[i];
		if (s->gone)
			continue;
		if ((last && check_pair(last, s, e) < 0) || check_over(p, s, e) < 0)
			return -1;
		s->gone = last && strcmp(last->entry.path, s->entry.path) == 0;
		last = s->gone ? last : s;
	}
	return 0;
}

/* --- the new mtree --- */

static void replace_entries(struct placing *p)
{
	struct mtree *m = p->m;
	m->entries = mem_grow(m->entries, &m->cap, p->n, sizeof *m->entries);
	m->n = 0;
	for (size_t i = 0; i < p->n; i++)
		if (p->spots[i].gone)
			free(p->spots[i].entry.xattrs);
		else
			m->entries[m->n++] = p->spots[i].entry;
	mtree_complete(m);
}

static const char *keep(struct mtree *m, const char *s)
{
	return s ? intern_keep(&m->strings, s, strlen(s)) : NULL;
}

static void inherit_xattrs(struct mtree *m, struct mtree_entry *entry,
			   const struct mtree_entry *from)
{
	entry->nxattrs = from->nxattrs;
	entry->xattrs = from->nxattrs ? xcalloc(from->nxattrs, sizeof *entry->xattrs) : NULL;
	for (size_t i = 0; i < from->nxattrs; i++)
		entry->xattrs[i] = (struct tar_xattr){
			.name = keep(m, from->xattrs[i].name),
			.value = intern_keep(&m->strings, from->xattrs[i].value,
					     from->xattrs[i].len),
			.len = from->xattrs[i].len,
		};
}

/* A directory that m does not list is to look as it does in base. */
static void inherit(struct placing *p, struct mtree_entry *entry)
{
	uint32_t node = node_at(&p->tree, entry), origin = p->tree.nodes[node].origin;
	if (origin == NAMETREE_NONE || !is_kind(p, node, S_IFDIR))
		return;
	const struct mtree_entry *from = &p->base->entries[origin];
	const char *path = entry->path;
	*entry = *from;
	entry->path = path;
	entry->line = 0;
	entry->uname = keep(p->m, from->uname);
	entry->gname = keep(p->m, from->gname);
	inherit_xattrs(p->m, entry, from);
}

static int run(struct placing *p, struct err *e)
{
	load_base(p);
	if (place_all(p, e) < 0 || settle(p, e) < 0)
		return -1;
	replace_entries(p);
	for (size_t i = 0; i < p->m->n; i++)
		if (!p->m->entries[i].line)
			inherit(p, &p->m->entries[i]);
	return 0;
}

int placement_apply(struct mtree *m, const struct mtree *base, struct err *e)
{
	struct placing p = { .m = m, .base = base };
	nametree_init(&p.tree);
	int result = run(&p, e);
	nametree_free(&p.tree);
	free(p.leads);
	free(p.used);
	free(p.spots);
	free(p.levels);
	buf_free(&p.path);
	return result;
}
