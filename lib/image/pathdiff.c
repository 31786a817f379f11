/* SPDX-License-Identifier: MIT */
#include "image/pathdiff.h"

#include <inttypes.h>
#include <stdbool.h>
#include <string.h>

#include "base/esc.h"
#include "base/humansize.h"
#include "closure/storepath.h"
#include "image/imagediff.h"
#include "layer/mtree.h"
#include "tar/tarread.h"

static const char *const statuses[] = { "added", "removed", "changed" };

/* What layers hold at a path. */
struct entry {
	char *path;
	size_t order; /* a later one of the same path lies on top */
	uint64_t size;
	unsigned char digest[DIGEST_LEN]; /* of all that counts */
	bool dir;
};

struct entries {
	struct entry *list;
	size_t n, cap;
};

static void entries_free(struct entries *s)
{
	for (size_t i = 0; i < s->n; i++)
		free(s->list[i].path);
	free(s->list);
}
#define AUTO_ENTRIES __attribute__((cleanup(entries_free)))

/* --- reading layers --- */

static bool is_store_path(const struct entry *n)
{
	return *n->path == '/';
}

/* One more file of a store path, in whatever order they come. */
static void join(struct entry *to, const struct entry *from)
{
	to->size += from->size;
	for (size_t i = 0; i < DIGEST_LEN; i++)
		to->digest[i] ^= from->digest[i];
}

/* Takes the entry's path. */
static void add(struct entries *s, const struct entry *n)
{
	struct entry *last = s->n ? &s->list[s->n - 1] : NULL;
	if (last && is_store_path(n) && strcmp(last->path, n->path) == 0) {
		join(last, n);
		free(n->path);
		return;
	}
	s->list = mem_grow(s->list, &s->cap, s->n + 1, sizeof *s->list);
	s->list[s->n] = *n;
	s->list[s->n].order = s->n;
	s->n++;
}

/* Its header, as this project writes it, says all but the contents. */
static void digest_header(struct digest *d, const struct tar_entry *t)
{
	AUTO_BUF struct buf header = { 0 };
	struct tar_entry copy = *t;
	if (t->type == TAR_DIR)
		copy.mtime = copy.mtime_nsec = 0;
	copy.records = NULL;
	tar_header(&header, &copy);
	digest_add(d, header.s, header.len);
}

static int add_entry(struct entries *s, struct tarread *r, struct digest *d, struct err *e)
{
	const struct tar_entry *t = tarread_entry(r);
	struct entry n = { .size = t->size, .dir = t->type == TAR_DIR };
	const void *data;
	size_t len;
	AUTO_FREE char *path = layersummary_name(t->name);
	digest_header(d, t);
	do {
		if (tarread_data(r, &data, &len, e) < 0)
			return -1;
		digest_add(d, data, len);
	} while (len);
	digest_raw(d, n.digest);
	n.path = STEAL(path);
	add(s, &n);
	return 0;
}

static int add_layer(struct entries *s, const struct imagesummary *about, size_t layer,
		     struct err *e)
{
	AUTO_IMAGE_READER struct image_reader *reader = NULL;
	AUTO_DIGEST struct digest *d = digest_new();
	enum tarread_event event = TARREAD_END;
	if (imagesummary_open_layer(about, layer, &reader, e) < 0)
		return -1;
	AUTO_TARREAD struct tarread *r = tarread_from(image_layer_source(reader));
	tarread_sparse(r);
	do {
		if (tarread_next(r, &event, e) < 0)
			return -1;
		if (event == TARREAD_ENTRY && add_entry(s, r, d, e) < 0)
			return -1;
	} while (event != TARREAD_EOF && event != TARREAD_END);
	return source_drain(image_layer_source(reader), e);
}

static int compare_entries(const void *a, const void *b)
{
	const struct entry *x = a, *y = b;
	int r = mtree_compare(x->path, y->path);
	return r ? r : (x->order > y->order) - (x->order < y->order);
}

/* Sorts them, each path once. */
static void settle(struct entries *s)
{
	size_t n = 0;
	if (s->n)
		qsort(s->list, s->n, sizeof *s->list, compare_entries);
	for (size_t i = 0; i < s->n; i++) {
		struct entry *last = n ? &s->list[n - 1] : NULL;
		if (!last || strcmp(last->path, s->list[i].path) != 0) {
			s->list[n++] = s->list[i];
			continue;
		}
		if (is_store_path(last))
			join(&s->list[i], last);
		free(last->path);
		*last = s->list[i];
	}
	s->n = n;
}

