/* SPDX-License-Identifier: MIT */
#include "layer/treemerge.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "layer/pathmark.h"
#include "layer/treemerge_host.h"
#include "tar/walk.h"

/* An entry of a walk. */
struct found {
	const char *host;
	const char *name;
	struct stat st;
	uint32_t overlay;
	uint32_t parent; /* the directory of the tree it goes into */
};

/* --- where files are --- */

/* What follows the overlay's own path in that of a node's file: "", or "/a/b". */
static char *behind(const struct treemerge *m, uint32_t node)
{
	const struct treemerge_overlay *o = &m->overlays[m->tree.nodes[node].origin];
	AUTO_BUF struct buf b = { 0 };
	buf_adds(&b, "");
	if (node != o->node) {
		buf_addc(&b, '/');
		nametree_path(&m->tree, o->node, node, &b);
	}
	return STEAL(b.s);
}

char *treemerge_name(const struct treemerge *m, uint32_t node)
{
	AUTO_FREE char *rest = behind(m, node);
	return xasprintf("%s%s", m->overlays[m->tree.nodes[node].origin].name, rest);
}

struct treemerge_place treemerge_place(const struct treemerge *m, uint32_t node)
{
	const struct treemerge_place *o = &m->overlays[m->tree.nodes[node].origin].place;
	AUTO_FREE char *rest = behind(m, node);
	return (struct treemerge_place){ o->base, xasprintf("%s%s", o->path, rest) };
}

static void free_place(struct treemerge_place *p)
{
	free(p->path);
}
#define AUTO_PLACE __attribute__((cleanup(free_place)))

static struct treemerge_place found_place(const struct treemerge *m, const struct found *f)
{
	const struct treemerge_overlay *o = &m->overlays[f->overlay];
	const char *rest = f->host + strlen(o->name);
	return (struct treemerge_place){ o->place.base, xasprintf("%s%s", o->place.path, rest) };
}

char *treemerge_contents(const struct treemerge *m, uint32_t node)
{
	AUTO_PLACE struct treemerge_place p = treemerge_place(m, node);
	return pathmark_name(m->bases[p.base], p.path);
}

/* The last directory is kept, as one file comes after the other. */
static int open_parent(struct treemerge *m, struct treemerge_place *dir)
{
	if (m->parent.path && m->parent.base == dir->base && strcmp(m->parent.path, dir->path) == 0)
		return m->parent_fd;
	free(m->parent.path);
	mem_cleanup_close(&m->parent_fd);
	m->parent_fd = treemerge_open(m, dir, O_PATH | O_DIRECTORY);
	m->parent.base = dir->base;
	m->parent.path = m->parent_fd < 0 ? NULL : STEAL(dir->path);
	return m->parent_fd;
}

int treemerge_find(struct treemerge *m, uint32_t node, struct treemerge_file *f, struct err *e)
{
	AUTO_PLACE struct treemerge_place p = treemerge_place(m, node);
	char *slash = strrchr(p.path, '/');
	AUTO_FREE char *name = xstrdup(slash ? slash + 1 : ".");
	if (slash)
		*slash = '\0';
	f->dir = open_parent(m, &p);
	if (f->dir < 0) {
		int code = errno;
		AUTO_FREE char *whole = treemerge_name(m, node);
		if (code == ENOENT || code == ENOTDIR || code == ELOOP)
			return walk_changed(whole, e);
		return err_set(e, code, "cannot read '%s'", whole);
	}
	f->name = STEAL(name);
	return 0;
}

/* --- messages --- */

static const char *kind(mode_t mode)
{
	return S_ISDIR(mode)   ? "a directory"
	       : S_ISLNK(mode) ? "a symbolic link"
	       : S_ISREG(mode) ? "a file"
	       : S_ISCHR(mode) ? "a character device"
	       : S_ISBLK(mode) ? "a block device"
			       : "a FIFO";
}

static int conflict(const struct treemerge *m, uint32_t node, const struct found *f, struct err *e)
{
	const struct nametree_node *n = &m->tree.nodes[node];
	AUTO_FREE char *other = treemerge_name(m, node);
	bool link = !m->opt->links && (S_ISLNK(n->mode) || S_ISLNK(f->st.st_mode));
	bool asked = m->opt->keep_dirlinks || m->opt->follow_dirlinks;
	const char *help = "";
	if (link)
		help = asked ? ": only a link to a directory of this tree can take in a directory"
			     : " (--keep-dirlinks and --follow-dirlinks are for links to "
			       "directories)";
	return err_set(e, 0, "cannot merge '%s', %s, and '%s', %s%s", other, kind(n->mode), f->host,
		       kind(f->st.st_mode), help);
}

