/* SPDX-License-Identifier: MIT */
#include "tar/tarread.h"

#include <stdbool.h>
#include <string.h>

#include "fuzz.h"

enum { ENOUGH = 64 << 10 };

/* Looks at all that a reader gives out, so that a wrong pointer or length is found. */
static size_t touch(const struct tarread *r)
{
	const struct tar_entry *t = tarread_entry(r);
	size_t sum = strlen(t->name) + strlen(t->link) + strlen(t->uname) + strlen(t->gname);
	for (size_t i = 0; i < t->nxattrs; i++)
		sum += strlen(t->xattrs[i].name) +
		       ((const unsigned char *)t->xattrs[i].value)[t->xattrs[i].len];
	const char *key;
	for (size_t i = 0, len; (key = tarread_record_key(r, i)); i++)
		sum += tarread_record(r, key, &len)[len] != '\0';
	return sum;
}

/* The pieces of a sparse file are in order and within it. */
static void check_segments(const struct tarread *r)
{
	uint64_t end = 0;
	size_t n;
	const struct tarread_segment *s = tarread_segments(r, &n);
	for (size_t i = 0; s && i < n; i++) {
		if (s[i].size == 0 || s[i].offset < end ||
		    s[i].offset + s[i].size > tarread_entry(r)->size)
			abort();
		end = s[i].offset + s[i].size;
	}
}

/* Contents, of a sparse file no more than ENOUGH: whether they are bytes of the archive. */
static size_t read_contents(struct tarread *r, struct err *e)
{
	const void *piece;
	size_t len = 1, total = 0, n;
	bool sparse = tarread_segments(r, &n) != NULL;
	while (len && (!sparse || total < ENOUGH)) {
		if (tarread_data(r, &piece, &len, e) < 0)
			break;
		total += len;
	}
	if (total > tarread_entry(r)->size)
		abort();
	return sparse ? 0 : total;
}

/* An archive never holds more than its own bytes, and reading it ends. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	AUTO_CLOSE int fd = fuzz_fd(data, size);
	AUTO_TARREAD struct tarread *r = tarread_new(fd, "<fuzz>");
	struct err e = { 0 };
	enum tarread_event event = TARREAD_END;
	size_t total = 0, touched = 0;
	tarread_sparse(r);
	while (event != TARREAD_EOF && tarread_next(r, &event, &e) == 0) {
		if (event != TARREAD_ENTRY)
			continue;
		touched += touch(r);
		check_segments(r);
		total += read_contents(r, &e);
	}
	/* what is skipped may go past the end before that is an error */
	if (total > size || (!e.msg && tarread_offset(r) > size) || touched > 100 * size)
		abort();
	err_clear(&e);
	return 0;
}
