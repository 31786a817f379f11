/* SPDX-License-Identifier: MIT */
#include "vm/erofs.h"

#include <endian.h>
#include <sys/stat.h>

#include "layers.h"
#include "tar/overlay.h"
#include "vm/erofs_format.h"

/* What is wrong ends the program, with its line. */
#define must(x)                                                                                    \
	do {                                                                                       \
		if (!(x))                                                                          \
			abort();                                                                   \
	} while (0)

#define NONE UINT64_MAX

/* A directory on the way to the current entry, and its names. */
struct dir {
	uint64_t nid;
	struct erofs_dirent *list;
	char **names;
	size_t n, cap, names_cap;
	size_t at;      /* the next name */
	uint32_t links; /* that it must have */
};

/* What all names of one file say. */
struct file {
	uint64_t nid;
	uint32_t links;
};

/* The file system, of which only erofs_format.h and the kernel's rules are taken for granted. */
struct image {
	struct buf b;
	struct buf layers;
	char *taken; /* each byte that is somebody's */
	struct dir *dirs;
	size_t depth, dirs_cap;
	struct file *files;
	size_t nfiles, files_cap;
	uint64_t inodes;
};

static const void *at(const struct image *im, uint64_t place, uint64_t len)
{
	must(place <= im->b.len && len <= im->b.len - place);
	return im->b.s + place;
}

static void take(struct image *im, uint64_t place, uint64_t len)
{
	at(im, place, len);
	must(!memchr(im->taken + place, 1, len));
	memset(im->taken + place, 1, len);
}

static struct erofs_inode inode(const struct image *im, uint64_t nid)
{
	struct erofs_inode i;
	must(nid <= im->b.len &&
	     nid * EROFS_SLOT / EROFS_BLOCK == (nid * EROFS_SLOT + sizeof i - 1) / EROFS_BLOCK);
	memcpy(&i, at(im, nid * EROFS_SLOT, sizeof i), sizeof i);
	return i;
}

static uint64_t attributes_size(const struct erofs_inode *i)
{
	uint64_t n = le16toh(i->xattr_count);
	return n ? sizeof(struct erofs_xattrs) + (n - 1) * sizeof(uint32_t) : 0;
}

/* Where contents are. */
static uint64_t contents(const struct image *im, uint64_t nid, const struct erofs_inode *i)
{
	uint64_t size = le64toh(i->size), place = (uint64_t)le32toh(i->place) * EROFS_BLOCK;
	if (le16toh(i->format) == EROFS_INLINE) {
		place = nid * EROFS_SLOT + sizeof *i + attributes_size(i);
		must(size && place / EROFS_BLOCK == (place + size - 1) / EROFS_BLOCK);
	} else {
		must(le16toh(i->format) == EROFS_IN_BLOCKS);
	}
	at(im, place, size);
	return place;
}

/* --- directories --- */

static void read_block(struct dir *d, const char *block, size_t size)
{
	struct erofs_dirent e;
	must(size >= sizeof e);
	memcpy(&e, block, sizeof e);
	size_t first = le16toh(e.name_at), place = first;
	must(first && first % sizeof e == 0 && first < size);
	for (size_t i = 0; i < first / sizeof e; i++) {
		memcpy(&e, block + i * sizeof e, sizeof e);
		must(le16toh(e.name_at) == place && e.reserved == 0);
		size_t end = size;
		if (i + 1 < first / sizeof e) {
			struct erofs_dirent next;
			memcpy(&next, block + (i + 1) * sizeof e, sizeof e);
			end = le16toh(next.name_at);
		}
		must(end > place && end <= size);
		char *name = xstrndup(block + place, strnlen(block + place, end - place));
		must(*name && strlen(name) <= EROFS_NAME_MAX && !strchr(name, '/'));
		must(end == size || place + strlen(name) == end);
		must(!d->n || strcmp(d->names[d->n - 1], name) < 0);
		place = end;
		d->names = mem_grow(d->names, &d->names_cap, d->n + 1, sizeof *d->names);
		d->list = mem_grow(d->list, &d->cap, d->n + 1, sizeof *d->list);
		d->list[d->n] = e;
		d->names[d->n++] = name;
	}
}

static uint64_t nid_of(const struct erofs_dirent *e)
{
	return le32toh(e->inode) | (uint64_t)le32toh(e->inode_high) << 32;
}

