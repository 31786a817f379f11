/* SPDX-License-Identifier: MIT */
#include "layer/placement.h"

#include "fuzz.h"

static bool read_part(struct mtree *m, const char *text, size_t size)
{
	struct err e = { 0 };
	AUTO_CLOSE int in = fuzz_fd(text, size);
	bool taken = mtree_read_listing(in, "<fuzz>", m, &e) == 0;
	err_clear(&e);
	return taken;
}

static void write_all(const struct mtree *m, struct out *o)
{
	struct err e = { 0 };
	for (size_t i = 0; i < m->n; i++)
		if (mtree_write(&m->entries[i], o, &e) < 0)
			abort();
}

static bool rewrite(int in, struct out *o)
{
	AUTO_BUF struct buf text = fuzz_bytes(in);
	AUTO_MTREE struct mtree m = { 0 };
	if (!read_part(&m, text.s, text.len))
		return false;
	write_all(&m, o);
	return true;
}

/* A layer, a line with %, and the base. */
static bool place(int in, struct out *o)
{
	AUTO_BUF struct buf both = fuzz_bytes(in);
	const char *cut = memmem(both.s, both.len, "\n%\n", 3);
	AUTO_MTREE struct mtree own = { 0 }, base = { 0 };
	struct err e = { 0 };
	if (!cut || !read_part(&own, both.s, (size_t)(cut + 1 - both.s)) ||
	    !read_part(&base, cut + 3, both.len - (size_t)(cut + 3 - both.s)))
		return false;
	bool placed = placement_apply(&own, &base, &e) == 0;
	if (placed == (e.msg != NULL))
		abort();
	err_clear(&e);
	if (placed)
		write_all(&own, o);
	return placed;
}

/* What comes out is sorted, has each name once and all parents: reading it changes nothing. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	AUTO_BUF struct buf first = { 0 }, second = { 0 };
	if (!fuzz_rewrite(place, data, size, &first))
		return 0;
	if (!fuzz_rewrite(rewrite, first.s, first.len, &second) || first.len != second.len ||
	    (first.len && memcmp(first.s, second.s, first.len) != 0))
		abort();
	return 0;
}
