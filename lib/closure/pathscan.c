/* SPDX-License-Identifier: MIT */
#include "closure/pathscan.h"

#include <stdbool.h>
#include <string.h>

#include "base/intern.h"
#include "base/mem.h"
#include "closure/storepath.h"

struct pathscan {
	struct buf dir;  /* with a slash behind it */
	struct buf open; /* the last bytes, which a path may begin with */
	struct intern hashes;
	const char **paths; /* kept by hashes */
	size_t cap;
};

struct pathscan *pathscan_new(const char *store_dir)
{
	struct pathscan *s = xcalloc(1, sizeof *s);
	buf_adds(&s->dir, store_dir);
	buf_addc(&s->dir, '/');
	return s;
}

void pathscan_free(struct pathscan *s)
{
	if (!s)
		return;
	buf_free(&s->dir);
	buf_free(&s->open);
	intern_free(&s->hashes);
	free(s->paths);
	free(s);
}

static void keep(struct pathscan *s, const char *path, size_t len)
{
	uint32_t n = s->hashes.n;
	if (intern_add(&s->hashes, path + s->dir.len, STOREPATH_HASH_LEN) < n)
		return;
	s->paths = mem_grow(s->paths, &s->cap, (size_t)n + 1, sizeof *s->paths);
	s->paths[n] = intern_keep(&s->hashes, path, len);
}

/* Keeps the paths in the open bytes; those that go on behind the last byte stay open. */
static void search(struct pathscan *s, bool last)
{
	const char *from = s->open.s, *end = from + s->open.len, *hit;
	while ((hit = memmem(from, (size_t)(end - from), s->dir.s, s->dir.len))) {
		const char *name = hit + s->dir.len;
		size_t len = storepath_span(name, (size_t)(end - name));
		if (name + len == end && !last)
			break;
		from = hit + 1;
		if (len > STOREPATH_HASH_LEN + 1) {
			keep(s, hit, s->dir.len + len);
			from = name + len;
		}
	}
	if (!hit && (size_t)(end - from) >= s->dir.len)
		hit = end - (s->dir.len - 1);
	size_t left = last ? 0 : (size_t)(end - (hit ? hit : from));
	memmove(s->open.s, end - left, left);
	s->open.len = left;
}

void pathscan_add(struct pathscan *s, const void *data, size_t len)
{
	if (!len)
		return;
	buf_add(&s->open, data, len);
	search(s, false);
}

void pathscan_end(struct pathscan *s)
{
	if (s->open.len)
		search(s, true);
}

uint32_t pathscan_found(const struct pathscan *s, const char *const **paths)
{
	*paths = s->paths;
	return s->hashes.n;
}
