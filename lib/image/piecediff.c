/* SPDX-License-Identifier: MIT */
#include "image/piecediff.h"

#include <string.h>

#include "base/intern.h"
#include "base/num.h"

/* Digests, to be sorted once all are there. */
struct digests {
	unsigned char (*list)[DIGEST_LEN];
	size_t n, cap;
};

static int compare(const void *a, const void *b)
{
	return memcmp(a, b, DIGEST_LEN);
}

static void add(struct digests *d, const unsigned char digest[DIGEST_LEN])
{
	d->list = mem_grow(d->list, &d->cap, d->n + 1, sizeof *d->list);
	memcpy(d->list[d->n++], digest, DIGEST_LEN);
}

static void sort(struct digests *d)
{
	if (d->n)
		qsort(d->list, d->n, sizeof *d->list, compare);
}

static bool has(const struct digests *d, const unsigned char digest[DIGEST_LEN])
{
	return d->n && bsearch(digest, d->list, d->n, sizeof *d->list, compare);
}

/* What the client has, by digest. */
struct had {
	struct digests files, pieces;
};

static int add_file(void *context, const struct zstdtocread_file *f, struct err *e)
{
	struct had *had = context;
	(void)e;
	add(&had->files, f->digest);
	for (size_t i = 0; f->n > 1 && i < f->n; i++)
		add(&had->pieces, f->pieces[i].digest);
	return 0;
}

/* A layer that is there several times is read once. */
static int read_layers(const struct imagesummary *a, struct intern *blobs, struct had *had,
		       struct err *e)
{
	uint64_t length;
	for (size_t i = 0; i < a->n; i++) {
		const char *blob = a->layers[i].digest;
		uint32_t before = blobs->n;
		if (!imagesummary_has_table(a, i) || intern_add(blobs, blob, strlen(blob)) < before)
			continue;
		if (imagesummary_pieces(a, i, add_file, had, &length, e) < 0)
			return -1;
	}
	return 0;
}

static int read_had(const struct imagesummary *a, struct had *had, struct err *e)
{
	struct intern blobs = { 0 };
	int status = read_layers(a, &blobs, had, e);
	intern_free(&blobs);
	sort(&had->files);
	sort(&had->pieces);
	return status;
}

/* A layer of B, while its table is read. */
struct counting {
	const struct had *had;
	struct piecediff_layer *layer;
};

static int count_file(void *context, const struct zstdtocread_file *f, struct err *e)
{
	struct counting *c = context;
	const struct had *had = c->had;
	(void)e;
	if (has(&had->files, f->digest))
		return 0;
	for (size_t i = 0; i < f->n; i++) {
		const struct zstdtocread_piece *p = &f->pieces[i];
		if (p->zeros || has(&had->pieces, p->digest) || has(&had->files, p->digest))
			continue;
		c->layer->pieces++;
		c->layer->size = num_plus(c->layer->size, p->size);
		c->layer->stored += p->end - p->begin;
	}
	return 0;
}

static int count_layer(const struct had *had, const struct imagesummary *b, size_t layer,
		       struct piecediff_layer *l, struct err *e)
{
	struct counting c = { had, l };
	uint64_t length = b->layers[layer].stored;
	l->table = imagesummary_has_table(b, layer);
	if (l->table && imagesummary_pieces(b, layer, count_file, &c, &length, e) < 0)
		return -1;
	l->stored += length;
	return 0;
}

static int count_all(const struct had *had, const struct imagesummary *b,
		     const struct imagediff *diff, struct piecediff *p, struct err *e)
{
	for (size_t i = 0; i < diff->n; i++) {
		const struct imagediff_line *l = &diff->lines[i];
		if (l->by_layer && count_layer(had, b, l->b - 1, &p->layers[l->b - 1], e) < 0)
			return -1;
	}
	return 0;
}

int piecediff_make(struct imagesummary *a, struct imagesummary *b, const struct imagediff *diff,
		   struct piecediff *p, struct err *e)
{
	struct had had = { .files = { .n = 0 } };
	struct piecediff made = { xcalloc(b->n, sizeof *made.layers) };
	int status = 0;
	if (imagesummary_find_tables(a, e) < 0 || imagesummary_find_tables(b, e) < 0)
		status = -1;
	if (status == 0 && (status = read_had(a, &had, e)) == 0)
		status = count_all(&had, b, diff, &made, e);
	free(had.files.list);
	free(had.pieces.list);
	if (status < 0)
		piecediff_free(&made);
	else
		*p = made;
	return status;
}

void piecediff_free(struct piecediff *p)
{
	free(p->layers);
	p->layers = NULL;
}
