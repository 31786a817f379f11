/* SPDX-License-Identifier: MIT */
#include "image/diffreport.h"

#include <inttypes.h>
#include <string.h>

#include "base/esc.h"
#include "base/humansize.h"
#include "base/num.h"
#include "closure/storepath.h"

enum { WHAT_WIDTH = 32 }; /* so that a line has 80 columns at most */

static const char *const statuses[] = { "shared", "added", "removed" };

/* What is known of a layer, from both images. */
struct layer {
	const struct imagediff_line *line;
	const struct imagesummary_layer *a, *b; /* in each image, or NULL */
	const char *diffid;
	const char *history; /* NULL: none */
	uint64_t stored, size;
	const struct imagesummary_layer *read; /* where it is known what it holds, or NULL */
	bool by_blob;                          /* whether a registry that has A gets its blob */
	const struct piecediff_layer *pieces;  /* what of B a client pulls by pieces, or NULL */
};

static const struct imagesummary_layer *layer_of(const struct imagesummary *about, size_t place)
{
	return place ? &about->layers[place - 1] : NULL;
}

/* By what a registry knows the layer. */
static const char *blob_of(const struct imagesummary_layer *l)
{
	return l->digest ? l->digest : l->diffid;
}

static bool has_blob(const struct imagesummary *about, size_t n, const char *blob)
{
	for (size_t i = 0; i < n; i++)
		if (strcmp(blob_of(&about->layers[i]), blob) == 0)
			return true;
	return false;
}

/* Whether B's layer in that place has a blob that neither A has nor a layer below. */
static bool is_new_blob(const struct diffreport *r, size_t place)
{
	if (!place)
		return false;
	const char *blob = blob_of(&r->b->layers[place - 1]);
	return !has_blob(r->a, r->a->n, blob) && !has_blob(r->b, place - 1, blob);
}

/* A layer that both have is told of as it is in B, and from A what is not known there. */
static struct layer look_up(const struct diffreport *r, size_t n)
{
	const struct imagediff_line *line = &r->diff.lines[n];
	const struct imagesummary_layer *a = layer_of(r->a, line->a), *b = layer_of(r->b, line->b);
	const struct imagesummary_layer *first = b ? b : a, *second = a ? a : b;
	return (struct layer){
		.line = line,
		.a = a,
		.b = b,
		.diffid = first->diffid,
		.history = first->history ? first->history : second->history,
		.stored = first->stored,
		.size = first->size ? first->size : second->size,
		.read = first->read    ? first
			: second->read ? second
				       : NULL,
		.by_blob = is_new_blob(r, line->b),
		.pieces = line->b && r->pieces.layers ? &r->pieces.layers[line->b - 1] : NULL,
	};
}

/* --- making it --- */

static int read_layer(const struct imagediff_line *line, struct imagesummary *a,
		      struct imagesummary *b, struct err *e)
{
	if (line->b && imagesummary_read(b, line->b - 1, e) < 0)
		return -1;
	if (!line->a || (line->b && b->layers[line->b - 1].read))
		return 0;
	return imagesummary_read(a, line->a - 1, e);
}

int diffreport_make(struct imagesummary *a, struct imagesummary *b, bool pieces,
		    struct diffreport *r, struct err *e)
{
	struct diffreport made = { .a = a, .b = b, .diff = imagesummary_diff(a, b) };
	int status = pieces ? piecediff_make(a, b, &made.diff, &made.pieces, e) : 0;
	for (size_t i = 0; status == 0 && i < made.diff.n; i++)
		status = read_layer(&made.diff.lines[i], a, b, e);
	if (status < 0)
		diffreport_free(&made);
	else
		*r = made;
	return status;
}

void diffreport_free(struct diffreport *r)
{
	imagediff_free(&r->diff);
	piecediff_free(&r->pieces);
}

/* --- for scripts --- */

static void tsv_place(struct buf *b, size_t place)
{
	if (place)
		buf_addf(b, "%zu\t", place);
	else
		buf_adds(b, "-\t");
}

/* A space in a name is \x20, so that the names are what spaces separate. */
static void tsv_name(struct buf *b, const char *name)
{
	for (;;) {
		size_t len = strcspn(name, " ");
		if (len)
			esc_field(b, name, len);
		if (!name[len])
			return;
		buf_adds(b, "\\x20");
		name += len + 1;
	}
}

