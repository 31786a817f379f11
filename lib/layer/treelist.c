/* SPDX-License-Identifier: MIT */
#include "layer/treelist.h"

#include <errno.h>
#include <string.h>
#include <sys/sysmacros.h>
#include <sys/xattr.h>

#include "layer/mtree.h"
#include "layer/treemerge.h"
#include "tar/overlay.h"
#include "tar/whiteout.h"

static bool is_listed_xattr(const char *name)
{
	if (overlay_is_private(name))
		return false;
	return strncmp(name, "user.", 5) == 0 || strcmp(name, "security.capability") == 0;
}

static int compare_xattrs(const void *a, const void *b)
{
	const struct tar_xattr *x = a, *y = b;
	return strcmp(x->name, y->name);
}

/* Extended attributes of one file, and the memory behind them. */
struct xattrs {
	struct buf names;
	struct tar_xattr *list;
	size_t n, cap;
};

/* path: where the file is now; host: what messages call it. */
static int read_xattr(const char *path, const char *host, const char *name, struct xattrs *x,
		      struct err *e)
{
	ssize_t len = lgetxattr(path, name, NULL, 0);
	AUTO_FREE char *value = len < 0 ? NULL : xmalloc((size_t)len);
	if (!value || (len = lgetxattr(path, name, value, (size_t)len)) < 0)
		return err_set(e, errno, "cannot read extended attribute '%s' of '%s'", name, host);
	x->list = mem_grow(x->list, &x->cap, x->n + 1, sizeof *x->list);
	x->list[x->n++] = (struct tar_xattr){ name, STEAL(value), (size_t)len };
	return 0;
}

static int read_xattrs(const char *path, const char *host, struct xattrs *x, struct err *e)
{
	ssize_t len = llistxattr(path, NULL, 0);
	if (len == 0 || (len < 0 && errno == ENOTSUP))
		return 0;
	if (len < 0)
		return err_set(e, errno, "cannot list extended attributes of '%s'", host);
	buf_extend(&x->names, (size_t)len);
	len = llistxattr(path, x->names.s, (size_t)len);
	if (len < 0)
		return err_set(e, errno, "cannot list extended attributes of '%s'", host);
	for (const char *s = x->names.s; s < x->names.s + len; s += strlen(s) + 1)
		if (is_listed_xattr(s) && read_xattr(path, host, s, x, e) < 0)
			return -1;
	if (x->n)
		qsort(x->list, x->n, sizeof *x->list, compare_xattrs);
	return 0;
}

static void free_xattrs(struct xattrs *x)
{
	for (size_t i = 0; i < x->n; i++)
		free((void *)(uintptr_t)x->list[i].value);
	free(x->list);
	buf_free(&x->names);
}

static void set_owner(const struct treelist *opt, const struct nametree_node *n,
		      struct mtree_entry *entry)
{
	bool own = !opt->merge.links && n->origin != NAMETREE_NONE;
	entry->has |= MTREE_UID | MTREE_GID;
	entry->uid = opt->has_owner ? opt->uid : own ? n->uid : 0;
	entry->gid = opt->has_owner ? opt->gid : own ? n->gid : 0;
	entry->uname = opt->uname;
	entry->gname = opt->gname;
	if (opt->uname)
		entry->has |= MTREE_UNAME | MTREE_GNAME;
}

static enum tar_type tar_type(mode_t mode)
{
	return S_ISDIR(mode)    ? TAR_DIR
	       : S_ISLNK(mode)  ? TAR_SYMLINK
	       : S_ISCHR(mode)  ? TAR_CHAR
	       : S_ISBLK(mode)  ? TAR_BLOCKDEV
	       : S_ISFIFO(mode) ? TAR_FIFO
				: TAR_FILE;
}

/* What a file is beside its owner and time. */
static void set_kind(const struct nametree_node *n, const char *contents, const char *target,
		     struct mtree_entry *entry)
{
	entry->type = tar_type(n->mode);
	entry->mode = n->mode & 07777;
	if (S_ISREG(n->mode)) {
		entry->has |= MTREE_SIZE | MTREE_CONTENTS;
		entry->size = n->size;
		entry->contents = contents;
	} else if (S_ISLNK(n->mode)) {
		entry->has |= MTREE_LINK;
		entry->link = target;
	} else if (S_ISCHR(n->mode) || S_ISBLK(n->mode)) {
		entry->has |= MTREE_DEVICE;
		entry->devmajor = major(n->rdev);
		entry->devminor = minor(n->rdev);
	}
}

/* No system call takes a directory's descriptor and a name for this: proc(5) makes a path of it. */
static int find_xattrs(struct treemerge *m, uint32_t node, const char *host, struct xattrs *x,
		       struct err *e)
{
	struct treemerge_file f;
	if (treemerge_find(m, node, &f, e) < 0)
		return -1;
	AUTO_FREE char *name = f.name;
	AUTO_FREE char *path = xasprintf("/proc/self/fd/%d/%s", f.dir, name);
	return read_xattrs(path, host, x, e);
}

/* What belongs to a line, to be freed. */
struct parts {
	char *host; /* what messages call the file */
	char *contents;
	char *target;
	struct xattrs x;
};

static void free_parts(struct parts *p)
{
	free(p->host);
	free(p->contents);
	free(p->target);
	free_xattrs(&p->x);
}
#define AUTO_PARTS __attribute__((cleanup(free_parts)))

