/* SPDX-License-Identifier: MIT */
#include "image/image.h"

#include <string.h>

#include "fuzz.h"
#include "image/image_lines.h"
#include "tar/tar.h"

/* A file for messages. */
static struct imagefile *any_file(void)
{
	static struct imagefile *file;
	struct buf b = { 0 };
	struct err e = { 0 };
	tar_header(&b, &(struct tar_entry){ .type = TAR_DIR, .name = "a" });
	buf_add(&b, tar_zeros, (size_t)2 * TAR_BLOCK);
	if (!file && imagefile_open_fd(fuzz_fd(b.s, b.len), "<fuzz>", &file, &e) < 0)
		abort();
	buf_free(&b);
	return file;
}

/* Whether an image is found, by whatever name: if so it is one of the set. */
static bool find(const struct imageset *s, const char *name)
{
	struct err e = { 0 };
	size_t entry = s->n;
	bool found = imageset_find(s, any_file(), name, &entry, &e) == 0;
	if (found ? entry >= s->n : !e.msg)
		abort();
	err_clear(&e);
	return found;
}

/* Each name there is finds an image, and so does a tag where nothing else is given. */
static void find_all(const struct imageset *s)
{
	if (find(s, NULL) != (s->n > 0))
		abort();
	for (size_t i = 0; i < s->n; i++)
		for (size_t k = 0; k < s->entries[i].nnames; k++)
			if (!find(s, s->entries[i].names[k]))
				abort();
	find(s, "");
	find(s, "docker.io/library/app");
}

/*
 * The bytes are what jq makes of a manifest or an index; with jq in front no run would be quick
 * enough. The first one says which.
 */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	AUTO_IMAGESET struct imageset s = { 0 };
	struct err e = { 0 };
	if (size == 0)
		return 0;
	bool archive = data[0] % 2;
	AUTO_CLOSE int fd = fuzz_fd(data + 1, size - 1);
	if (image_lines_read(fd, "<fuzz>", archive ? imageset_archive_line : imageset_index_line,
			     &s, &e) == 0)
		find_all(&s);
	else if (strncmp(e.msg, "<fuzz>", strlen("<fuzz>")) != 0)
		abort();
	err_clear(&e);
	return 0;
}
