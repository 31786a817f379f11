/* SPDX-License-Identifier: MIT */
#include "fuzz.h"

#include <string.h>

#include "mtree.h"

/* Reads the bytes as an mtree; true where they are one, then *text is what is written of it. */
static bool rewrite(const void *data, size_t size, struct buf *text)
{
	struct mtree m = { 0 };
	struct err e = { 0 };
	struct out o;
	AUTO_CLOSE int in = fuzz_fd(data, size);
	AUTO_CLOSE int file = fuzz_fd("", 0);
	if (mtree_read(in, "<fuzz>", &m, &e) < 0) {
		err_clear(&e);
		mtree_free(&m);
		return false;
	}
	out_init(&o, file, "<fuzz>");
	for (size_t i = 0; i < m.n; i++)
		if (mtree_write(&m.entries[i], &o, &e) < 0)
			abort();
	if (out_flush(&o, &e) < 0)
		abort();
	out_drop(&o);
	mtree_free(&m);
	*text = fuzz_bytes(file);
	return true;
}

/* What is written of an mtree is one, and writing it again changes nothing. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	AUTO_BUF struct buf first = { 0 }, second = { 0 };
	if (!rewrite(data, size, &first))
		return 0;
	if (!rewrite(first.s, first.len, &second) || first.len != second.len ||
	    (first.len && memcmp(first.s, second.s, first.len) != 0))
		abort();
	return 0;
}
