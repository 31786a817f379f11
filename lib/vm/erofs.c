/* SPDX-License-Identifier: MIT */
#include "vm/erofs.h"

#include <endian.h>
#include <errno.h>
#include <inttypes.h>
#include <stdbool.h>
#include <string.h>
#include <sys/stat.h>

#include "base/spool.h"
#include "vm/erofs_format.h"
#include "vm/erofs_xattrs.h"

/*
 * Behind the superblock lie all inodes, each with its attributes and, where a
 * block has room for that, its contents; then the contents that are longer.
 * The tree is walked three times: to know the sizes, to write inodes, to
 * write the rest.
 */

/* A symbolic link's target with its NUL is a page at most. */
enum { TARGET_MAX = EROFS_BLOCK - 1 };

/* A device's numbers in 32 bits: 12 of the major, 20 of the minor one. */
enum { MAJOR_MAX = 0xfff, MINOR_MAX = 0xfffff };

#define NONE UINT32_MAX

/* A name; the first one of a file has the inode, too. */
struct node {
	uint64_t size;
	uint64_t place;       /* of the inode, in bytes */
	uint64_t block;       /* the first one of contents that do not lie there, from start */
	size_t name;          /* in names */
	uint32_t inode;       /* the node that has it */
	uint32_t parent;      /* a node */
	uint32_t first, last; /* nodes in a directory, or NONE */
	uint32_t next;        /* in the same directory, likewise */
	uint32_t links;       /* how often a directory says this inode */
	uint32_t xattrs;      /* bytes */
	enum erofs_type type;
};

struct image {
	const struct layertree *tree;
	int layers;
	struct out *out;
	struct node *nodes;
	size_t n, cap;
	struct buf names; /* each with its NUL */
	uint32_t *dirs;   /* the last directory of each depth */
	size_t dirs_cap;
	uint32_t *firsts; /* the node that has the inode, by the number of the file */
	size_t firsts_cap;
	struct buf xattrs, piece; /* of one inode: its attributes, a directory's contents */
	uint32_t at;              /* the next node of a walk */
	uint64_t inodes;          /* how many */
	uint64_t start, blocks;   /* what lies behind the inodes: its first block, how many */
};

/* --- directories --- */

/* Goes through a directory; "." and ".." have their places among the names. */
struct listing {
	const struct image *im;
	uint32_t dir, child;
	unsigned dots; /* how many of the two were there */
	const char *name;
	const struct node *node;
};

static bool next_name(struct listing *l)
{
	static const char *const dots[] = { ".", ".." };
	const struct node *nodes = l->im->nodes;
	const char *child = l->child == NONE ? NULL : l->im->names.s + nodes[l->child].name;
	if (l->dots < 2 && (!child || strcmp(dots[l->dots], child) < 0)) {
		l->node = &nodes[l->dots ? nodes[l->dir].parent : l->dir];
		l->name = dots[l->dots++];
		return true;
	}
	if (!child)
		return false;
	l->name = child;
	l->node = &nodes[nodes[l->child].inode];
	l->child = nodes[l->child].next;
	return true;
}

/* Appends entries and names as one block, whole or the last one of the directory. */
static void add_block(struct buf *b, struct buf *entries, struct buf *names, bool whole)
{
	struct erofs_dirent *list = (struct erofs_dirent *)(void *)entries->s;
	size_t used = entries->len + names->len;
	for (size_t i = 0; i < entries->len / sizeof *list; i++)
		list[i].name_at = htole16((uint16_t)(list[i].name_at + entries->len));
	buf_add(b, entries->s, entries->len);
	buf_add(b, names->s, names->len);
	if (whole)
		memset(buf_extend(b, EROFS_BLOCK - used), 0, EROFS_BLOCK - used);
	buf_clear(entries);
	buf_clear(names);
}

