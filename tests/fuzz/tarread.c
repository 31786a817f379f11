/* SPDX-License-Identifier: MIT */
#include "tar/tarread.h"

#include <string.h>

#include "fuzz.h"

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

/* An archive never holds more than its own bytes, and reading it ends. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	AUTO_CLOSE int fd = fuzz_fd(data, size);
	AUTO_TARREAD struct tarread *r = tarread_new(fd, "<fuzz>");
	struct err e = { 0 };
	enum tarread_event event = TARREAD_END;
	const void *piece;
	size_t len = 0, total = 0, touched = 0;
	while (event != TARREAD_EOF && tarread_next(r, &event, &e) == 0) {
		if (event != TARREAD_ENTRY)
			continue;
		touched += touch(r);
		while (tarread_data(r, &piece, &len, &e) == 0 && len)
			total += len;
	}
	if (total > size || tarread_offset(r) > size || touched > 100 * size)
		abort();
	err_clear(&e);
	return 0;
}
