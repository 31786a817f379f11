/* SPDX-License-Identifier: MIT */
#include <inttypes.h>
#include <string.h>

#include "base/esc.h"
#include "closure/narsize.h"
#include "closure/storepath.h"
#include "image/imagelayers.h"
#include "layer/layertree.h"

static int add_layer(const struct image *i, size_t layer, struct layertree *t, struct err *e)
{
	AUTO_IMAGE_READER struct image_reader *r = NULL;
	if (image_layer_open(i, layer, &r, e) < 0)
		return -1;
	return layertree_add(t, image_layer_source(r), 0, e);
}

static int read_tree(const struct image *i, struct layertree **tree, struct err *e)
{
	AUTO_LAYERTREE struct layertree *t = layertree_new();
	for (size_t k = 0; k < i->nlayers; k++)
		if (add_layer(i, k, t, e) < 0)
			return -1;
	*tree = STEAL(t);
	return 0;
}

/* --- store paths --- */

/* The walk through the tree, from store path to store path. */
struct finder {
	const char *store_dir;
	struct out *out;
	struct buf path; /* the current store path; empty where there is none */
	uint64_t size;   /* of its archive so far */
	bool special;    /* something in it has no form in an archive */
};

static int finish_path(struct finder *f, struct err *e)
{
	AUTO_BUF struct buf line = { 0 };
	bool found = f->path.len && !f->special;
	if (found) {
		esc_field(&line, f->path.s, f->path.len);
		buf_addf(&line, "\t%" PRIu64 "\n", f->size);
	}
	buf_clear(&f->path);
	return found ? out_write(f->out, line.s, line.len, e) : 0;
}

static void add_node(struct finder *f, const struct tar_entry *t)
{
	if (t->type == TAR_DIR)
		f->size += narsize_directory();
	else if (t->type == TAR_FILE)
		f->size += narsize_file(t->size, t->mode & 0100);
	else if (t->type == TAR_SYMLINK)
		f->size += narsize_symlink(strlen(t->link));
	else
		f->special = true;
}

static bool is_store_path(const struct finder *f, const char *path)
{
	struct err ignored = { 0 };
	bool is = storepath_check(path, f->store_dir, &ignored) == 0;
	err_clear(&ignored);
	return is;
}

static int visit(const struct layertree_entry *entry, void *context, struct err *e)
{
	struct finder *f = context;
	AUTO_FREE char *path = xasprintf("/%s", entry->path);
	size_t len = f->path.len;
	if (len && strncmp(path, f->path.s, len) == 0 && path[len] == '/') {
		f->size += narsize_entry(strlen(strrchr(path, '/') + 1));
		add_node(f, &entry->tar);
		return 0;
	}
	if (finish_path(f, e) < 0)
		return -1;
	if (is_store_path(f, path)) {
		buf_adds(&f->path, path);
		f->size = narsize_archive();
		f->special = false;
		add_node(f, &entry->tar);
	}
	return 0;
}

static int write_store_paths(const struct layertree *t, const char *store_dir, struct out *o,
			     struct err *e)
{
	struct finder f = { .store_dir = store_dir, .out = o };
	int status = layertree_each_name(t, visit, &f, e);
	if (status == 0)
		status = finish_path(&f, e);
	buf_free(&f.path);
	return status;
}

int imagelayers_tree(const struct image *i, struct out *files, struct out *store_paths,
		     const char *store_dir, struct err *e)
{
	AUTO_LAYERTREE struct layertree *t = NULL;
	if (read_tree(i, &t, e) < 0 || (files && layertree_mtree(t, files, e) < 0))
		return -1;
	return store_paths ? write_store_paths(t, store_dir, store_paths, e) : 0;
}
