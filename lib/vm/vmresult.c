/* SPDX-License-Identifier: MIT */
#include "vm/vmresult.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>
#include <unistd.h>

#include "base/digest.h"
#include "base/intern.h"
#include "base/spool.h"
#include "layer/layerwrite.h"
#include "layer/mtree.h"
#include "tar/tar.h"
#include "tar/tarread.h"
#include "tar/whiteout.h"

/* Device numbers of Linux. */
enum { MAJOR_MAX = (1 << 12) - 1, MINOR_MAX = (1 << 20) - 1 };

struct item {
	struct tar_entry tar; /* strings and attributes kept below; xattrs: set when all are read */
	const char *path;     /* "." or names with single slashes */
	uint64_t offset;      /* of its contents */
	size_t xattrs;        /* the first of its attributes */
};

struct layer {
	int fd;
	struct tarread *tar;
	struct item *items;
	size_t n, cap;
	struct tar_xattr *xattrs;
	size_t nxattrs, xattrs_cap;
	struct intern strings;
};

/* --- reading --- */

static const char *keep(struct layer *l, const char *s, size_t len)
{
	return intern_keep(&l->strings, s, len);
}

/* "./" alone is the root, a directory ends in a slash; else parts, and single slashes between. */
static int read_path(struct layer *l, const struct tar_entry *t, const char **path, struct err *e)
{
	size_t len = strlen(t->name);
	if (t->type == TAR_DIR && strcmp(t->name, "./") == 0) {
		*path = ".";
		return 0;
	}
	if (t->type == TAR_DIR && t->name[len - 1] == '/')
		len--;
	for (size_t at = 0; at <= len;) {
		size_t part = strcspn(t->name + at, "/");
		bool dots = part <= 2 && strncmp(t->name + at, "..", part) == 0;
		if (dots || at + part > len)
			return tarread_err(l->tar, e, "'%s': expected a relative path", t->name);
		at += part + 1;
	}
	*path = keep(l, t->name, len);
	return 0;
}

static const char *last_part(const char *path)
{
	const char *slash = strrchr(path, '/');
	return slash ? slash + 1 : path;
}

static bool is_whiteout(const char *path)
{
	return whiteout_is(last_part(path));
}

/* What hides something is an empty file that hides a name, or all. */
static int check_whiteout(const struct layer *l, const struct item *i, struct err *e)
{
	if (!is_whiteout(i->path))
		return 0;
	if (whiteout_deletes(last_part(i->path)) && i->tar.type == TAR_FILE && i->tar.size == 0 &&
	    i->tar.nxattrs == 0)
		return 0;
	return tarread_err(l->tar, e, "'%s': a layer cannot hold such a name", i->path);
}

static int check_numbers(const struct layer *l, const struct tar_entry *t, struct err *e)
{
	if (t->uid >= UINT32_MAX || t->gid >= UINT32_MAX)
		return tarread_err(l->tar, e, "'%s': owner or group out of range", t->name);
	if (t->devmajor > MAJOR_MAX || t->devminor > MINOR_MAX)
		return tarread_err(l->tar, e, "'%s': device number out of range", t->name);
	return 0;
}

static int compare_xattrs(const void *a, const void *b)
{
	const struct tar_xattr *x = a, *y = b;
	return strcmp(x->name, y->name);
}

static int read_xattrs(struct layer *l, const struct tar_entry *t, struct item *i, struct err *e)
{
	i->xattrs = l->nxattrs;
	l->xattrs = mem_grow(l->xattrs, &l->xattrs_cap, l->nxattrs + t->nxattrs, sizeof *l->xattrs);
	for (size_t n = 0; n < t->nxattrs; n++) {
		const struct tar_xattr *x = &t->xattrs[n];
		if (!*x->name)
			return tarread_err(l->tar, e, "'%s': an attribute without a name", t->name);
		l->xattrs[l->nxattrs++] = (struct tar_xattr){ keep(l, x->name, strlen(x->name)),
							      keep(l, x->value, x->len), x->len };
	}
	if (!t->nxattrs)
		return 0;
	struct tar_xattr *list = l->xattrs + i->xattrs;
	qsort(list, t->nxattrs, sizeof *list, compare_xattrs);
	for (size_t n = 1; n < t->nxattrs; n++)
		if (compare_xattrs(&list[n - 1], &list[n]) == 0)
			return tarread_err(l->tar, e, "'%s': attribute '%s' is there twice",
					   t->name, list[n].name);
	return 0;
}