/* The contents of a directory, in piece. */
static void make_directory(struct image *im, uint32_t dir)
{
	AUTO_BUF struct buf entries = { 0 }, names = { 0 };
	struct listing l = { .im = im, .dir = dir, .child = im->nodes[dir].first };
	buf_clear(&im->piece);
	while (next_name(&l)) {
		uint64_t inode = l.node->place / EROFS_SLOT;
		struct erofs_dirent entry = { .inode = htole32((uint32_t)inode),
					      .inode_high = htole32((uint32_t)(inode >> 32)),
					      .type = (uint8_t)l.node->type };
		size_t len = strlen(l.name);
		if (entries.len + sizeof entry + names.len + len > EROFS_BLOCK)
			add_block(&im->piece, &entries, &names, true);
		entry.name_at = (uint16_t)names.len;
		buf_add(&entries, &entry, sizeof entry);
		buf_add(&names, l.name, len);
	}
	add_block(&im->piece, &entries, &names, false);
}

/* --- first walk: what there is --- */

static enum erofs_type type_of(const struct tar_entry *t)
{
	switch ((int)t->type) {
	case TAR_DIR:
		return EROFS_DIR;
	case TAR_SYMLINK:
		return EROFS_SYMLINK;
	case TAR_CHAR:
		return EROFS_CHAR;
	case TAR_BLOCKDEV:
		return EROFS_BLOCKDEV;
	case TAR_FIFO:
		return EROFS_FIFO;
	default:
		return EROFS_FILE;
	}
}

static int check(const struct layertree_entry *entry, const char *name, struct err *e)
{
	const struct tar_entry *t = &entry->tar;
	size_t link = t->type == TAR_SYMLINK ? strlen(t->link) : 0;
	if (strlen(name) > EROFS_NAME_MAX || link > TARGET_MAX)
		return err_set(e, ENAMETOOLONG, "cannot make '%s'", entry->path);
	if (t->devmajor > MAJOR_MAX || t->devminor > MINOR_MAX)
		return err_set(e, EINVAL, "cannot make '%s'", entry->path);
	if (t->uid >= UINT32_MAX || t->gid >= UINT32_MAX)
		return err_set(e, EINVAL, "cannot give '%s' to %" PRIu64 ":%" PRIu64, entry->path,
			       t->uid, t->gid);
	return 0;
}

static struct node *add_node(struct image *im, const char *name)
{
	im->nodes = mem_grow(im->nodes, &im->cap, im->n + 1, sizeof *im->nodes);
	struct node *node = &im->nodes[im->n];
	*node = (struct node){ .name = im->names.len,
			       .inode = (uint32_t)im->n,
			       .first = NONE,
			       .last = NONE,
			       .next = NONE };
	buf_add(&im->names, name, strlen(name) + 1);
	im->n++;
	return node;
}

/* A directory comes right before what is in it. */
static void put_into_directory(struct image *im, struct node *node, const char *path)
{
	uint32_t number = (uint32_t)(node - im->nodes);
	size_t depth = number != 0;
	for (const char *p = path; (p = strchr(p, '/')); p++)
		depth++;
	if (number) {
		node->parent = im->dirs[depth - 1];
		struct node *dir = &im->nodes[node->parent];
		*(dir->last == NONE ? &dir->first : &im->nodes[dir->last].next) = number;
		dir->last = number;
	}
	if (node->type == EROFS_DIR) {
		im->dirs = mem_grow(im->dirs, &im->dirs_cap, depth + 1, sizeof *im->dirs);
		im->dirs[depth] = number;
	}
}

/* Counts a directory's entry in the inode that it leads to. */
static void count_link(struct image *im, struct node *node, uint32_t file)
{
	if (node->type == EROFS_DIR) { /* ".", and ".." in its parent */
		node->links += 2;
		im->nodes[node->parent].links += node->parent != node->inode;
		return;
	}
	im->nodes[node->inode].links++;
	im->firsts = mem_grow(im->firsts, &im->firsts_cap, (size_t)file + 1, sizeof *im->firsts);
	im->firsts[file] = node->inode;
}

