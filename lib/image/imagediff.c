/* SPDX-License-Identifier: MIT */
#include "image/imagediff.h"

#include <stdio.h>
#include <string.h>

#include "base/intern.h"

enum { NONE = 0 };

/* The layers of one image. */
struct side {
	const char *const *diffids;
	size_t n;
	uint32_t *numbers;                  /* of the diff IDs; owned */
	char (*chains)[DIGEST_HEX_LEN + 1]; /* owned */
	size_t *peers;                      /* places in the other image, from 1, or NONE; owned */
};

static void add_text(struct digest *d, const char *s)
{
	digest_add(d, s, strlen(s));
}

/* The diff ID without its "sha256:". */
static const char *hex(const char *diffid)
{
	const char *colon = strchr(diffid, ':');
	return colon ? colon + 1 : diffid;
}

static void make_chains(struct side *s)
{
	AUTO_DIGEST struct digest *d = digest_new();
	for (size_t i = 0; i < s->n; i++) {
		if (i == 0) {
			snprintf(s->chains[i], sizeof s->chains[i], "%s", hex(s->diffids[i]));
			continue;
		}
		add_text(d, "sha256:");
		add_text(d, s->chains[i - 1]);
		add_text(d, " ");
		add_text(d, s->diffids[i]);
		digest_hex(d, s->chains[i]);
	}
}

static struct side make_side(const char *const *diffids, size_t n, struct intern *numbers)
{
	struct side s = { .diffids = diffids,
			  .n = n,
			  .numbers = xcalloc(n, sizeof *s.numbers),
			  .chains = xcalloc(n, sizeof *s.chains),
			  .peers = xcalloc(n, sizeof *s.peers) };
	for (size_t i = 0; i < n; i++)
		s.numbers[i] = intern_add(numbers, diffids[i], strlen(diffids[i]));
	make_chains(&s);
	return s;
}

static void free_side(struct side *s)
{
	free(s->numbers);
	free(s->chains);
	free(s->peers);
}

/* How many layers from the bottom up are equal. */
static size_t common(const struct side *a, const struct side *b)
{
	size_t n = 0;
	while (n < a->n && n < b->n && a->numbers[n] == b->numbers[n])
		n++;
	return n;
}

static void pair(struct side *a, size_t i, struct side *b, size_t j)
{
	a->peers[i] = j + 1;
	b->peers[j] = i + 1;
}

/* The places of each diff ID's layers in A that have no peer, as lists, the lowest first. */
static void list_free(const struct side *a, size_t from, size_t *first, size_t *next)
{
	for (size_t i = a->n; i-- > from;) {
		next[i] = first[a->numbers[i]];
		first[a->numbers[i]] = i + 1;
	}
}

static void pair_all(struct side *a, struct side *b, uint32_t nnumbers)
{
	AUTO_FREE size_t *first = xcalloc(nnumbers, sizeof *first);
	AUTO_FREE size_t *next = xcalloc(a->n, sizeof *next);
	size_t n = common(a, b);
	for (size_t i = 0; i < n; i++)
		pair(a, i, b, i);
	list_free(a, n, first, next);
	for (size_t j = n; j < b->n; j++) {
		size_t place = first[b->numbers[j]];
		if (place == NONE)
			continue;
		first[b->numbers[j]] = next[place - 1];
		pair(a, place - 1, b, j);
	}
}

static struct imagediff_line line_of(const struct side *s, size_t i, enum imagediff_status status)
{
	struct imagediff_line line = { .status = status };
	memcpy(line.chain, s->chains[i], sizeof line.chain);
	return line;
}

static struct imagediff_line removed(const struct side *a, size_t i)
{
	struct imagediff_line line = line_of(a, i, IMAGEDIFF_REMOVED);
	line.a = i + 1;
	return line;
}

/* known: the diff IDs that are there when the layer is to be pulled */
static struct imagediff_line in_b(const struct side *b, size_t j, size_t ncommon, bool *known)
{
	struct imagediff_line line =
		line_of(b, j, b->peers[j] ? IMAGEDIFF_SHARED : IMAGEDIFF_ADDED);
	line.a = b->peers[j];
	line.b = j + 1;
	line.by_layer = !known[b->numbers[j]];
	line.by_chain = j >= ncommon;
	known[b->numbers[j]] = true;
	return line;
}

static struct imagediff make_lines(const struct side *a, const struct side *b, uint32_t nnumbers)
{
	AUTO_FREE bool *known = xcalloc(nnumbers, sizeof *known);
	struct imagediff d = { .lines = xcalloc(a->n + b->n, sizeof *d.lines) };
	size_t ncommon = common(a, b);
	for (size_t i = 0; i < a->n; i++)
		known[a->numbers[i]] = true;
	for (size_t i = 0; i < a->n || i < b->n; i++) {
		if (i < a->n && a->peers[i] == NONE)
			d.lines[d.n++] = removed(a, i);
		if (i < b->n)
			d.lines[d.n++] = in_b(b, i, ncommon, known);
	}
	return d;
}

struct imagediff imagediff_make(const char *const *a, size_t na, const char *const *b, size_t nb)
{
	struct intern numbers = { 0 };
	struct side old = make_side(a, na, &numbers), new = make_side(b, nb, &numbers);
	pair_all(&old, &new, numbers.n);
	struct imagediff d = make_lines(&old, &new, numbers.n);
	free_side(&old);
	free_side(&new);
	intern_free(&numbers);
	return d;
}

void imagediff_free(struct imagediff *d)
{
	free(d->lines);
	*d = (struct imagediff){ 0 };
}