static void tsv_names(struct buf *b, const struct layersummary *holds)
{
	if (!holds->n)
		buf_adds(b, holds->more ? "..." : "\\e");
	for (size_t i = 0; i < holds->n; i++) {
		if (i)
			buf_addc(b, ' ');
		tsv_name(b, holds->names[i]);
	}
	if (holds->n && holds->more)
		buf_adds(b, " ...");
}

/* How many bytes are pulled, and of how many pieces. */
static void tsv_pieces(struct buf *b, const struct layer *l)
{
	static const struct piecediff_layer none = { .table = true };
	const struct piecediff_layer *p = l->line->by_layer ? l->pieces : &none;
	buf_addf(b, "\t%" PRIu64 "\t", p->stored);
	if (p->table)
		buf_addf(b, "%" PRIu64, p->pieces);
	else
		buf_addc(b, '-');
}

static void tsv_layer(struct buf *b, const struct layer *l, bool pieces)
{
	buf_addf(b, "%s\t%s\tsha256:%s\t", statuses[l->line->status], l->diffid, l->line->chain);
	tsv_place(b, l->line->a);
	tsv_place(b, l->line->b);
	if (l->size)
		buf_addf(b, "%" PRIu64 "\t", l->size);
	else
		buf_adds(b, "-\t");
	buf_addf(b, "%" PRIu64 "\t%" PRIu64 "\t%" PRIu64 "\t", l->stored,
		 l->line->by_layer ? l->stored : 0, l->line->by_chain ? l->stored : 0);
	if (l->history)
		esc_field(b, l->history, strlen(l->history));
	else
		buf_addc(b, '-');
	if (l->read) {
		buf_addf(b, "\t%" PRIu64 "\t", l->read->holds.entries);
		tsv_names(b, &l->read->holds);
	} else {
		buf_adds(b, "\t-\t-");
	}
	buf_addf(b, "\t%" PRIu64, l->by_blob ? l->stored : 0);
	if (pieces)
		tsv_pieces(b, l);
	buf_addc(b, '\n');
}

void diffreport_tsv(const struct diffreport *r, struct buf *b)
{
	for (size_t i = 0; i < r->diff.n; i++) {
		struct layer l = look_up(r, i);
		tsv_layer(b, &l, r->pieces.layers != NULL);
	}
}

/* --- for people --- */

/* The text without the directories and hashes of store paths in it. */
static void cut_hashes(struct buf *b, const char *text)
{
	static const char store[] = "/nix/store/";
	const char *path;
	for (; (path = strstr(text, store)); text = path) {
		buf_add(b, text, (size_t)(path - text));
		path += sizeof store - 1;
		if (strcspn(path, "-/ ") == STOREPATH_HASH_LEN && path[STOREPATH_HASH_LEN] == '-')
			path += STOREPATH_HASH_LEN + 1;
		else
			buf_adds(b, store);
	}
	buf_adds(b, text);
}

/* Ends the text that was added since start where the column does. */
static void cut_width(struct buf *b, size_t start)
{
	size_t width = 0;
	for (size_t i = start; i < b->len; i += esc_utf8(b->s + i, b->len - i))
		if (++width == WHAT_WIDTH) {
			b->len = i;
			buf_adds(b, "…");
		}
}

static void join_names(struct buf *b, const struct layersummary *holds)
{
	for (size_t i = 0; i < holds->n; i++)
		buf_addf(b, "%s%s", i ? ", " : "", holds->names[i]);
	if (holds->more)
		buf_adds(b, holds->n ? ", …" : "…");
}

/* What most helps to know a layer: its store paths, else its history, else its first names. */
static void text_what(struct buf *b, const struct layer *l)
{
	AUTO_BUF struct buf all = { 0 }, what = { 0 };
	const struct layersummary *holds = l->read ? &l->read->holds : NULL;
	size_t start = b->len;
	buf_adds(&all, "");
	if (l->history && !(holds && holds->n && *holds->names[0] == '/'))
		buf_adds(&all, l->history);
	else if (holds)
		join_names(&all, holds);
	cut_hashes(&what, all.s);
	esc_message(b, what.s, what.len);
	cut_width(b, start);
}

static void column(struct buf *b, const char *text, int width)
{
	buf_addf(b, "%*s", width, text);
}

static void column_number(struct buf *b, uint64_t number, int width)
{
	if (number)
		buf_addf(b, "%*" PRIu64, width, number);
	else
		column(b, "-", width);
}

