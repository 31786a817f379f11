/* SPDX-License-Identifier: MIT */
#include "image/image.h"

#include <string.h>

#include "fuzz.h"
#include "image/image_config.h"
#include "image/image_json.h"
#include "image/image_oci.h"
#include "image/image_parts.h"
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

/* Of a manifest or an index within: a digest for each thing it names, or a reason why it is no
 * image. */
static int read_oci(json_t *doc, struct err *e)
{
	AUTO_OCI struct image_oci o = { 0 };
	free(image_oci_why(doc));
	if (image_oci_read(doc, &o, e) < 0)
		return -1;
	for (size_t i = 0; i < o.nentries; i++)
		if (!o.entries[i].digest || (o.config && o.nentries))
			abort();
	for (size_t i = 0; i < o.nlayers; i++)
		if (!o.layers[i].digest)
			abort();
	return 0;
}

static int read_config(json_t *doc, struct err *e)
{
	AUTO_IMAGE struct image i = { .nlayers = 2 };
	size_t n;
	i.layers = xcalloc(2, sizeof *i.layers);
	return image_config_read(doc, &i, &n, e);
}

/* The first byte says which document follows. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	AUTO_IMAGESET struct imageset s = { 0 };
	AUTO_JSON json_t *doc = NULL;
	struct err e = { 0 };
	struct buf text = { 0 };
	if (size == 0)
		return 0;
	buf_add(&text, data + 1, size - 1);
	bool read = image_json_load(&text, &doc, &e) == 0;
	buf_free(&text);
	if (read && data[0] % 4 < 2) {
		int (*add)(struct imageset *, json_t *, struct err *) =
			data[0] % 2 ? imageset_add_archive : imageset_add_index;
		read = add(&s, doc, &e) == 0;
		if (read)
			find_all(&s);
	} else if (read) {
		read = (data[0] % 2 ? read_config : read_oci)(doc, &e) == 0;
	}
	if (read == (e.msg != NULL))
		abort();
	err_clear(&e);
	return 0;
}
