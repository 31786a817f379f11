/* SPDX-License-Identifier: MIT */
#include "image/image_parts.h"

#include <string.h>

#include "image/image_json.h"

static const char sha256[] = "sha256:", blobs[] = "blobs/sha256/";

void image_layers_free(struct image_layer *layers, size_t n)
{
	for (size_t k = 0; k < n; k++) {
		free(layers[k].diffid);
		free(layers[k].digest);
		free(layers[k].media_type);
		free(layers[k].comment);
		free(layers[k].created_by);
		free(layers[k].table.checksum);
		free(layers[k].table.position);
		free(layers[k].table.tarsplit);
	}
	free(layers);
}

int image_add_descriptor(struct image_descriptor **list, size_t *n, char **digest, char **platform,
			 struct err *e)
{
	if (*n == IMAGE_MAX_IMAGES)
		return err_set(e, 0, "more than %d images in one index", IMAGE_MAX_IMAGES);
	*list = xrealloc(*list, (*n + 1) * sizeof **list);
	struct image_descriptor *d = &(*list)[(*n)++];
	d->digest = STEAL(*digest);
	d->platform = STEAL(*platform);
	return 0;
}

/* --- blobs --- */

char *image_blob_name(const char *digest, bool flat)
{
	return xasprintf("%s%s", flat ? "" : blobs, digest + sizeof sha256 - 1);
}

/* What follows the prefix, else s itself. */
static const char *behind(const char *s, const char *prefix)
{
	size_t len = strlen(prefix);
	return strncmp(s, prefix, len) == 0 ? s + len : s;
}

bool image_blob_digest(const char *name, char **digest)
{
	const char *base = behind(name, "./"), *hex = behind(base, blobs);
	if (hex == base || !digest_is_hex(hex, strlen(hex)))
		return false;
	*digest = xasprintf("%s%s", sha256, hex);
	return true;
}

/* The digest that a member must have: the one that was asked for, or that of a layout's blob. */
static char *expected(const struct imagefile_member *m, const char *digest)
{
	char *named = NULL;
	if (digest)
		return xstrdup(digest);
	return image_blob_digest(m->name, &named) ? named : NULL;
}

/* Appends the text. */
static int read_text(struct imagefile *f, const char *name, const char *digest, struct buf *text,
		     struct err *e)
{
	struct imagefile_member m;
	char hex[DIGEST_HEX_LEN + 1];
	if (imagefile_find(f, name, &m, e) < 0 || imagefile_text(f, name, text, e) < 0)
		return -1;
	AUTO_FREE char *want = expected(&m, digest);
	if (!want)
		return 0;
	digest_of(text->s, text->len, hex);
	if (strcmp(hex, want + sizeof sha256 - 1) == 0)
		return 0;
	return err_set(e, 0, "%s: '%s' is damaged: its bytes are sha256:%s", imagefile_name(f),
		       m.name, hex);
}

int image_document(struct imagefile *f, const char *name, const char *digest, struct buf *text,
		   json_t **doc, struct err *e)
{
	if (read_text(f, name, digest, text, e) < 0)
		return -1;
	return image_json_load(text, doc, e) < 0 ? err_wrap(e, "%s: %s", imagefile_name(f), name)
						 : 0;
}
