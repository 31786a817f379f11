/* SPDX-License-Identifier: MIT */
#include "closure/hashscan.h"

#include <string.h>

#include "closure/storepath.h"

enum { LEN = STOREPATH_HASH_LEN, FILTER_BITS = 16, EMPTY = UINT32_MAX };

struct hashscan {
	const char *const *paths;
	uint32_t *slots; /* index of a path; open addressing */
	size_t nslots;   /* a power of two */
	bool *seen;      /* by index */
	uint32_t *found;
	uint32_t nfound;
	char tail[2 * LEN]; /* the last bytes, fewer than a hash part */
	size_t ntail;
	/* one bit for each value of mix(): most of what looks like a hash part ends here */
	uint64_t filter[(1 << FILTER_BITS) / 64];
};

/* The digits of nix-base32. */
static const bool is_digit[256] = {
	['0'] = 1, ['1'] = 1, ['2'] = 1, ['3'] = 1, ['4'] = 1, ['5'] = 1, ['6'] = 1, ['7'] = 1,
	['8'] = 1, ['9'] = 1, ['a'] = 1, ['b'] = 1, ['c'] = 1, ['d'] = 1, ['f'] = 1, ['g'] = 1,
	['h'] = 1, ['i'] = 1, ['j'] = 1, ['k'] = 1, ['l'] = 1, ['m'] = 1, ['n'] = 1, ['p'] = 1,
	['q'] = 1, ['r'] = 1, ['s'] = 1, ['v'] = 1, ['w'] = 1, ['x'] = 1, ['y'] = 1, ['z'] = 1,
};

/* Hash parts are random already: their first bytes are enough. */
static uint64_t mix(const char *hash)
{
	uint64_t a, b;
	memcpy(&a, hash, sizeof a);
	memcpy(&b, hash + sizeof a, sizeof b);
	uint64_t h = (a ^ b * 0x9e3779b97f4a7c15U) * 0x9e3779b97f4a7c15U;
	return h ^ h >> 32;
}

static size_t filter_bit(uint64_t h)
{
	return h >> 16 & ((1U << FILTER_BITS) - 1);
}

/* The slot of the path with this hash part, or the empty one where it belongs. */
static size_t find_slot(const struct hashscan *s, uint64_t h, const char *hash)
{
	size_t i = h & (s->nslots - 1);
	while (s->slots[i] != EMPTY &&
	       memcmp(storepath_hash(s->paths[s->slots[i]]), hash, LEN) != 0)
		i = (i + 1) & (s->nslots - 1);
	return i;
}

static int insert(struct hashscan *s, uint32_t index, struct err *e)
{
	const char *hash = storepath_hash(s->paths[index]);
	uint64_t h = mix(hash);
	size_t slot = find_slot(s, h, hash), bit = filter_bit(h);
	if (s->slots[slot] != EMPTY)
		return err_set(e, 0,
			       "cannot tell '%s' from '%s' where they are mentioned: "
			       "their hash parts are the same",
			       s->paths[s->slots[slot]], s->paths[index]);
	s->slots[slot] = index;
	s->filter[bit / 64] |= (uint64_t)1 << bit % 64;
	return 0;
}

int hashscan_new(const char *const *paths, uint32_t n, struct hashscan **result, struct err *e)
{
	struct hashscan *s = xcalloc(1, sizeof *s);
	s->paths = paths;
	s->nslots = 64;
	while (s->nslots < (size_t)n * 2)
		s->nslots *= 2;
	s->slots = xmalloc(s->nslots * sizeof *s->slots);
	memset(s->slots, 0xff, s->nslots * sizeof *s->slots);
	s->seen = xcalloc(n, sizeof *s->seen);
	s->found = xcalloc(n, sizeof *s->found);
	for (uint32_t i = 0; i < n; i++)
		if (insert(s, i, e) < 0) {
			hashscan_free(s);
			return -1;
		}
	*result = s;
	return 0;
}

void hashscan_free(struct hashscan *s)
{
	if (!s)
		return;
	free(s->slots);
	free(s->seen);
	free(s->found);
	free(s);
}

bool hashscan_knows(const struct hashscan *s, const char *hash)
{
	return s->slots[find_slot(s, mix(hash), hash)] != EMPTY;
}

/* 32 digits of base 32: are they one of ours? */
static void look_up(struct hashscan *s, const char *hash)
{
	uint64_t h = mix(hash);
	size_t bit = filter_bit(h);
	if (!(s->filter[bit / 64] >> bit % 64 & 1))
		return;
	uint32_t index = s->slots[find_slot(s, h, hash)];
	if (index == EMPTY || s->seen[index])
		return;
	s->seen[index] = true;
	s->found[s->nfound++] = index;
}

/*
 * Looks at the last byte of each place where a hash part could stand; one
 * that is no digit rules out the 32 places that hold it.
 */
static void search(struct hashscan *s, const char *data, size_t len)
{
	const unsigned char *bytes = (const unsigned char *)data;
	for (size_t last = LEN - 1; last < len;) {
		size_t first = last, least = last - (LEN - 1);
		if (!is_digit[bytes[last]]) {
			last += LEN;
			continue;
		}
		while (first > least && is_digit[bytes[first - 1]])
			first--;
		if (first > least) {
			last = first + LEN - 1;
			continue;
		}
		look_up(s, data + first);
		/* a longer run of digits: each further one ends another place */
		while (++last < len && is_digit[bytes[last]])
			look_up(s, data + last - (LEN - 1));
		last += LEN;
	}
}

/* Keeps the last bytes, one fewer than a hash part has. */
static void keep_tail(struct hashscan *s, const char *data, size_t len)
{
	if (len >= LEN - 1) {
		s->ntail = LEN - 1;
		memcpy(s->tail, data + len - (LEN - 1), LEN - 1);
		return;
	}
	size_t drop = s->ntail + len > LEN - 1 ? s->ntail + len - (LEN - 1) : 0;
	memmove(s->tail, s->tail + drop, s->ntail - drop);
	memcpy(s->tail + s->ntail - drop, data, len);
	s->ntail += len - drop;
}

void hashscan_add(struct hashscan *s, const char *data, size_t len)
{
	size_t part = len < LEN - 1 ? len : LEN - 1;
	memcpy(s->tail + s->ntail, data, part);
	search(s, s->tail, s->ntail + part);
	search(s, data, len);
	keep_tail(s, data, len);
}

static int compare(const void *a, const void *b)
{
	uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;
	return (x > y) - (x < y);
}

uint32_t hashscan_found(struct hashscan *s, const uint32_t **indices)
{
	uint32_t n = s->nfound;
	if (n)
		qsort(s->found, n, sizeof *s->found, compare);
	for (uint32_t i = 0; i < n; i++)
		s->seen[s->found[i]] = false;
	s->nfound = 0;
	s->ntail = 0;
	*indices = s->found;
	return n;
}