static void text_layer(struct buf *b, const struct layer *l)
{
	bool again = l->line->by_chain && !l->line->by_layer;
	buf_addf(b, "%-7s%c", statuses[l->line->status], again ? '*' : ' ');
	column_number(b, l->line->a, 4);
	column_number(b, l->line->b, 5);
	humansize_column(b, l->size, l->size);
	humansize_column(b, l->stored, l->stored);
	if (l->read)
		buf_addf(b, "%9" PRIu64 "  ", l->read->holds.entries);
	else
		buf_addf(b, "%9s  ", "-");
	text_what(b, l);
	while (b->s[b->len - 1] == ' ')
		b->len--;
	buf_addc(b, '\n');
}

/* Layers together. */
struct sum {
	size_t n;
	uint64_t size, stored;
};

static void sum_add(struct sum *s, uint64_t size, uint64_t stored)
{
	s->n++;
	s->size = num_plus(s->size, size ? size : UINT64_MAX);
	s->stored = num_plus(s->stored, stored);
}

/* A sum that is not known, or too large, is UINT64_MAX. */
static void column_sum(struct buf *b, uint64_t bytes)
{
	size_t start = b->len;
	if (bytes == UINT64_MAX)
		buf_addc(b, '-');
	else
		humansize_bytes(b, bytes);
	humansize_pad(b, start, 10);
}

static void text_sum(struct buf *b, const char *what, const struct sum *s)
{
	buf_addf(b, "%-17s%4zu  ", what, s->n);
	column_sum(b, s->size);
	column_sum(b, s->stored);
	buf_addc(b, '\n');
}

struct sums {
	struct sum a, b, by_status[3], by_layer, by_chain, by_blob, by_pieces;
	size_t whole; /* so many of by_pieces have no table */
};

static void sums_add_pieces(struct sums *s, const struct layer *l)
{
	struct sum *to = &s->by_pieces;
	to->n++;
	to->size = num_plus(to->size, l->pieces->table ? l->pieces->size
				      : l->size        ? l->size
						       : UINT64_MAX);
	to->stored = num_plus(to->stored, l->pieces->stored);
	s->whole += !l->pieces->table;
}

static void sums_add(struct sums *s, const struct layer *l)
{
	if (l->a)
		sum_add(&s->a, l->size, l->a->stored);
	if (l->b)
		sum_add(&s->b, l->size, l->b->stored);
	sum_add(&s->by_status[l->line->status], l->size, l->stored);
	if (l->line->by_layer)
		sum_add(&s->by_layer, l->size, l->stored);
	if (l->line->by_chain)
		sum_add(&s->by_chain, l->size, l->stored);
	if (l->by_blob)
		sum_add(&s->by_blob, l->size, l->stored);
	if (l->line->by_layer && l->pieces)
		sums_add_pieces(s, l);
}

static void text_sums(struct buf *b, const struct sums *s, bool pieces)
{
	buf_addf(b, "\n%-15s%6s  %10s%10s\n", "", "layers", "size", "stored");
	text_sum(b, "A", &s->a);
	text_sum(b, "B", &s->b);
	for (size_t i = 0; i < sizeof statuses / sizeof *statuses; i++)
		text_sum(b, statuses[i], &s->by_status[i]);
	text_sum(b, "pull by layer", &s->by_layer);
	text_sum(b, "pull by chain ID", &s->by_chain);
	if (pieces)
		text_sum(b, "pull by pieces", &s->by_pieces);
	if (s->by_blob.n != s->by_layer.n)
		text_sum(b, "push by blob", &s->by_blob);
}

void diffreport_text(const struct diffreport *r, struct buf *b)
{
	struct sums sums = { 0 };
	imagesummary_title(r->a, "A", b);
	imagesummary_title(r->b, "B", b);
	buf_addf(b, "\n%-8s%4s%5s%10s%10s%9s  what it holds\n", "", "A", "B", "size", "stored",
		 "entries");
	for (size_t i = 0; i < r->diff.n; i++) {
		struct layer l = look_up(r, i);
		text_layer(b, &l);
		sums_add(&sums, &l);
	}
	text_sums(b, &sums, r->pieces.layers != NULL);
	if (sums.by_chain.n > sums.by_layer.n)
		buf_adds(b, "\n* is pulled by chain ID only: something below it is not equal\n");
	if (sums.by_blob.n > sums.by_layer.n)
		buf_adds(b,
			 "\nSome shared layers are compressed otherwise in B: a registry gets them "
			 "again\n");
	if (sums.whole)
		buf_addf(b, "\nPulled whole, as they have no table of pieces: %zu of %zu layers\n",
			 sums.whole, sums.by_pieces.n);
}
