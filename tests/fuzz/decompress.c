/* SPDX-License-Identifier: MIT */
#include "tar/decompress.h"

#include <stdbool.h>
#include <string.h>

#include "fuzz.h"

enum { ENOUGH = 64 << 10 };

/* Reads up to ENOUGH bytes in pieces; whether that went well. */
static bool read_all(int fd, size_t size, size_t piece, struct buf *all)
{
	struct err e = { 0 };
	struct source_part part;
	AUTO_DECOMPRESS struct decompress *d = NULL;
	size_t got = 1;
	source_part(&part, fd, "<fuzz>", 0, size);
	bool good = decompress_new(&part.source, &d, &e) == 0;
	while (good && got && all->len < ENOUGH) {
		char *to = buf_extend(all, piece);
		got = 0;
		good = source_read(decompress_source(d), to, piece, &got, &e) == 0;
		all->len -= piece - got;
	}
	if (good != !e.msg)
		abort();
	err_clear(&e);
	return good;
}

/* In pieces whose size the last byte says, the same comes out as in one. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	AUTO_CLOSE int fd = fuzz_fd(data, size);
	AUTO_BUF struct buf whole = { 0 }, pieces = { 0 };
	bool good = read_all(fd, size, ENOUGH, &whole);
	bool also = read_all(fd, size, size ? data[size - 1] + 1U : 1, &pieces);
	size_t both = whole.len < pieces.len ? whole.len : pieces.len;
	if (both && memcmp(whole.s, pieces.s, both) != 0)
		abort();
	if (whole.len >= ENOUGH || pieces.len >= ENOUGH)
		return 0;
	if (good != also || (good && whole.len != pieces.len))
		abort();
	return 0;
}