static int read_item(struct layer *l, struct err *e)
{
	const struct tar_entry *t = tarread_entry(l->tar);
	bool linked = t->type == TAR_HARDLINK || t->type == TAR_SYMLINK;
	struct item i = { .tar = *t, .offset = tarread_offset(l->tar) };
	if (l->n == VMRESULT_MAX_ENTRIES)
		return tarread_err(l->tar, e, "more than %d entries", VMRESULT_MAX_ENTRIES);
	if (read_path(l, t, &i.path, e) < 0 || check_numbers(l, t, e) < 0 ||
	    read_xattrs(l, t, &i, e) < 0 || check_whiteout(l, &i, e) < 0)
		return -1;
	if (linked && !*t->link)
		return tarread_err(l->tar, e, "'%s': a link to nothing", t->name);
	i.tar.name = i.tar.type == TAR_DIR && strcmp(i.path, ".") == 0 ? "./" : i.path;
	i.tar.link = linked ? keep(l, t->link, strlen(t->link)) : NULL;
	i.tar.uname = i.tar.gname = NULL;
	if (t->type == TAR_SYMLINK)
		i.tar.mode = 0777;
	l->items = mem_grow(l->items, &l->cap, l->n + 1, sizeof *l->items);
	l->items[l->n++] = i;
	return 0;
}

static int read_items(struct layer *l, struct err *e)
{
	enum tarread_event event = TARREAD_ENTRY;
	while (event == TARREAD_ENTRY) {
		if (tarread_next(l->tar, &event, e) < 0)
			return -1;
		if (event == TARREAD_ENTRY && read_item(l, e) < 0)
			return -1;
	}
	if (event == TARREAD_END && tarread_next(l->tar, &event, e) < 0)
		return -1;
	if (event != TARREAD_EOF)
		return tarread_err(l->tar, e, "expected the end of the layer");
	for (size_t i = 0; i < l->n; i++)
		if (l->items[i].tar.nxattrs)
			l->items[i].tar.xattrs = &l->xattrs[l->items[i].xattrs];
	return 0;
}

/* --- checking them together --- */

static int compare_items(const void *a, const void *b)
{
	const struct item *x = a, *y = b;
	return mtree_compare(x->path, y->path);
}

static const struct item *find(const struct layer *l, const char *path)
{
	const struct item key = { .path = path };
	return bsearch(&key, l->items, l->n, sizeof key, compare_items);
}

static int check_parent(const struct layer *l, const struct item *i, struct err *e)
{
	const char *name = last_part(i->path);
	if (name == i->path)
		return 0;
	AUTO_FREE char *parent = xstrndup(i->path, (size_t)(name - i->path - 1));
	const struct item *p = find(l, parent);
	if (p && p->tar.type == TAR_DIR)
		return 0;
	return err_set(e, 0, "'%s': its directory is not listed", i->path);
}

static int check_link(const struct layer *l, const struct item *i, struct err *e)
{
	if (i->tar.type != TAR_HARDLINK)
		return 0;
	const struct item *to = find(l, i->tar.link);
	if (to && to < i && to->tar.type != TAR_DIR && to->tar.type != TAR_HARDLINK &&
	    !is_whiteout(to->path))
		return 0;
	return err_set(e, 0, "'%s': a hard link to '%s', which is no file before it", i->path,
		       i->tar.link);
}

