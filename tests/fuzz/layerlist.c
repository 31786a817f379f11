/* SPDX-License-Identifier: MIT */
#include "layerlist.h"

#include <stdbool.h>
#include <string.h>

#include "fuzz.h"

/* Reads the bytes as a list; true where they are one, then *text is what is written of it. */
static bool rewrite(const void *data, size_t size, struct buf *text)
{
	AUTO_LAYERLIST struct layerlist l = { 0 };
	struct err e = { 0 };
	struct out o;
	AUTO_CLOSE int in = fuzz_fd(data, size);
	AUTO_CLOSE int file = fuzz_fd("", 0);
	if (layerlist_read(&l, in, "<fuzz>", &e) < 0) {
		err_clear(&e);
		return false;
	}
	out_init(&o, file, "<fuzz>");
	if (layerlist_write(&l, &o, &e) < 0 || out_flush(&o, &e) < 0)
		abort();
	out_drop(&o);
	*text = fuzz_bytes(file);
	return true;
}

/* What is written of a list is a list, and writing it again changes nothing. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	AUTO_BUF struct buf first = { 0 }, second = { 0 };
	if (!rewrite(data, size, &first))
		return 0;
	if (!rewrite(first.s, first.len, &second) || first.len != second.len ||
	    memcmp(first.s, second.s, first.len) != 0)
		abort();
	return 0;
}