/* --- comparing --- */

static bool is_within(const char *path, const char *dir)
{
	size_t len = strlen(dir);
	return strncmp(path, dir, len) == 0 && path[len] == '/';
}

/* A directory that was added or removed is told by what is in it. */
struct making {
	struct pathdiff *d;
	bool dir; /* the last line is such a directory */
};

static void line(struct making *m, enum pathdiff_status status, const struct entry *a,
		 const struct entry *b)
{
	struct pathdiff *d = m->d;
	const struct entry *n = b ? b : a;
	if (m->dir && d->lines[d->n - 1].status == status &&
	    is_within(n->path, d->lines[d->n - 1].path))
		free(d->lines[--d->n].path);
	d->lines = mem_grow(d->lines, &d->cap, d->n + 1, sizeof *d->lines);
	d->lines[d->n++] = (struct pathdiff_line){ status, xstrdup(n->path), a ? a->size : 0,
						   b ? b->size : 0 };
	m->dir = n->dir && status != PATHDIFF_CHANGED;
}

static void compare(const struct entries *a, const struct entries *b, struct pathdiff *d)
{
	struct making m = { .d = d };
	for (size_t i = 0, j = 0; i < a->n || j < b->n;) {
		const struct entry *x = i < a->n ? &a->list[i] : NULL;
		const struct entry *y = j < b->n ? &b->list[j] : NULL;
		int order = !x ? 1 : !y ? -1 : mtree_compare(x->path, y->path);
		if (order < 0)
			line(&m, PATHDIFF_REMOVED, x, NULL);
		else if (order > 0)
			line(&m, PATHDIFF_ADDED, NULL, y);
		else if (memcmp(x->digest, y->digest, DIGEST_LEN) != 0)
			line(&m, PATHDIFF_CHANGED, x, y);
		i += order <= 0;
		j += order >= 0;
	}
}

int pathdiff_make(const struct imagesummary *a, const struct imagesummary *b, struct pathdiff *d,
		  struct err *e)
{
	AUTO_IMAGEDIFF struct imagediff diff = imagesummary_diff(a, b);
	AUTO_ENTRIES struct entries old = { 0 }, new = { 0 };
	for (size_t i = 0; i < diff.n; i++) {
		const struct imagediff_line *l = &diff.lines[i];
		if ((l->status == IMAGEDIFF_REMOVED && add_layer(&old, a, l->a - 1, e) < 0) ||
		    (l->status == IMAGEDIFF_ADDED && add_layer(&new, b, l->b - 1, e) < 0))
			return -1;
	}
	settle(&old);
	settle(&new);
	*d = (struct pathdiff){ .a = a, .b = b };
	compare(&old, &new, d);
	return 0;
}

void pathdiff_free(struct pathdiff *d)
{
	for (size_t i = 0; i < d->n; i++)
		free(d->lines[i].path);
	free(d->lines);
}

/* --- writing --- */

static void tsv_size(struct buf *b, uint64_t size, bool there)
{
	if (there)
		buf_addf(b, "\t%" PRIu64, size);
	else
		buf_adds(b, "\t-");
}

void pathdiff_tsv(const struct pathdiff *d, struct buf *b)
{
	for (size_t i = 0; i < d->n; i++) {
		const struct pathdiff_line *l = &d->lines[i];
		buf_addf(b, "%s\t", statuses[l->status]);
		esc_field(b, l->path, strlen(l->path));
		tsv_size(b, l->a, l->status != PATHDIFF_ADDED);
		tsv_size(b, l->b, l->status != PATHDIFF_REMOVED);
		buf_addc(b, '\n');
	}
}

void pathdiff_text(const struct pathdiff *d, struct buf *b)
{
	imagesummary_title(d->a, "A", b);
	imagesummary_title(d->b, "B", b);
	buf_addf(b, "\n%-8s%10s%10s  path\n", "", "A", "B");
	for (size_t i = 0; i < d->n; i++) {
		const struct pathdiff_line *l = &d->lines[i];
		const char *path = *l->path == '/' ? storepath_name(l->path) : l->path;
		buf_addf(b, "%-8s", statuses[l->status]);
		humansize_column(b, l->a, l->status != PATHDIFF_ADDED);
		humansize_column(b, l->b, l->status != PATHDIFF_REMOVED);
		buf_adds(b, "  ");
		esc_message(b, path, strlen(path));
		buf_addc(b, '\n');
	}
}