/* --- building the tree --- */

/* Takes the place's path. */
static void push_overlay(struct treemerge *m, struct treemerge_place place, const char *name,
			 uint32_t node, uint32_t source, uint32_t from)
{
	m->overlays = mem_grow(m->overlays, &m->cap, (size_t)m->n + 1, sizeof *m->overlays);
	m->overlays[m->n++] = (struct treemerge_overlay){
		.place = place, .name = xstrdup(name), .node = node, .source = source, .from = from
	};
}

/* The same for what the link at a place, in an overlay, leads to. */
static int push_target(struct treemerge *m, const struct treemerge_place *link, const char *name,
		       uint32_t node, uint32_t from, struct err *e)
{
	struct treemerge_place to;
	struct stat st;
	if (treemerge_follow(m, link, &to, &st) < 0)
		return err_set(e, errno, "cannot read '%s'", name);
	push_overlay(m, to, name, node, m->overlays[from].source, from);
	return 0;
}

static void set_node(struct treemerge *m, uint32_t node, uint32_t overlay, const struct stat *st)
{
	struct nametree_node *n = &m->tree.nodes[node];
	n->origin = overlay;
	n->mode = st->st_mode;
	n->uid = st->st_uid;
	n->gid = st->st_gid;
	n->size = (uint64_t)st->st_size;
	n->mtime = st->st_mtime;
	n->rdev = st->st_rdev;
	if (!m->opt->stamps)
		return;
	m->stamps = mem_grow(m->stamps, &m->stamps_cap, (size_t)node + 1, sizeof *m->stamps);
	m->stamps[node] = (struct treemerge_stamp){ st->st_dev, st->st_ino, st->st_ctim };
}

/* The directory is not, or not only, the one of the host that its origin names. */
static void set_plain_dir(struct treemerge *m, uint32_t node)
{
	m->tree.nodes[node].mode = S_IFDIR | 0755;
}

/* A link's node becomes the directory of what the link leads to. Links mode. */
static int expand(struct treemerge *m, uint32_t node, struct err *e)
{
	AUTO_PLACE struct treemerge_place link = treemerge_place(m, node);
	AUTO_FREE char *name = treemerge_name(m, node);
	set_plain_dir(m, node);
	return push_target(m, &link, name, node, m->tree.nodes[node].origin, e);
}

static void add(struct treemerge *m, const struct found *f)
{
	set_node(m, nametree_add(&m->tree, f->parent, f->name), f->overlay, &f->st);
}

/* Two files of one name: the one of the operand that came first stays. Links mode. */
static void choose_link(struct treemerge *m, uint32_t node, const struct found *f)
{
	AUTO_PLACE struct treemerge_place there = treemerge_place(m, node),
					  here = found_place(m, f);
	AUTO_FREE char *other = treemerge_name(m, node);
	uint32_t source = m->overlays[m->tree.nodes[node].origin].source;
	bool first = m->overlays[f->overlay].source < source;
	if (!treemerge_same_file(m, &there, &here)) {
		AUTO_FREE char *message = xasprintf("'%s' hides '%s'", first ? f->host : other,
						    first ? other : f->host);
		m->opt->warn(message);
	}
	if (first)
		set_node(m, node, f->overlay, &f->st);
}

/* A non-directory into the tree of links. */
static int place_link(struct treemerge *m, const struct found *f, struct err *e)
{
	uint32_t node = nametree_find(&m->tree, f->parent, f->name);
	if (node == NAMETREE_NONE) {
		add(m, f);
		return 0;
	}
	AUTO_PLACE struct treemerge_place here = found_place(m, f);
	bool dir = S_ISDIR(m->tree.nodes[node].mode);
	bool to_dir = S_ISLNK(f->st.st_mode) && treemerge_leads_to_dir(m, &here);
	if (!dir && to_dir && S_ISLNK(m->tree.nodes[node].mode)) {
		AUTO_PLACE struct treemerge_place there = treemerge_place(m, node);
		dir = !treemerge_same_file(m, &there, &here) && treemerge_leads_to_dir(m, &there);
		if (dir && expand(m, node, e) < 0)
			return -1;
	}
	if (!dir) {
		choose_link(m, node, f);
		return 0;
	}
	if (!to_dir)
		return conflict(m, node, f, e);
	return push_target(m, &here, f->host, node, f->overlay, e);
}

