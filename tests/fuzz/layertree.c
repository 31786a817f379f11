/* SPDX-License-Identifier: MIT */
#include "layertree.h"

#include <string.h>

#include "fuzz.h"

/*
 * The input is lines. An empty one begins the next layer; any other one is an entry, whose first
 * byte says what it is: a file (f), directory (d), symbolic link (s), hard link (h) or something
 * else (c). The name follows, and behind a tab the target.
 */
static void add_entry(struct buf *tar, const char *line, size_t len)
{
	static const char kinds[] = "fhscbd";
	AUTO_FREE char *name = xstrndup(line + 1, len - 1);
	char *tab = strchr(name, '\t');
	const char *kind = memchr(kinds, line[0], sizeof kinds - 1);
	struct tar_xattr xattr = { "user.x", name, strlen(name) };
	if (tab)
		*tab = '\0';
	struct tar_entry t = { .type = TAR_FIFO,
			       .name = name,
			       .link = tab ? tab + 1 : "",
			       .uname = "u",
			       .gname = "g",
			       .mode = (unsigned)len & 07777,
			       .mtime = (int64_t)len - 5,
			       .mtime_nsec = len % 3 ? 0 : 10,
			       .xattrs = &xattr,
			       .nxattrs = len % 2 };
	if (kind)
		t.type = (enum tar_type)(TAR_FILE + (kind - kinds));
	t.size = t.type == TAR_FILE ? len : 0;
	if (*name)
		tar_header(tar, &t);
	if (*name && t.size) {
		buf_add(tar, line, len);
		buf_add(tar, tar_zeros, tar_padding(len));
	}
}

static int add_layer(struct layertree *t, struct buf *tar)
{
	struct err e = { 0 };
	struct source_fd s;
	buf_add(tar, tar_zeros, (size_t)2 * TAR_BLOCK);
	AUTO_CLOSE int fd = fuzz_fd(tar->s, tar->len);
	source_fd(&s, fd, "<fuzz>");
	int status = layertree_add(t, &s.source, 0, &e);
	if ((status < 0) != (e.msg != NULL))
		abort();
	err_clear(&e);
	buf_clear(tar);
	return status;
}

static int add_layers(struct layertree *t, const char *data, size_t size)
{
	AUTO_BUF struct buf tar = { 0 };
	for (const char *end; size; data = end + 1) {
		end = memchr(data, '\n', size);
		if (!end)
			return add_layer(t, &tar);
		size_t len = (size_t)(end - data);
		if (len && !memchr(data, 0, len))
			add_entry(&tar, data, len);
		else if (add_layer(t, &tar) < 0)
			return -1;
		size -= len + 1;
	}
	return add_layer(t, &tar);
}

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
	if (size > 4096 || add_layers(t, (const char *)data, size) < 0)
		return 0;
	struct seen first = look(t);
	if (add_layer(again, &first.tar) < 0)
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