static int add_entry(const struct layertree_entry *entry, void *context, struct err *e)
{
	struct image *im = context;
	const struct tar_entry *t = &entry->tar;
	const char *slash = strrchr(entry->path, '/'), *name = slash ? slash + 1 : entry->path;
	if (check(entry, name, e) < 0)
		return -1;
	struct node *node = add_node(im, name);
	node->type = type_of(t);
	node->size = t->type == TAR_SYMLINK ? strlen(t->link) : t->size;
	put_into_directory(im, node, entry->path);
	if (t->type == TAR_HARDLINK)
		node->inode = im->firsts[entry->file];
	count_link(im, node, entry->file);
	buf_clear(&im->xattrs);
	if (erofs_xattrs(&im->xattrs, t, entry->path, e) < 0)
		return -1;
	node->xattrs = (uint32_t)im->xattrs.len;
	return 0;
}

/* --- places --- */

static uint64_t round_up(uint64_t n, uint64_t unit)
{
	return (n + unit - 1) / unit * unit;
}

static bool has_inode(const struct image *im, const struct node *node)
{
	return node == &im->nodes[node->inode];
}

/* Whether inode, attributes and contents fit into a block. */
static bool is_inline(const struct node *node)
{
	return node->size && sizeof(struct erofs_inode) + node->xattrs + node->size <= EROFS_BLOCK;
}

/* An inode lies in one block, and so do contents behind it. */
static void find_place(struct image *im, struct node *node, uint64_t *end)
{
	uint64_t size = sizeof(struct erofs_inode) + node->xattrs;
	*end = round_up(*end, sizeof(struct erofs_inode));
	if (is_inline(node)) {
		size += node->size;
		if (*end % EROFS_BLOCK + size > EROFS_BLOCK)
			*end = round_up(*end, EROFS_BLOCK);
	} else {
		node->block = im->blocks;
		im->blocks += round_up(node->size, EROFS_BLOCK) / EROFS_BLOCK;
	}
	node->place = *end;
	*end += size;
	im->inodes++;
}

static int find_places(struct image *im, struct err *e)
{
	uint64_t end = EROFS_SUPER_AT + sizeof(struct erofs_super);
	for (size_t i = 0; i < im->n; i++) {
		struct node *node = &im->nodes[i];
		if (!has_inode(im, node))
			continue;
		if (node->type == EROFS_DIR) {
			make_directory(im, (uint32_t)i);
			node->size = im->piece.len;
		}
		find_place(im, node, &end);
	}
	im->start = round_up(end, EROFS_BLOCK) / EROFS_BLOCK;
	if (im->start + im->blocks > UINT32_MAX)
		return err_set(e, EFBIG, "the layers have more than 16 TiB");
	return 0;
}

/* --- writing --- */

static int pad_to(struct image *im, uint64_t place, struct err *e)
{
	static const char zeros[EROFS_BLOCK];
	return out_write(im->out, zeros, place - im->out->written, e);
}

static int put_piece(void *context, uint64_t offset, uint64_t size, struct err *e)
{
	const struct image *im = context;
	return offset == LAYERTREE_ZEROS ? out_zeros(im->out, size, e)
					 : spool_copy(im->layers, offset, size, im->out, e);
}

static int put_contents(struct image *im, const struct layertree_entry *entry,
			const struct node *node, struct err *e)
{
	switch ((int)node->type) {
	case EROFS_DIR:
		make_directory(im, node->inode);
		return out_write(im->out, im->piece.s, im->piece.len, e);
	case EROFS_SYMLINK:
		return out_write(im->out, entry->tar.link, node->size, e);
	default:
		return layertree_contents(entry, put_piece, im, e);
	}
}