/* Goes into a directory. */
static void enter(struct image *im, uint64_t nid)
{
	struct erofs_inode i = inode(im, nid);
	uint64_t size = le64toh(i.size), place = contents(im, nid, &i);
	struct dir d = { .nid = nid, .links = 2 };
	must(size);
	for (uint64_t done = 0; done < size; done += EROFS_BLOCK) {
		uint64_t rest = size - done;
		read_block(&d, at(im, place + done, 1), rest < EROFS_BLOCK ? rest : EROFS_BLOCK);
	}
	uint64_t parent = im->depth ? im->dirs[im->depth - 1].nid : nid;
	unsigned dots = 0;
	for (size_t n = 0; n < d.n; n++) {
		bool dot = strcmp(d.names[n], ".") == 0, up = strcmp(d.names[n], "..") == 0;
		if (dot || up)
			must(nid_of(&d.list[n]) == (dot ? nid : parent) &&
			     d.list[n].type == EROFS_DIR);
		dots += dot || up;
	}
	must(dots == 2);
	if (im->depth)
		im->dirs[im->depth - 1].links++;
	im->dirs = mem_grow(im->dirs, &im->dirs_cap, im->depth + 1, sizeof *im->dirs);
	im->dirs[im->depth++] = d;
}

static bool skip_dots(struct dir *d)
{
	while (d->at < d->n &&
	       (strcmp(d->names[d->at], ".") == 0 || strcmp(d->names[d->at], "..") == 0))
		d->at++;
	return d->at < d->n;
}

static void leave(struct image *im)
{
	struct dir *d = &im->dirs[--im->depth];
	must(!skip_dots(d));
	must(le32toh(inode(im, d->nid).links) == d->links);
	for (size_t i = 0; i < d->n; i++)
		free(d->names[i]);
	free(d->names);
	free(d->list);
}

/* The inode and type that the directory of the path says next, which must be of its name. */
static uint64_t next_name(struct image *im, const char *path, unsigned *type)
{
	size_t depth = 1;
	const char *name = path;
	for (const char *p = path; (p = strchr(p, '/')); name = ++p)
		depth++;
	while (im->depth > depth)
		leave(im);
	must(im->depth == depth);
	struct dir *d = &im->dirs[depth - 1];
	must(skip_dots(d) && strcmp(d->names[d->at], name) == 0);
	*type = d->list[d->at].type;
	return nid_of(&d->list[d->at++]);
}

/* --- files --- */

static void compare_attributes(const struct image *im, uint64_t place, uint64_t size,
			       const struct tar_entry *t)
{
	static const char *const prefixes[] = {
		NULL, "user.",    "system.posix_acl_access", "system.posix_acl_default", "trusted.",
		NULL, "security."
	};
	uint64_t end = place + size;
	struct erofs_xattrs header;
	if (size) {
		memcpy(&header, at(im, place, size), sizeof header);
		must(!header.shared && !header.reserved);
		place += sizeof header;
	}
	for (size_t i = 0; i < t->nxattrs; i++) {
		const struct tar_xattr *x = &t->xattrs[i];
		struct erofs_xattr e;
		if (overlay_is_private(x->name))
			continue;
		memcpy(&e, at(im, place, sizeof e), sizeof e);
		must(e.prefix < 7 && prefixes[e.prefix]);
		AUTO_FREE char *name =
			xasprintf("%s%.*s", prefixes[e.prefix], (int)e.name_len,
				  (const char *)at(im, place + sizeof e, e.name_len));
		must(strcmp(name, x->name) == 0 && le16toh(e.value_len) == x->len);
		place += sizeof e + e.name_len;
		must(memcmp(at(im, place, x->len), x->value, x->len) == 0);
		place += x->len;
		place += -place % sizeof(uint32_t);
	}
	must(place == end);
}

static unsigned type_of(const struct tar_entry *t, mode_t *mode)
{
	static const struct {
		enum tar_type tar;
		mode_t mode;
		unsigned type;
	} types[] = { { TAR_FILE, S_IFREG, 1 }, { TAR_DIR, S_IFDIR, 2 },
		      { TAR_CHAR, S_IFCHR, 3 }, { TAR_BLOCKDEV, S_IFBLK, 4 },
		      { TAR_FIFO, S_IFIFO, 5 }, { TAR_SYMLINK, S_IFLNK, 7 } };
	size_t i = 0;
	while (types[i].tar != t->type)
		must(++i < sizeof types / sizeof *types);
	*mode = types[i].mode | (t->type == TAR_SYMLINK ? 0777 : t->mode);
	return types[i].type;
}

static void compare_contents(struct image *im, const struct layertree_entry *x, uint64_t nid,
			     const struct erofs_inode *i)
{
	const struct tar_entry *t = &x->tar;
	uint64_t size = le64toh(i->size), place = contents(im, nid, i),
		 unused = -size % EROFS_BLOCK;
	if (le16toh(i->format) == EROFS_INLINE)
		unused = 0;
	if (size)
		take(im, place, size + unused);
	if (t->type == TAR_FILE)
		must(size == t->size &&
		     memcmp(at(im, place, size), im->layers.s + x->offset, size) == 0);
	else if (t->type == TAR_SYMLINK)
		must(size == strlen(t->link) && memcmp(at(im, place, size), t->link, size) == 0);
	else
		must(t->type == TAR_DIR || !size);
}