static int place_file(struct treemerge *m, const struct found *f, struct err *e)
{
	uint32_t node = nametree_find(&m->tree, f->parent, f->name);
	if (node == NAMETREE_NONE)
		add(m, f);
	else if (S_ISDIR(m->tree.nodes[node].mode))
		return conflict(m, node, f, e);
	else
		set_node(m, node, f->overlay, &f->st);
	return 0;
}

/* --- directories into the tree --- */

/* A directory over a link of the tree: *node as in place_dir(). */
static int place_over_link(struct treemerge *m, const struct found *f, uint32_t link,
			   uint32_t *node, struct err *e)
{
	uint32_t target = NAMETREE_NONE;
	if (m->opt->links) {
		AUTO_PLACE struct treemerge_place there = treemerge_place(m, link);
		if (!treemerge_leads_to_dir(m, &there))
			return conflict(m, link, f, e);
		*node = link;
		return expand(m, link, e);
	}
	if (m->opt->keep_dirlinks && treemerge_resolve(m, link, &target, e) < 0)
		return -1;
	if (target == NAMETREE_NONE)
		return conflict(m, link, f, e);
	push_overlay(m, found_place(m, f), f->host, target, m->overlays[f->overlay].source,
		     f->overlay);
	*node = NAMETREE_NONE;
	return 0;
}

/*
 * A directory into the tree; *node is what to walk on with. NAMETREE_NONE: what
 * is in it goes elsewhere, later.
 */
static int place_dir(struct treemerge *m, const struct found *f, uint32_t *node, struct err *e)
{
	uint32_t found = nametree_find(&m->tree, f->parent, f->name);
	mode_t mode = found == NAMETREE_NONE ? S_IFDIR : m->tree.nodes[found].mode;
	if (S_ISLNK(mode))
		return place_over_link(m, f, found, node, e);
	if (!S_ISDIR(mode))
		return conflict(m, found, f, e);
	bool fresh = found == NAMETREE_NONE;
	if (fresh)
		found = nametree_add(&m->tree, f->parent, f->name);
	if (fresh || !m->opt->links)
		set_node(m, found, f->overlay, &f->st);
	if (m->opt->links)
		set_plain_dir(m, found);
	*node = found;
	return 0;
}

/* A link that is followed: its directory comes later, from a walk of its own. */
static int place_dirlink(struct treemerge *m, const struct found *link, struct treemerge_place to,
			 const struct stat *st, struct err *e)
{
	struct found f = *link;
	uint32_t node;
	f.st = *st;
	int r = place_dir(m, &f, &node, e);
	if (r < 0 || node == NAMETREE_NONE)
		free(to.path);
	else
		push_overlay(m, to, f.host, node, m->overlays[f.overlay].source, f.overlay);
	return r;
}

/* A link, which is followed to a directory. */
static int place_or_follow(struct treemerge *m, const struct found *f, struct err *e)
{
	AUTO_PLACE struct treemerge_place here = found_place(m, f);
	struct treemerge_place to;
	struct stat st;
	if (!treemerge_leads_to_dir(m, &here))
		return place_file(m, f, e);
	if (treemerge_follow(m, &here, &to, &st) < 0)
		return err_set(e, errno, "cannot read '%s'", f->host);
	return place_dirlink(m, f, to, &st, e);
}

/* --- walking one directory --- */

static int place(struct treemerge *m, struct walk *w, const struct walk_entry *entry,
		 uint32_t overlay, struct err *e)
{
	struct found f = { .host = entry->path,
			   .name = entry->name,
			   .overlay = overlay,
			   .parent = m->at[entry->depth] };
	if (fstatat(entry->dir, entry->name, &f.st, AT_SYMLINK_NOFOLLOW) < 0)
		return err_set(e, errno, "cannot read '%s'", entry->path);
	if (S_ISSOCK(f.st.st_mode))
		return err_set(e, 0, "'%s' is a socket: an image cannot hold one", entry->path);
	if (!(f.st.st_mode & S_IFMT)) /* so fakeroot(1) shows some files with attributes */
		return err_set(e, 0, "'%s' is neither a file nor anything else", entry->path);
	if (S_ISDIR(f.st.st_mode) != (entry->type == DT_DIR))
		return walk_changed(entry->path, e);
	if (m->opt->follow_dirlinks && S_ISLNK(f.st.st_mode))
		return place_or_follow(m, &f, e);
	if (!S_ISDIR(f.st.st_mode))
		return m->opt->links ? place_link(m, &f, e) : place_file(m, &f, e);
	m->at = mem_grow(m->at, &m->at_cap, entry->depth + 2, sizeof *m->at);
	if (place_dir(m, &f, &m->at[entry->depth + 1], e) < 0)
		return -1;
	if (m->at[entry->depth + 1] == NAMETREE_NONE)
		walk_skip(w);
	return 0;
}

