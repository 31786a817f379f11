/* SPDX-License-Identifier: MIT */
#include "placement.h"

#include <string.h>

#include "fuzz.h"

static bool read_part(struct mtree *m, const uint8_t *data, size_t size)
{
	struct err e = { 0 };
	AUTO_CLOSE int in = fuzz_fd(data, size);
	bool ok = mtree_read_listing(in, "<fuzz>", m, &e) == 0;
	err_clear(&e);
	return ok;
}

/* The written entries are read again: sorted, each name once, with its parents. */
static void check(const struct mtree *m)
{
	struct mtree again = { 0 };
	struct err e = { 0 };
	struct out o;
	AUTO_CLOSE int file = fuzz_fd("", 0);
	out_init(&o, file, "<fuzz>");
	for (size_t i = 0; i < m->n; i++)
		if (mtree_write(&m->entries[i], &o, &e) < 0)
			abort();
	if (out_flush(&o, &e) < 0 || lseek(file, 0, SEEK_SET) < 0 ||
	    mtree_read_listing(file, "<again>", &again, &e) < 0 || again.n != m->n)
		abort();
	out_drop(&o);
	for (size_t i = 0; i < m->n; i++)
		if (strcmp(m->entries[i].path, again.entries[i].path) != 0)
			abort();
	mtree_free(&again);
}

/* A layer, a line with %, and the base. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const uint8_t *cut = memmem(data, size, "\n%\n", 3);
	struct mtree own = { 0 }, base = { 0 };
	struct err e = { 0 };
	if (cut && read_part(&own, data, (size_t)(cut + 1 - data)) &&
	    read_part(&base, cut + 3, size - (size_t)(cut + 3 - data))) {
		if (placement_apply(&own, &base, &e) == 0)
			check(&own);
		else if (!e.msg)
			abort();
		err_clear(&e);
	}
	mtree_free(&own);
	mtree_free(&base);
	return 0;
}
