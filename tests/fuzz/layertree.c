/* SPDX-License-Identifier: MIT */
#include "layer/layertree.h"

#include <string.h>

#include "layers.h"

/* What came of the layers, as one layer, and all that is known of it. */
struct seen {
	struct buf last; /* path of the entry before */
	struct buf tar;
	struct buf listing;
};

static int see(const struct layertree_entry *x, void *context, struct err *e)
{
	struct seen *s = context;
	const struct tar_entry *t = &x->tar;
	(void)e;
	if (!s->last.s && strcmp(x->path, ".") != 0)
		abort();
	if (s->last.len && mtree_compare(s->last.s, x->path) >= 0)
		abort(); /* not in order, or twice */
	if (strncmp(t->name, "./", 2) != 0 || strstr(t->name, "//") || strstr(t->name, "/../"))
		abort();
	if (t->type == TAR_HARDLINK && mtree_compare(t->link + 2, x->path) >= 0)
		abort(); /* not behind its target */
	buf_clear(&s->last);
	buf_adds(&s->last, strcmp(x->path, ".") == 0 ? "" : x->path);
	size_t from = s->tar.len;
	tar_header(&s->tar, t);
	buf_add(&s->listing, s->tar.s + from, s->tar.len - from);
	char *room = buf_extend(&s->tar, t->size + tar_padding(t->size));
	memset(room, 0, t->size + tar_padding(t->size));
	return 0;
}

static struct seen look(const struct layertree *t)
{
	struct seen s = { 0 };
	struct err e = { 0 };
	if (layertree_each(t, see, &s, &e) < 0)
		abort();
	buf_free(&s.last);
	return s;
}

/* The tree is in order and whole, and as a layer of its own it makes the same tree. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	AUTO_LAYERTREE struct layertree *t = layertree_new(), *again = layertree_new();
	AUTO_BUF struct buf all = { 0 };
	if (layers_add(t, (const char *)data, size, &all) < 0)
		return 0;
	struct seen first = look(t);
	if (layers_add_tar(again, &first.tar, &all) < 0)
		abort();
	struct seen second = look(again);
	if (first.listing.len != second.listing.len ||
	    memcmp(first.listing.s, second.listing.s, first.listing.len) != 0)
		abort();
	buf_free(&first.tar);
	buf_free(&first.listing);
	buf_free(&second.tar);
	buf_free(&second.listing);
	return 0;
}
