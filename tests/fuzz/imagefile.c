/* SPDX-License-Identifier: MIT */
#include "image/imagefile.h"

#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "fuzz.h"
#include "image/imagefile_index.h"

/* What is found lies inside the file, and can be read. */
static void try(struct imagefile *f, const char *name)
{
	struct err e = { 0 };
	struct imagefile_member m;
	struct stat st;
	AUTO_BUF struct buf text = { 0 };
	if (imagefile_find(f, name, &m, &e) == 0) {
		if (fstat(m.fd, &st) < 0 || m.size > (uint64_t)st.st_size ||
		    m.offset > (uint64_t)st.st_size - m.size)
			abort();
		if (!imagefile_has(f, m.name))
			abort();
		if (imagefile_text(f, name, &text, &e) == 0 && text.len != m.size)
			abort();
	}
	err_clear(&e);
}

/* Every name that a plain archive has. */
static void try_names(struct imagefile *f, int fd, size_t size)
{
	struct err e = { 0 };
	struct source_part part;
	struct imagefile_index x = { 0 };
	source_part(&part, fd, "<fuzz>", 0, size);
	if (imagefile_index_read(&x, &part.source, size, &e) == 0)
		for (uint32_t i = 0; i < x.names.n; i++)
			try(f, x.names.strings[i]);
	imagefile_index_free(&x);
	err_clear(&e);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	AUTO_CLOSE int fd = fuzz_fd(data, size);
	AUTO_IMAGEFILE struct imagefile *f = NULL;
	struct err e = { 0 };
	char path[64];
	snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
	if (imagefile_open(path, &f, &e) == 0) {
		try(f, "manifest.json");
		try_names(f, fd, size);
	}
	err_clear(&e);
	return 0;
}
