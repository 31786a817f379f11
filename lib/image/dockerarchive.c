/* SPDX-License-Identifier: MIT */
#include "image/dockerarchive.h"

#include <string.h>

#include "base/jsonwrite.h"
#include "tar/tar.h"

int dockerarchive_write(struct dockerarchive *a, const void *data, size_t len, struct err *e)
{
	a->size += len;
	return compress_write(a->to, data, len, e);
}

/* --- members --- */

int dockerarchive_begin(struct dockerarchive *a, const char *name, uint64_t size, struct err *e)
{
	AUTO_BUF struct buf b = { 0 };
	struct tar_entry t = {
		.type = TAR_FILE, .name = name, .mode = 0644, .size = size, .mtime = 1
	};
	tar_header(&b, &t);
	return dockerarchive_write(a, b.s, b.len, e);
}

int dockerarchive_end(struct dockerarchive *a, uint64_t size, struct err *e)
{
	return dockerarchive_write(a, tar_zeros, tar_padding(size), e);
}

int dockerarchive_text(struct dockerarchive *a, const char *name, const struct buf *b,
		       struct err *e)
{
	if (dockerarchive_begin(a, name, b->len, e) < 0 ||
	    dockerarchive_write(a, b->s, b->len, e) < 0)
		return -1;
	return dockerarchive_end(a, b->len, e);
}

static char *layer_name(const char *key)
{
	return xasprintf("%s/layer.tar", key);
}

static char *config_name(const char *id)
{
	return xasprintf("%s.json", id);
}

int dockerarchive_begin_layer(struct dockerarchive *a, const char *key, uint64_t size,
			      struct err *e)
{
	AUTO_FREE char *name = layer_name(key);
	return dockerarchive_begin(a, name, size, e);
}

int dockerarchive_end_layer(struct dockerarchive *a, uint64_t size, struct err *e)
{
	return dockerarchive_end(a, size, e);
}

int dockerarchive_config(struct dockerarchive *a, const char *id, const struct buf *json,
			 struct err *e)
{
	AUTO_FREE char *name = config_name(id);
	return dockerarchive_text(a, name, json, e);
}

/* --- the manifest --- */

static void manifest_names(struct jsonwrite *j, const struct dockerarchive_image *image)
{
	jsonwrite_key(j, "RepoTags");
	if (image->nnames == 0) {
		jsonwrite_raw(j, "null");
		return;
	}
	jsonwrite_open(j, '[');
	for (size_t i = 0; i < image->nnames; i++)
		jsonwrite_string(j, image->names[i], strlen(image->names[i]));
	jsonwrite_close(j, ']');
}

/* A layer, or a configuration. */
static char *member_name(const struct dockerarchive_image *image, char *(*name)(const char *),
			 const char *key)
{
	return image->hybrid ? xasprintf("blobs/sha256/%s", key) : name(key);
}

static void manifest_layers(struct jsonwrite *j, const struct dockerarchive_image *image)
{
	jsonwrite_key(j, "Layers");
	jsonwrite_open(j, '[');
	for (size_t i = 0; i < image->nkeys; i++) {
		AUTO_FREE char *name = member_name(image, layer_name, image->keys[i]);
		jsonwrite_string(j, name, strlen(name));
	}
	jsonwrite_close(j, ']');
}

static void manifest_image(struct jsonwrite *j, const struct dockerarchive_image *image)
{
	AUTO_FREE char *config = member_name(image, config_name, image->id);
	jsonwrite_open(j, '{');
	jsonwrite_member(j, "Config", config);
	manifest_names(j, image);
	manifest_layers(j, image);
	jsonwrite_close(j, '}');
}

int dockerarchive_close(struct dockerarchive *a, struct err *e)
{
	return dockerarchive_write(a, tar_zeros, tar_trailer(a->size), e);
}

int dockerarchive_finish(struct dockerarchive *a, const struct dockerarchive_image *images,
			 size_t n, struct err *e)
{
	AUTO_BUF struct buf b = { 0 };
	struct jsonwrite j = { 0 };
	jsonwrite_open(&j, '[');
	for (size_t i = 0; i < n; i++)
		manifest_image(&j, &images[i]);
	jsonwrite_close(&j, ']');
	if (jsonwrite_finish(&j, &b, e) < 0 || dockerarchive_text(a, "manifest.json", &b, e) < 0)
		return -1;
	return dockerarchive_close(a, e);
}