/* A file, or a directory of its own, as it lies on the host. */
static int set_file(struct treemerge *m, uint32_t node, struct mtree_entry *entry, struct parts *p,
		    struct err *e)
{
	const struct nametree_node *n = &m->tree.nodes[node];
	bool link = S_ISLNK(n->mode);
	if (link && treemerge_listed_target(m, node, &p->target, e) < 0)
		return -1;
	if (p->host && !link && find_xattrs(m, node, p->host, &p->x, e) < 0)
		return -1;
	if (p->host && S_ISREG(n->mode))
		p->contents = treemerge_contents(m, node);
	set_kind(n, p->contents, p->target, entry);
	entry->xattrs = p->x.list;
	entry->nxattrs = p->x.n;
	return 0;
}

/* What messages call it: a directory laid over another may have another name on the host. */
static char *node_name(const struct treemerge *m, uint32_t node)
{
	uint32_t origin = m->tree.nodes[node].origin;
	struct buf path = { 0 };
	if (origin != NAMETREE_NONE && m->overlays[origin].node != node)
		return treemerge_name(m, node);
	nametree_path(&m->tree, NAMETREE_ROOT, node, &path);
	return path.s;
}

/* Refuses what would delete a file of lower layers. */
static int check_node(const struct treelist *opt, const struct treemerge *m, uint32_t node,
		      struct err *e)
{
	const struct nametree_node *n = &m->tree.nodes[node];
	bool device = !opt->merge.links && S_ISCHR(n->mode) && n->rdev == 0;
	bool whiteout = !opt->whiteouts && whiteout_is(nametree_name(&m->tree, node));
	if (!device && !whiteout)
		return 0;
	AUTO_FREE char *name = node_name(m, node);
	if (whiteout)
		return whiteout_refuse(name, e);
	return err_set(e, 0,
		       "'%s' cannot be in an image: an overlay file system takes the character "
		       "device 0:0 for a deletion",
		       name);
}

/* A comment, which no reader of lines minds. */
static int write_stamp(const struct treemerge *m, uint32_t node, const char *path, struct out *o,
		       struct err *e)
{
	const struct treemerge_stamp *s = &m->stamps[node];
	AUTO_BUF struct buf b = { 0 };
	buf_adds(&b, "# ./");
	mtree_escape(&b, path);
	buf_addf(&b, " %ju %ju %jd.%09ld\n", (uintmax_t)s->dev, (uintmax_t)s->ino,
		 (intmax_t)s->changed.tv_sec, s->changed.tv_nsec);
	return out_write(o, b.s, b.len, e);
}

static int write_node(const struct treelist *opt, struct treemerge *m, uint32_t node, struct out *o,
		      struct err *e)
{
	static const struct nametree_node farm_link = { .mode = S_IFLNK | 0777 };
	const struct nametree_node *n = &m->tree.nodes[node];
	bool own = n->origin != NAMETREE_NONE;
	AUTO_BUF struct buf path = { 0 };
	AUTO_PARTS struct parts parts = { .host = own ? treemerge_name(m, node) : NULL };
	nametree_path(&m->tree, NAMETREE_ROOT, node, &path);
	struct mtree_entry entry = { .path = node == NAMETREE_ROOT ? "." : path.s,
				     .has = MTREE_TYPE | MTREE_MODE | MTREE_TIME };
	entry.time = own && opt->keep_mtime ? n->mtime : opt->mtime;
	set_owner(opt, n, &entry);
	if (opt->merge.links)
		set_kind(S_ISDIR(n->mode) ? n : &farm_link, NULL, parts.host, &entry);
	else if (set_file(m, node, &entry, &parts, e) < 0)
		return -1;
	if (mtree_write(&entry, o, e) < 0)
		return -1;
	return own && opt->merge.stamps ? write_stamp(m, node, path.s, o, e) : 0;
}

static int write_tree(const struct treelist *opt, struct treemerge *m, struct out *o, struct err *e)
{
	AUTO_FREE uint32_t *order = nametree_order(&m->tree);
	for (uint32_t i = 0; i < m->tree.n; i++)
		if (check_node(opt, m, order[i], e) < 0)
			return -1;
	if (out_write(o, "#mtree\n", 7, e) < 0)
		return -1;
	for (uint32_t i = 0; i < m->tree.n; i++)
		if (write_node(opt, m, order[i], o, e) < 0)
			return -1;
	return 0;
}

static bool is_later(const struct timespec *a, const struct timespec *b)
{
	return a->tv_sec != b->tv_sec ? a->tv_sec > b->tv_sec : a->tv_nsec > b->tv_nsec;
}

/*
 * Times of files go in steps of a few milliseconds. Waits for the step after the newest stamp, as
 * until then a file can change and have the same one; not for a time that is far ahead.
 */
static void wait_for_step(const struct treemerge *m)
{
	enum { STEPS = 20 };
	static const struct timespec millisecond = { .tv_nsec = 1000000 };
	struct timespec newest = { 0 }, now;
	for (uint32_t i = 0; i < m->tree.n; i++)
		if (m->tree.nodes[i].origin != NAMETREE_NONE &&
		    is_later(&m->stamps[i].changed, &newest))
			newest = m->stamps[i].changed;
	for (int i = 0; i < STEPS; i++) {
		clock_gettime(CLOCK_REALTIME_COARSE, &now);
		if (is_later(&now, &newest))
			return;
		nanosleep(&millisecond, NULL);
	}
}

int treelist_write(const struct treelist *opt, char *const *operands, int n, struct out *o,
		   struct err *e)
{
	struct treemerge m;
	treemerge_init(&m, &opt->merge);
	int r = opt->in_place ? treemerge_in_place(&m, operands, n, e)
			      : treemerge_dirs(&m, operands, n, e);
	if (r == 0)
		r = write_tree(opt, &m, o, e);
	if (r == 0 && opt->merge.stamps)
		wait_for_step(&m);
	treemerge_free(&m);
	return r;
}