static void compare(struct image *im, const struct layertree_entry *x, uint64_t nid, unsigned type)
{
	const struct tar_entry *t = &x->tar;
	struct erofs_inode i = inode(im, nid);
	uint64_t place = nid * EROFS_SLOT;
	mode_t mode;
	must(type == type_of(t, &mode) && le16toh(i.mode) == mode);
	must(le32toh(i.uid) == t->uid && le32toh(i.gid) == t->gid);
	must((int64_t)le64toh(i.mtime) == t->mtime && !i.mtime_nsec);
	take(im, place, sizeof i + attributes_size(&i));
	compare_attributes(im, place + sizeof i, attributes_size(&i), t);
	im->inodes++;
	if (t->type == TAR_CHAR || t->type == TAR_BLOCKDEV) {
		uint32_t device = le32toh(i.place);
		must((device >> 8 & 0xfff) == t->devmajor && i.size == 0);
		must(((device & 0xff) | (device >> 12 & ~0xffU)) == t->devminor);
		return;
	}
	compare_contents(im, x, nid, &i);
}

static struct file *file_of(struct image *im, uint32_t number)
{
	while (im->nfiles <= number) {
		im->files = mem_grow(im->files, &im->files_cap, im->nfiles + 1, sizeof *im->files);
		im->files[im->nfiles++] = (struct file){ .nid = NONE };
	}
	return &im->files[number];
}

static int see(const struct layertree_entry *x, void *context, struct err *e)
{
	struct image *im = context;
	unsigned type = EROFS_DIR;
	const struct erofs_super *super = at(im, EROFS_SUPER_AT, sizeof *super);
	uint64_t nid = im->depth ? next_name(im, x->path, &type) : le16toh(super->root);
	(void)e;
	if (x->tar.type == TAR_DIR) {
		compare(im, x, nid, type);
		enter(im, nid);
		return 0;
	}
	struct file *file = file_of(im, x->file);
	if (x->tar.type == TAR_HARDLINK) {
		must(file->nid == nid);
	} else {
		must(file->nid == NONE);
		file->nid = nid;
		compare(im, x, nid, type);
	}
	file->links++;
	return 0;
}

static void check_super(struct image *im)
{
	struct erofs_super super;
	memcpy(&super, at(im, EROFS_SUPER_AT, sizeof super), sizeof super);
	must(le32toh(super.magic) == EROFS_MAGIC && super.block_bits == 12);
	must(!super.features && !super.needed_features && !super.inodes_at);
	must(im->b.len % EROFS_BLOCK == 0 && le32toh(super.blocks) == im->b.len / EROFS_BLOCK);
	take(im, EROFS_SUPER_AT, sizeof super);
}

static void check_image(const struct layertree *t, struct image *im)
{
	struct err e = { 0 };
	im->taken = xcalloc(im->b.len, 1);
	check_super(im);
	must(layertree_each(t, see, im, &e) == 0);
	while (im->depth)
		leave(im);
	for (size_t i = 0; i < im->nfiles; i++)
		if (im->files[i].nid != NONE)
			must(le32toh(inode(im, im->files[i].nid).links) == im->files[i].links);
	const struct erofs_super *super = at(im, EROFS_SUPER_AT, sizeof *super);
	must(le64toh(super->inodes) == im->inodes);
	free(im->taken);
	free(im->dirs);
	free(im->files);
}

/* Stops at a name or target that the kernel has no room for: the only reasons to refuse a tree. */
static int fits(const struct layertree_entry *x, void *context, struct err *e)
{
	const char *slash = strrchr(x->path, '/');
	(void)context;
	if (strlen(slash ? slash + 1 : x->path) > 255 ||
	    (x->tar.type == TAR_SYMLINK && strlen(x->tar.link) > 4095))
		return err_set(e, 0, "too long");
	return 0;
}

/* A file system has what the tree has, no less and no more, and where the kernel looks for it. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	AUTO_LAYERTREE struct layertree *t = layertree_new();
	struct image im = { 0 };
	struct err e = { 0 };
	struct out o;
	if (layers_add(t, (const char *)data, size, &im.layers) == 0) {
		AUTO_CLOSE int layers = fuzz_fd(im.layers.s, im.layers.len);
		AUTO_CLOSE int file = fuzz_fd("", 0);
		out_init(&o, file, "<fuzz>");
		bool written = erofs_write(t, "<fuzz>", layers, &o, &e) == 0;
		must(written == (layertree_each(t, fits, NULL, &e) == 0));
		must(!written || out_flush(&o, &e) == 0);
		out_drop(&o);
		if (written) {
			im.b = fuzz_bytes(file);
			check_image(t, &im);
		}
	}
	err_clear(&e);
	buf_free(&im.b);
	buf_free(&im.layers);
	return 0;
}