static int check_items(struct layer *l, struct err *e)
{
	if (l->n)
		qsort(l->items, l->n, sizeof *l->items, compare_items);
	for (size_t n = 0; n < l->n; n++) {
		const struct item *i = &l->items[n];
		if (n && compare_items(i - 1, i) == 0)
			return err_set(e, 0, "'%s' is in the layer twice", i->path);
		if (check_parent(l, i, e) < 0 || check_link(l, i, e) < 0)
			return -1;
	}
	return 0;
}

static void set_times(struct layer *l, const struct vmresult_form *form)
{
	for (size_t n = 0; n < l->n; n++) {
		struct item *i = &l->items[n];
		if (is_whiteout(i->path) ||
		    (form->before && !vmtimes_has(form->before, i->path, i->tar.mtime)))
			i->tar.mtime = form->mtime;
	}
}

/* --- writing --- */

static uint64_t measure(const struct layer *l)
{
	AUTO_BUF struct buf header = { 0 };
	uint64_t size = 0;
	for (size_t n = 0; n < l->n; n++) {
		buf_clear(&header);
		tar_header(&header, &l->items[n].tar);
		size += header.len + l->items[n].tar.size + tar_padding(l->items[n].tar.size);
	}
	return size + tar_trailer(size);
}

static int emit_item(const struct layer *l, const struct item *i, struct buf *header, struct out *o,
		     struct err *e)
{
	buf_clear(header);
	tar_header(header, &i->tar);
	if (out_write(o, header->s, header->len, e) < 0)
		return -1;
	if (i->tar.size && spool_copy(l->fd, i->offset, i->tar.size, o, e) < 0)
		return -1;
	return out_write(o, tar_zeros, tar_padding(i->tar.size), e);
}

static int emit(const struct layer *l, struct out *o, struct err *e)
{
	AUTO_BUF struct buf header = { 0 };
	uint64_t start = o->written;
	for (size_t n = 0; n < l->n; n++)
		if (emit_item(l, &l->items[n], &header, o, e) < 0)
			return -1;
	return out_write(o, tar_zeros, tar_trailer(o->written - start), e);
}

static int find_diffid(const struct layer *l, char diffid[DIGEST_HEX_LEN + 1], struct err *e)
{
	AUTO_DIGEST struct digest *d = digest_new();
	struct out o;
	out_init_digest(&o, d);
	int r = emit(l, &o, e);
	if (r == 0)
		r = out_flush(&o, e);
	if (r == 0)
		digest_hex(d, diffid);
	out_drop(&o);
	return r;
}

static int write_layer(const struct layer *l, const struct vmresult_form *form, struct out *o,
		       struct err *e)
{
	struct layerwrite w;
	struct layerwrite_member member = { .size = measure(l),
					    .mtime = form->mtime,
					    .comment = form->comment };
	if (find_diffid(l, member.diffid, e) < 0)
		return -1;
	memcpy(member.key, member.diffid, sizeof member.key);
	if (layerwrite_begin(&w, o, 1, e) < 0 || layerwrite_member(&w, &member, e) < 0 ||
	    emit(l, o, e) < 0)
		return -1;
	return layerwrite_end(&w, e);
}

int vmresult_write(int fd, uint64_t size, const struct vmresult_form *form, struct out *o,
		   struct err *e)
{
	struct source_part part;
	source_part(&part, fd, "the guest's layer", 0, size);
	AUTO_TARREAD struct tarread *tar = tarread_from(&part.source);
	struct layer l = { .fd = fd, .tar = tar };
	int r = read_items(&l, e);
	if (r == 0 && (r = check_items(&l, e)) < 0)
		err_wrap(e, "the guest's layer");
	if (r == 0) {
		set_times(&l, form);
		r = write_layer(&l, form, o, e);
	}
	free(l.items);
	free(l.xattrs);
	intern_free(&l.strings);
	return r;
}
