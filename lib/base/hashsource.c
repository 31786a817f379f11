/* SPDX-License-Identifier: MIT */
#include "base/hashsource.h"

#include <stdbool.h>
#include <string.h>

#include "base/hashing.h"

enum { CHUNK = 1 << 20 };

struct hashsource {
	struct source source;
	struct source *from;
	struct hashing *hashing;
	char *chunks; /* two: one is handed on while the other one is read into */
	char *next;   /* what is to be handed on */
	size_t left;
	bool second;  /* which one it lies in */
	bool skipped; /* there is no digest any more */
};

/* The chunk that is read into is no longer hashed: hashing_add() has returned since. */
static int fill(struct hashsource *h, struct err *e)
{
	size_t got;
	char *chunk = h->chunks + (h->second ? 0 : CHUNK);
	if (source_read(h->from, chunk, CHUNK, &got, e) < 0)
		return -1;
	hashing_add(h->hashing, chunk, got);
	h->second = !h->second;
	h->next = chunk;
	h->left = got;
	return 0;
}

/* Takes up to len bytes of those that are to be handed on. */
static const char *take(struct hashsource *h, size_t *len)
{
	const char *data = h->next;
	if (*len > h->left)
		*len = h->left;
	h->next += *len;
	h->left -= *len;
	return data;
}

int hashsource_next(struct hashsource *h, const void **data, size_t *len, struct err *e)
{
	size_t got = CHUNK;
	if (h->left == 0 && fill(h, e) < 0)
		return -1;
	*data = take(h, &got);
	*len = got;
	return 0;
}

static int read_hashed(struct source *s, void *data, size_t len, size_t *got, struct err *e)
{
	struct hashsource *h = (struct hashsource *)s;
	if (h->left == 0 && h->skipped)
		return source_read(h->from, data, len, got, e);
	if (h->left == 0 && fill(h, e) < 0)
		return -1;
	const char *from = take(h, &len);
	memcpy(data, from, len);
	*got = len;
	return 0;
}

static int skip_hashed(struct source *s, uint64_t len, struct err *e)
{
	struct hashsource *h = (struct hashsource *)s;
	size_t held = len < CHUNK ? (size_t)len : CHUNK;
	h->skipped = true;
	take(h, &held);
	return len > held ? h->from->skip(h->from, len - held, e) : 0;
}

struct hashsource *hashsource_new(struct source *from)
{
	struct hashsource *h = xcalloc(1, sizeof *h);
	h->source = (struct source){ .name = from->name, .read = read_hashed };
	if (from->skip)
		h->source.skip = skip_hashed;
	h->from = from;
	h->hashing = hashing_new(true);
	h->chunks = h->next = xmalloc(2 * (size_t)CHUNK);
	return h;
}

void hashsource_free(struct hashsource *h)
{
	if (!h)
		return;
	hashing_free(h->hashing);
	free(h->chunks);
	free(h);
}

void hashsource_cleanup(struct hashsource **h)
{
	hashsource_free(*h);
}

struct source *hashsource_source(struct hashsource *h)
{
	return &h->source;
}

void hashsource_hex(struct hashsource *h, char hex[DIGEST_HEX_LEN + 1])
{
	hashing_hex(h->hashing, hex);
}
