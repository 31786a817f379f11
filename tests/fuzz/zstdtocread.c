/* SPDX-License-Identifier: MIT */
#include "tar/zstdtocread.h"
#include "fuzz.h"

/* What is given out holds what the header promises. */
static int check(void *context, const struct zstdtocread_file *f, struct err *e)
{
	uint64_t *at = context, size = 0;
	(void)e;
	if (f->n == 0 || f->size == 0 || !*f->name)
		abort();
	for (size_t i = 0; i < f->n; i++) {
		const struct zstdtocread_piece *p = &f->pieces[i];
		if (p->begin < *at || p->end < p->begin || (p->end == p->begin && !p->zeros) ||
		    p->size == 0)
			abort();
		*at = p->end;
		size += p->size;
	}
	if (size != f->size)
		abort();
	return 0;
}

static void read_blob(const void *data, size_t size, const char *checksum, const char *position)
{
	AUTO_CLOSE int fd = fuzz_fd(data, size);
	struct zstdtocread_blob blob = { fd, 0, size, "<fuzz>" };
	struct zstdtocread_place place;
	struct err e = { 0 };
	uint64_t at = 0;
	if (zstdtocread_find(&blob, checksum, position, NULL, &place, &e) == 0) {
		if (place.table.offset + place.table.length > size)
			abort();
		digest_of((const char *)data + place.table.offset, place.table.length,
			  place.digest);
		if (zstdtocread_files(&blob, &place, check, &at, &e) == 0 &&
		    at > place.table.offset - 8)
			abort();
	}
	err_clear(&e);
}

static const char checksum[] =
	"sha256:0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";

static void add_number(struct buf *b, size_t number, size_t bytes)
{
	for (size_t i = 0; i < bytes; i++)
		buf_addc(b, (char)(number >> 8 * i));
}

/* The bytes as the JSON of a table, in a zstd frame of one block that is not compressed. */
static void read_json(const uint8_t *data, size_t size)
{
	AUTO_BUF struct buf b = { 0 };
	size_t frame = 4 + 1 + 4 + 3 + size;
	memset(buf_extend(&b, 1000), 'x', 1000);
	buf_add(&b, "\x50\x2a\x4d\x18", 4);
	add_number(&b, frame, 4);
	buf_add(&b, "\x28\xb5\x2f\xfd\xa0", 5);
	add_number(&b, size, 4);
	add_number(&b, size << 3 | 1, 3);
	buf_add(&b, data, size);
	AUTO_FREE char *position = xasprintf("1008:%zu:%zu:1", frame, size);
	read_blob(b.s, b.len, checksum, position);
}

/* The bytes as a blob; as a position, of a blob that has nothing there; as a table. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	AUTO_FREE char *text = xstrndup((const char *)data, size);
	read_blob(data, size, checksum, NULL);
	read_blob(data, size, checksum, text);
	if (size < 1 << 17)
		read_json(data, size);
	return 0;
}
