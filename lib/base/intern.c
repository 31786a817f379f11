/* SPDX-License-Identifier: MIT */
#include "base/intern.h"

#include <string.h>

#include "base/mem.h"

enum { BLOCK = 64 << 10, FIRST_SLOTS = 64 };

struct intern_block {
	struct intern_block *next;
	size_t used, size;
	char data[];
};

const char *intern_keep(struct intern *t, const char *s, size_t len)
{
	struct intern_block *b = t->blocks;
	if (!b || b->size - b->used <= len) {
		size_t size = len < BLOCK ? BLOCK : len + 1;
		b = xmalloc(sizeof *b + size);
		*b = (struct intern_block){ .next = t->blocks, .size = size };
		t->blocks = b;
	}
	char *copy = b->data + b->used;
	memcpy(copy, s, len);
	copy[len] = '\0';
	b->used += len + 1;
	return copy;
}

/* The slot that holds the string, or the empty one where it belongs. */
static size_t find_slot(const struct intern *t, const char *s, size_t len)
{
	size_t i = keyhash_bytes(&t->key, s, len) & (t->nslots - 1);
	for (; t->slots[i] != INTERN_NONE; i = (i + 1) & (t->nslots - 1)) {
		const char *have = t->strings[t->slots[i]];
		if (strncmp(have, s, len) == 0 && have[len] == '\0')
			break;
	}
	return i;
}

static void grow(struct intern *t)
{
	if (!t->nslots)
		keyhash_init(&t->key);
	t->nslots = t->nslots ? t->nslots * 2 : FIRST_SLOTS;
	free(t->slots);
	t->slots = xmalloc(t->nslots * sizeof *t->slots);
	memset(t->slots, 0xff, t->nslots * sizeof *t->slots);
	for (uint32_t i = 0; i < t->n; i++)
		t->slots[find_slot(t, t->strings[i], strlen(t->strings[i]))] = i;
}

uint32_t intern_add(struct intern *t, const char *s, size_t len)
{
	if ((size_t)t->n * 2 >= t->nslots)
		grow(t);
	size_t slot = find_slot(t, s, len);
	if (t->slots[slot] != INTERN_NONE)
		return t->slots[slot];
	t->strings = mem_grow(t->strings, &t->cap, (size_t)t->n + 1, sizeof *t->strings);
	t->strings[t->n] = intern_keep(t, s, len);
	t->slots[slot] = t->n;
	return t->n++;
}

uint32_t intern_find(const struct intern *t, const char *s, size_t len)
{
	return t->nslots ? t->slots[find_slot(t, s, len)] : INTERN_NONE;
}

void intern_free(struct intern *t)
{
	for (struct intern_block *b = t->blocks, *next; b; b = next) {
		next = b->next;
		free(b);
	}
	free(t->strings);
	free(t->slots);
	*t = (struct intern){ 0 };
}