/* Notes which directory this is; refuses one that an overlay on the way here is already. */
static int identify(struct treemerge *m, uint32_t overlay, int fd, struct err *e)
{
	struct treemerge_overlay *o = &m->overlays[overlay];
	struct stat st;
	if (fstat(fd, &st) < 0)
		return err_set(e, errno, "cannot read '%s'", o->name);
	o->dev = st.st_dev;
	o->ino = st.st_ino;
	for (uint32_t i = o->from; i != NAMETREE_NONE; i = m->overlays[i].from)
		if (m->overlays[i].dev == o->dev && m->overlays[i].ino == o->ino)
			return err_set(e, 0, "'%s' leads back to '%s': a loop of links", o->name,
				       m->overlays[i].name);
	/* the image's root has a mode of its own */
	if (!m->opt->links && o->node != NAMETREE_ROOT)
		set_node(m, o->node, overlay, &st);
	return 0;
}

/* Places what the walk still brings; at: the directory of the tree that is depth steps down. */
static int place_all(struct treemerge *m, struct walk *w, uint32_t overlay, size_t depth,
		     uint32_t at, struct err *e)
{
	const struct walk_entry *entry;
	int r;
	m->at = mem_grow(m->at, &m->at_cap, depth + 1, sizeof *m->at);
	m->at[depth] = at;
	while ((r = walk_next(w, &entry, e)) == 0 && entry)
		if (place(m, w, entry, overlay, e) < 0)
			return -1;
	return r;
}

static int walk_overlay(struct treemerge *m, uint32_t overlay, struct err *e)
{
	AUTO_WALK struct walk *w = walk_new();
	AUTO_FREE char *name = xstrdup(m->overlays[overlay].name);
	AUTO_CLOSE int fd = treemerge_open(m, &m->overlays[overlay].place, O_RDONLY | O_DIRECTORY);
	const struct walk_entry *entry;
	if (fd < 0)
		return err_set(e, errno, "cannot open directory '%s'", *name ? name : "/");
	walk_bytewise(w);
	if (identify(m, overlay, fd, e) < 0 || walk_start(w, fd, ".", name, e) < 0 ||
	    walk_next(w, &entry, e) < 0)
		return -1;
	return place_all(m, w, overlay, 1, m->overlays[overlay].node, e);
}

/* --- operands --- */

static bool has_part(const char *path, const char *part)
{
	for (const char *s = path; *s;) {
		size_t len = strcspn(s, "/");
		if (len == strlen(part) && strncmp(s, part, len) == 0)
			return true;
		s += len + (s[len] == '/');
	}
	return false;
}

/* The directory of the tree at that path, with those that lead there. */
static int make_dirs(struct treemerge *m, const char *path, uint32_t *node, struct err *e)
{
	*node = NAMETREE_ROOT;
	for (const char *s = path; *s;) {
		size_t len = strcspn(s, "/"), end = (size_t)(s - path) + len;
		AUTO_FREE char *name = xstrndup(s, len);
		s += len + (s[len] == '/');
		if (!len || strcmp(name, ".") == 0)
			continue;
		uint32_t found = nametree_find(&m->tree, *node, name);
		bool fresh = found == NAMETREE_NONE;
		*node = fresh ? nametree_add(&m->tree, *node, name) : found;
		if (fresh)
			set_plain_dir(m, *node);
		else if (!S_ISDIR(m->tree.nodes[found].mode))
			return err_set(e, 0, "cannot list anything below '%.*s', %s", (int)end,
				       path, kind(m->tree.nodes[found].mode));
	}
	return 0;
}

static int add_prefix(struct treemerge *m, uint32_t *node, struct err *e)
{
	const char *prefix = m->opt->prefix ? m->opt->prefix : "";
	if (has_part(prefix, ".."))
		return err_set(e, 0, "bad prefix '%s': expected no .. in it", prefix);
	return make_dirs(m, prefix, node, e);
}

static size_t trimmed(const char *path)
{
	size_t len = strlen(path);
	while (len && path[len - 1] == '/')
		len--;
	return len;
}

/* The path of an operand in base 0: with links that is what it is. NULL: it is not there. */
static const char *below_root(const struct treemerge *m, const char *dir)
{
	const char *root = m->bases[TREEMERGE_ROOT];
	size_t len = strlen(root);
	if (!m->opt->root_dir)
		return NULL;
	if (m->opt->links)
		return dir;
	return strncmp(dir, root, len) == 0 && (dir[len] == '/' || !dir[len]) ? dir + len : NULL;
}

