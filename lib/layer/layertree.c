/* SPDX-License-Identifier: MIT */
#include "layer/layertree.h"

#include <string.h>

#include "layer/layertree_part.h"
#include "tar/tarread.h"

static const char prefix[] = ".wh.", note_prefix[] = ".wh..wh.", opaque[] = ".wh..wh..opq";

/* A directory on the way to the last entry. */
struct step {
	uint32_t node;
	uint32_t floor; /* of what is below it, with all above counted */
	size_t end;     /* of its name in the way */
};

/*
 * What is hidden when the layer is at its end: until then links find what lower layers have,
 * wherever in the layer the whiteout stands.
 */
enum hiding { WHITEOUT, OPAQUE, NOTE };
struct hidden {
	uint32_t node;
	enum hiding kind;
};

/* One layer as it is read. */
struct reading {
	struct layertree *t;
	struct tarread *tar;
	uint64_t base;
	uint32_t layer;     /* its number, from 1 */
	struct buf name;    /* the entry's: each component with a NUL behind it */
	struct buf way;     /* the last entry's directory, likewise */
	struct step *steps; /* that directory's, the root first */
	size_t nsteps, steps_cap;
	struct hidden *hidden;
	size_t nhidden, hidden_cap;
};

/* --- the tree --- */

static uint32_t add_file(struct layertree *t, const struct layertree_file *file)
{
	t->files = mem_grow(t->files, &t->files_cap, (size_t)t->nfiles + 1, sizeof *t->files);
	t->files[t->nfiles] = *file;
	return t->nfiles++;
}

static void add_state(struct layertree *t, uint32_t node)
{
	t->states = mem_grow(t->states, &t->states_cap, (size_t)node + 1, sizeof *t->states);
	t->states[node] = (struct layertree_state){ 0 };
	t->tree.nodes[node].origin = LAYERTREE_DEFAULT;
}