static struct erofs_inode inode_of(const struct image *im, const struct tar_entry *t,
				   const struct node *node)
{
	static const mode_t types[] = {
		0, S_IFREG, S_IFDIR, S_IFCHR, S_IFBLK, S_IFIFO, 0, S_IFLNK
	};
	size_t xattrs = node->xattrs;
	unsigned mode = node->type == EROFS_SYMLINK ? 0777 : t->mode;
	struct erofs_inode inode = {
		.format = htole16(is_inline(node) ? EROFS_INLINE : EROFS_IN_BLOCKS),
		.mode = htole16((uint16_t)(types[node->type] | mode)),
		.size = htole64(node->size),
		.number = htole32(node->inode + 1),
		.uid = htole32((uint32_t)t->uid),
		.gid = htole32((uint32_t)t->gid),
		.mtime = htole64((uint64_t)t->mtime),
		.links = htole32(node->links),
	};
	if (xattrs)
		inode.xattr_count = htole16(
			(uint16_t)((xattrs - sizeof(struct erofs_xattrs)) / EROFS_XATTR_ALIGN + 1));
	if (node->type == EROFS_CHAR || node->type == EROFS_BLOCKDEV)
		inode.place = htole32((t->devminor & 0xff) | t->devmajor << 8 |
				      (t->devminor & ~0xffU) << 12);
	else if (node->size && !is_inline(node))
		inode.place = htole32((uint32_t)(im->start + node->block));
	return inode;
}

static int put_inode(const struct layertree_entry *entry, void *context, struct err *e)
{
	struct image *im = context;
	const struct node *node = &im->nodes[im->at++];
	if (!has_inode(im, node))
		return 0;
	const struct erofs_inode inode = inode_of(im, &entry->tar, node);
	buf_clear(&im->xattrs);
	if (erofs_xattrs(&im->xattrs, &entry->tar, entry->path, e) < 0 ||
	    pad_to(im, node->place, e) < 0 || out_write(im->out, &inode, sizeof inode, e) < 0 ||
	    out_write(im->out, im->xattrs.s, im->xattrs.len, e) < 0)
		return -1;
	return is_inline(node) ? put_contents(im, entry, node, e) : 0;
}

static int put_blocks(const struct layertree_entry *entry, void *context, struct err *e)
{
	struct image *im = context;
	const struct node *node = &im->nodes[im->at++];
	if (!has_inode(im, node) || !node->size || is_inline(node))
		return 0;
	if (pad_to(im, (im->start + node->block) * EROFS_BLOCK, e) < 0)
		return -1;
	return put_contents(im, entry, node, e);
}

static int put_super(struct image *im, struct err *e)
{
	const struct erofs_super super = {
		.magic = htole32(EROFS_MAGIC),
		.block_bits = EROFS_BLOCK_BITS,
		.root = htole16((uint16_t)(im->nodes[0].place / EROFS_SLOT)),
		.inodes = htole64(im->inodes),
		.uuid = "layerpipe", /* without one, an overlay file system shows two devices */
		.blocks = htole32((uint32_t)(im->start + im->blocks)),
	};
	return pad_to(im, EROFS_SUPER_AT, e) < 0 ? -1 : out_write(im->out, &super, sizeof super, e);
}

static int put_image(struct image *im, const char *name, struct err *e)
{
	if (layertree_each(im->tree, add_entry, im, e) < 0)
		return err_wrap(e, "%s", name);
	if (find_places(im, e) < 0 || put_super(im, e) < 0 ||
	    layertree_each(im->tree, put_inode, im, e) < 0)
		return -1;
	im->at = 0;
	if (layertree_each(im->tree, put_blocks, im, e) < 0)
		return -1;
	return pad_to(im, (im->start + im->blocks) * EROFS_BLOCK, e);
}

int erofs_write(const struct layertree *t, const char *name, int layers, struct out *o,
		struct err *e)
{
	struct image im = { .tree = t, .layers = layers, .out = o };
	int r = put_image(&im, name, e);
	free(im.nodes);
	free(im.dirs);
	free(im.firsts);
	buf_free(&im.names);
	buf_free(&im.xattrs);
	buf_free(&im.piece);
	return r;
}