/* Where an operand lies: in base 0, or it is one. */
static int operand_place(struct treemerge *m, const char *dir, struct treemerge_place *place,
			 struct err *e)
{
	AUTO_WITHIN_PLACE struct within_place found = { 0 };
	AUTO_CLOSE int fd = -1;
	const char *path = below_root(m, dir);
	if (!path) {
		*place = (struct treemerge_place){ treemerge_base(m, dir), xstrdup("") };
		return 0;
	}
	if (within_open(&m->root, "open directory", path, O_PATH | O_DIRECTORY, &fd, &found, e) < 0)
		return -1;
	*place = (struct treemerge_place){ TREEMERGE_ROOT, xstrdup(found.path.s) };
	return 0;
}

/* Lays an operand over the tree, and what its links lead to. */
static int add_dir(struct treemerge *m, const char *dir, uint32_t source, uint32_t node,
		   struct err *e)
{
	AUTO_FREE char *name = xstrndup(dir, trimmed(dir));
	struct treemerge_place place;
	if (operand_place(m, dir, &place, e) < 0)
		return -1;
	push_overlay(m, place, name, node, source, NAMETREE_NONE);
	while (m->done < m->n)
		if (walk_overlay(m, m->done++, e) < 0)
			return -1;
	return 0;
}

/* Lays the file at an absolute path over the same path of the tree. Its overlay is its parent. */
static int add_in_place(struct treemerge *m, const char *operand, uint32_t source, struct err *e)
{
	AUTO_FREE char *path = xstrndup(operand, trimmed(operand));
	char *slash = strrchr(path, '/');
	if (*path != '/' || has_part(path, ".") || has_part(path, ".."))
		return err_set(e, 0,
			       "bad operand '%s': expected an absolute path, no . and .. in it",
			       operand);
	AUTO_FREE char *dir = xstrndup(path, slash == path ? 1 : (size_t)(slash - path));
	AUTO_FREE char *name = xasprintf("%s%s", m->bases[TREEMERGE_ROOT], path);
	AUTO_FREE char *dir_name = xstrndup(name, strlen(name) - strlen(slash));
	AUTO_WITHIN_PLACE struct within_place found = { 0 };
	AUTO_CLOSE int fd = -1;
	AUTO_WALK struct walk *w = walk_new();
	uint32_t node;
	int flags = O_RDONLY | O_DIRECTORY;
	walk_bytewise(w);
	if (within_open(&m->root, "open directory", dir, flags, &fd, &found, e) < 0)
		return -1;
	if (make_dirs(m, dir, &node, e) < 0 || walk_start(w, fd, slash + 1, name, e) < 0)
		return -1;
	push_overlay(m, (struct treemerge_place){ TREEMERGE_ROOT, xstrdup(found.path.s) }, dir_name,
		     node, source, NAMETREE_NONE);
	return place_all(m, w, m->n - 1, 0, node, e);
}

void treemerge_init(struct treemerge *m, const struct treemerge_options *opt)
{
	*m = (struct treemerge){ .opt = opt, .root = WITHIN_NONE, .base_fd = -1, .parent_fd = -1 };
	nametree_init(&m->tree);
}

int treemerge_in_place(struct treemerge *m, char *const *files, int n, struct err *e)
{
	set_plain_dir(m, NAMETREE_ROOT);
	if (treemerge_open_root(m, e) < 0)
		return -1;
	for (int i = 0; i < n; i++)
		if (add_in_place(m, files[i], (uint32_t)i, e) < 0)
			return -1;
	return 0;
}

int treemerge_dirs(struct treemerge *m, char *const *dirs, int n, struct err *e)
{
	uint32_t node;
	set_plain_dir(m, NAMETREE_ROOT);
	if (treemerge_open_root(m, e) < 0 || add_prefix(m, &node, e) < 0)
		return -1;
	for (int i = 0; i < n; i++)
		if (add_dir(m, dirs[i], (uint32_t)i, node, e) < 0)
			return -1;
	return 0;
}

void treemerge_free(struct treemerge *m)
{
	for (uint32_t i = 0; i < m->n; i++) {
		free(m->overlays[i].name);
		free(m->overlays[i].place.path);
	}
	free(m->overlays);
	free(m->at);
	free(m->stamps);
	nametree_free(&m->tree);
	treemerge_close(m);
}