struct layertree *layertree_new(void)
{
	struct layertree *t = xcalloc(1, sizeof *t);
	nametree_init(&t->tree);
	add_state(t, NAMETREE_ROOT);
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

static bool is_dir(const struct layertree *t, uint32_t node)
{
	return t->files[t->tree.nodes[node].origin].type == TAR_DIR;
}

/* --- names --- */

static bool begins(const char *s, const char *with)
{
	return strncmp(s, with, strlen(with)) == 0;
}

/* Takes a name apart: each component with a NUL behind it; nothing for the root. */
static int split(const struct reading *r, const char *name, struct buf *b, struct err *e)
{
	buf_clear(b);
	buf_adds(b, "");
	for (const char *s = name; *s; s += *s == '/') {
		size_t len = strcspn(s, "/");
		if (len == 2 && memcmp(s, "..", 2) == 0)
			return tarread_err(r->tar, e, "'%s': '..' in a name is not allowed", name);
		if (len && !(len == 1 && *s == '.')) {
			buf_add(b, s, len);
			buf_addc(b, '\0');
		}
		s += len;
	}
	return 0;
}

/* Where the last component begins. */
static size_t leaf_of(const struct buf *b)
{
	const char *end = b->len > 1 ? memrchr(b->s, '\0', b->len - 1) : NULL;
	return end ? (size_t)(end - b->s) + 1 : 0;
}

static int too_many(const struct reading *r, struct err *e)
{
	if (r->t->entries < LAYERTREE_MAX_ENTRIES && r->t->tree.n <= LAYERTREE_MAX_ENTRIES)
		return 0;
	return tarread_err(r->tar, e, "more than %d entries", LAYERTREE_MAX_ENTRIES);
}

static int spend(struct reading *r, size_t bytes, struct err *e)
{
	r->t->text += bytes;
	if (r->t->text <= LAYERTREE_MAX_TEXT)
		return 0;
	return tarread_err(r->tar, e, "more than %d bytes of names, links and attributes",
			   LAYERTREE_MAX_TEXT);
}

static int spend_entry(struct reading *r, struct err *e)
{
	const struct tar_entry *entry = tarread_entry(r->tar);
	size_t bytes = strlen(entry->name) + strlen(entry->link);
	for (size_t i = 0; i < entry->nxattrs; i++)
		bytes += strlen(entry->xattrs[i].name) + entry->xattrs[i].len;
	return spend(r, bytes, e);
}

/* The node of a name, a new one where there was none ever. */
static int node_of(struct reading *r, uint32_t parent, const char *name, uint32_t *node,
		   struct err *e)
{
	uint32_t n = nametree_find(&r->t->tree, parent, name);
	if (n == NAMETREE_NONE) {
		if (too_many(r, e) < 0)
			return -1;
		n = nametree_add(&r->t->tree, parent, name);
		add_state(r->t, n);
	}
	*node = n;
	return 0;
}

static void hide(struct reading *r, uint32_t node, enum hiding kind)
{
	r->hidden = mem_grow(r->hidden, &r->hidden_cap, r->nhidden + 1, sizeof *r->hidden);
	r->hidden[r->nhidden++] = (struct hidden){ .node = node, .kind = kind };
}

/* --- directories --- */

static void push(struct reading *r, uint32_t node, uint32_t floor)
{
	uint32_t own = r->t->states[node].floor;
	r->steps = mem_grow(r->steps, &r->steps_cap, r->nsteps + 1, sizeof *r->steps);
	r->steps[r->nsteps++] = (struct step){ .node = node,
					       .floor = own > floor ? own : floor,
					       .end = r->way.len };
}

/* A long path alone can stand for half as many directories as it has bytes, each with a long path.
 */
static int make_missing(struct reading *r, uint32_t node, const char *name, struct err *e)
{
	r->t->tree.nodes[node].origin = LAYERTREE_DEFAULT;
	r->t->states[node].set = r->layer;
	return spend(r, r->way.len + strlen(name), e);
}

/* One step down; what is no directory in a lower layer becomes one. */
static int enter(struct reading *r, const char *name, struct err *e)
{
	const struct step *top = &r->steps[r->nsteps - 1];
	uint32_t node, floor = top->floor;
	if (begins(name, prefix) && !begins(name, note_prefix))
		return tarread_err(r->tar, e, "'%s' is below a whiteout",
				   tarread_entry(r->tar)->name);
	if (node_of(r, top->node, name, &node, e) < 0)
		return -1;
	struct layertree_state *s = &r->t->states[node];
	bool there = layertree_is_there(s, floor);
	if (there && s->touched == r->layer && !is_dir(r->t, node))
		return tarread_err(r->tar, e,
				   "'%s' is below a file that is not a directory in this layer",
				   tarread_entry(r->tar)->name);
	if ((!there || !is_dir(r->t, node)) && make_missing(r, node, name, e) < 0)
		return -1;
	s->touched = r->layer;
	buf_add(&r->way, name, strlen(name) + 1);
	push(r, node, floor);
	if (begins(name, note_prefix))
		hide(r, node, NOTE);
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

/* Goes to the directory of the entry; what it shares with the last entry's is not walked again. */
static int walk_to(struct reading *r, size_t leaf, struct err *e)
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

/* --- entries --- */

/* The node that is there at this point, NAMETREE_NONE: none is. Each part with its NUL. */
static uint32_t find_node(const struct layertree *t, const struct buf *parts)
{
	uint32_t node = NAMETREE_ROOT, floor = 0;
	for (const char *s = parts->s; node != NAMETREE_NONE && s < parts->s + parts->len;
	     s += strlen(s) + 1) {
		uint32_t own = t->states[node].floor;
		floor = own > floor ? own : floor;
		node = is_dir(t, node) ? nametree_find(&t->tree, node, s) : NAMETREE_NONE;
		if (node != NAMETREE_NONE && !layertree_is_there(&t->states[node], floor))
			node = NAMETREE_NONE;
	}
	return node;
}

enum layertree_kind layertree_look(const struct layertree *t, const char *path)
{
	AUTO_BUF struct buf parts = { 0 };
	buf_add(&parts, path, strlen(path) + 1);
	for (char *s = parts.s; (s = strchr(s, '/')); s++)
		*s = '\0';
	uint32_t node = find_node(t, &parts);
	if (node == NAMETREE_NONE)
		return LAYERTREE_MISSING;
	return is_dir(t, node) ? LAYERTREE_DIR : LAYERTREE_OTHER;
}

/* The file that a hard link's target is. */
static int find_target(const struct reading *r, const char *link, uint32_t *file, struct err *e)
{
	const struct layertree *t = r->t;
	AUTO_BUF struct buf b = { 0 };
	if (split(r, link, &b, e) < 0)
		return -1;
	uint32_t node = find_node(t, &b);
	if (node == NAMETREE_NONE || is_dir(t, node))
		return tarread_err(r->tar, e, "'%s' is a hard link to '%s', which %s",
				   tarread_entry(r->tar)->name, link,
				   node == NAMETREE_NONE ? "is not there" : "is a directory");
	*file = t->tree.nodes[node].origin;
	return 0;
}

/* What the entry is: a new file, or one that is there. A directory of its own is used again. */
static int find_file(struct reading *r, bool keep, uint32_t *file, struct err *e)
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
	return 0;
}

/* Whether the layer has two things in the same place that do not go together. */
static int check_twice(const struct reading *r, uint32_t node, struct err *e)
{
	const struct tar_entry *entry = tarread_entry(r->tar);
	bool dir = is_dir(r->t, node);
	if (dir && entry->type == TAR_DIR)
		return 0;
	if (dir || entry->type == TAR_DIR)
		return tarread_err(r->tar, e, "'%s' is a directory and something else in one layer",
				   entry->name);
	return tarread_err(r->tar, e, "'%s' is in the layer twice", entry->name);
}

static int put(struct reading *r, size_t leaf, struct err *e)
{
	bool dir = tarread_entry(r->tar)->type == TAR_DIR;
	uint32_t node;
	if (walk_to(r, leaf, e) < 0)
		return -1;
	const struct step *top = &r->steps[r->nsteps - 1];
	if (node_of(r, top->node, r->name.s + leaf, &node, e) < 0)
		return -1;
	struct layertree_state *s = &r->t->states[node];
	bool there = layertree_is_there(s, top->floor);
	if (there && s->touched == r->layer && check_twice(r, node, e) < 0)
		return -1;
	uint32_t file = r->t->tree.nodes[node].origin;
	if (find_file(r, dir && is_dir(r->t, node), &file, e) < 0)
		return -1;
	r->t->tree.nodes[node].origin = file;
	s->touched = s->set = r->layer;
	if (!dir)
		s->floor = r->layer;
	if (begins(r->name.s + leaf, note_prefix))
		hide(r, node, NOTE);
	return 0;
}

static int put_root(struct reading *r, struct err *e)
{
	if (tarread_entry(r->tar)->type != TAR_DIR)
		return tarread_err(r->tar, e, "'%s' is the root: expected a directory",
				   tarread_entry(r->tar)->name);
	r->t->states[NAMETREE_ROOT].set = r->layer;
	return find_file(r, true, &r->t->tree.nodes[NAMETREE_ROOT].origin, e);
}

/* A whiteout makes no directory: where there is nothing of that name, it hides nothing. */
static int white_out(struct reading *r, size_t leaf, struct err *e)
{
	const char *name = r->name.s + leaf;
	bool all = strcmp(name, opaque) == 0;
	const char *hides = name + strlen(prefix);
	uint32_t node = NAMETREE_ROOT;
	if (!*hides || strcmp(hides, ".") == 0 || strcmp(hides, "..") == 0)
		return tarread_err(r->tar, e,
				   "'%s' deletes nothing: expected a file .wh.NAME or .wh..wh..opq",
				   tarread_entry(r->tar)->name);
	for (const char *s = r->name.s; node != NAMETREE_NONE && s < name; s += strlen(s) + 1)
		node = nametree_find(&r->t->tree, node, s);
	if (!all && node != NAMETREE_NONE)
		node = nametree_find(&r->t->tree, node, hides);
	if (node != NAMETREE_NONE)
		hide(r, node, all ? OPAQUE : WHITEOUT);
	return 0;
}

static int read_entry(struct reading *r, struct err *e)
{
	if (too_many(r, e) < 0 || spend_entry(r, e) < 0 ||
	    split(r, tarread_entry(r->tar)->name, &r->name, e) < 0)
		return -1;
	r->t->entries++;
	if (!r->name.len)
		return put_root(r, e);
	size_t leaf = leaf_of(&r->name);
	const char *name = r->name.s + leaf;
	if (strcmp(name, opaque) == 0 || (begins(name, prefix) && !begins(name, note_prefix)))
		return white_out(r, leaf, e);
	return put(r, leaf, e);
}

/* --- layers --- */

/* Whiteouts leave what their own layer has; of a directory it only has things in, no more. */
static void apply_hidden(struct reading *r)
{
	for (size_t i = 0; i < r->nhidden; i++) {
		uint32_t node = r->hidden[i].node;
		struct layertree_state *s = &r->t->states[node];
		s->floor = r->layer + (r->hidden[i].kind == NOTE);
		if (r->hidden[i].kind == OPAQUE)
			continue;
		if (s->touched < r->layer || r->hidden[i].kind == NOTE) {
			s->touched = 0;
		} else if (s->set < r->layer) {
			s->set = r->layer;
			r->t->tree.nodes[node].origin = LAYERTREE_DEFAULT;
		}
	}
}

static int read_entries(struct reading *r, struct err *e)
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

/* What follows the archive is no part of it, but of what a digest is of. */
static int drain(struct source *s, struct err *e)
{
	enum { SIZE = 64 << 10 };
	AUTO_FREE char *buffer = xmalloc(SIZE);
	size_t got = 1;
	while (got)
		if (source_read(s, buffer, SIZE, &got, e) < 0)
			return -1;
	return 0;
}

int layertree_add(struct layertree *t, struct source *s, uint64_t base, struct err *e)
{
	AUTO_TARREAD struct tarread *tar = tarread_from(s);
	struct reading r = { .t = t, .tar = tar, .base = base, .layer = ++t->layers };
	tarread_open_end(tar); /* whether the layer is whole, its source knows */
	push(&r, NAMETREE_ROOT, 0);
	int result = read_entries(&r, e);
	if (result == 0) {
		apply_hidden(&r);
		result = drain(s, e);
	}
	buf_free(&r.name);
	buf_free(&r.way);
	free(r.steps);
	free(r.hidden);
	return result;
}
