/* SPDX-License-Identifier: MIT */
#include <inttypes.h>
#include <string.h>

#include "base/hashsource.h"
#include "image/image.h"
#include "image/image_parts.h"
#include "tar/decompress.h"

/*
 * Bytes come from the part of the file, by way of decompress where they are compressed; each end
 * of it is hashed where there is a digest to compare with.
 */
struct image_reader {
	struct source source;
	const struct image_layer *layer;
	char *name;
	struct source_part part;
	struct hashsource *blob, *tar;
	struct decompress *decompress;
	uint64_t size; /* bytes read so far */
	bool skipped, checked;
};

char *image_layer_name(const struct image *i, size_t layer)
{
	return xasprintf("%s: layer %zu (%s)", imagefile_name(i->file), layer + 1,
			 i->layers[layer].diffid);
}

int image_layer_wrap(const struct image *i, size_t layer, struct err *e)
{
	AUTO_FREE char *name = image_layer_name(i, layer);
	return err_wrap(e, "%s", name);
}

/* --- reading --- */

static int check_digest(const struct image_reader *r, struct hashsource *h, const char *what,
			const char *want, struct err *e)
{
	char hex[DIGEST_HEX_LEN + 1];
	hashsource_hex(h, hex);
	if (strcmp(hex, strchr(want, ':') + 1) == 0)
		return 0;
	return err_set(e, 0, "%s: damaged: %s sha256:%s", r->name, what, hex);
}

static int check_end(struct image_reader *r, struct err *e)
{
	if (r->checked)
		return 0;
	r->checked = true;
	if (!r->decompress && !r->skipped && r->size != r->layer->size)
		return err_set(e, 0, "%s: the file became shorter while it was read", r->name);
	if (r->skipped)
		return 0;
	if (r->blob && check_digest(r, r->blob, "its blob is", r->layer->digest, e) < 0)
		return -1;
	return check_digest(r, r->tar, "its bytes are", r->layer->diffid, e);
}

static int read_layer(struct source *s, void *data, size_t len, size_t *got, struct err *e)
{
	struct image_reader *r = (struct image_reader *)s;
	if (source_read(hashsource_source(r->tar), data, len, got, e) < 0)
		return -1;
	r->size += *got;
	return *got ? 0 : check_end(r, e);
}

int image_layer_next(struct image_reader *r, const void **data, size_t *len, struct err *e)
{
	size_t got;
	if (hashsource_next(r->tar, data, &got, e) < 0)
		return -1;
	r->size += got;
	*len = got;
	return got ? 0 : check_end(r, e);
}

static int skip_layer(struct source *s, uint64_t len, struct err *e)
{
	struct image_reader *r = (struct image_reader *)s;
	struct source *from = hashsource_source(r->tar);
	r->skipped = true;
	return from->skip(from, len, e);
}

/* --- opening and closing --- */

void image_layer_close(struct image_reader *r)
{
	if (!r)
		return;
	hashsource_free(r->tar);
	decompress_free(r->decompress);
	hashsource_free(r->blob);
	free(r->name);
	free(r);
}

void image_reader_cleanup(struct image_reader **r)
{
	image_layer_close(*r);
}

static int open_compressed(struct image_reader *r, struct source **from, struct err *e)
{
	if (r->layer->digest) {
		r->blob = hashsource_new(*from);
		*from = hashsource_source(r->blob);
	}
	if (decompress_new(*from, &r->decompress, e) < 0)
		return -1;
	*from = decompress_source(r->decompress);
	return 0;
}

static int check_present(const struct image *i, size_t layer, struct err *e)
{
	if (!i->layers[layer].absent)
		return 0;
	err_set(e, 0, "its blob %s is not there", i->layers[layer].digest);
	return image_layer_wrap(i, layer, e);
}

int image_layer_open(const struct image *i, size_t layer, struct image_reader **reader,
		     struct err *e)
{
	if (check_present(i, layer, e) < 0)
		return -1;
	AUTO_IMAGE_READER struct image_reader *r = xcalloc(1, sizeof *r);
	const struct imagefile_member *blob = &i->layers[layer].blob;
	struct source *from = &r->part.source;
	r->layer = &i->layers[layer];
	r->name = image_layer_name(i, layer);
	r->source = (struct source){ .name = r->name, .read = read_layer };
	source_part(&r->part, blob->fd, r->name, blob->offset, blob->size);
	if (r->layer->compression != COMPRESS_NONE) {
		r->part.source.skip = NULL;
		if (open_compressed(r, &from, e) < 0)
			return -1;
	}
	r->tar = hashsource_new(from);
	if (r->layer->compression == COMPRESS_NONE)
		r->source.skip = skip_layer;
	*reader = STEAL(r);
	return 0;
}

struct source *image_layer_source(struct image_reader *r)
{
	return &r->source;
}

int image_layer_size(struct image *i, size_t layer, struct err *e)
{
	AUTO_IMAGE_READER struct image_reader *r = NULL;
	const void *data;
	size_t len = 1;
	if (i->layers[layer].compression == COMPRESS_NONE && !i->layers[layer].absent)
		return 0;
	if (image_layer_open(i, layer, &r, e) < 0)
		return -1;
	while (len)
		if (image_layer_next(r, &data, &len, e) < 0)
			return -1;
	i->layers[layer].size = r->size;
	return 0;
}

/* --- the table of a zstd:chunked layer --- */

bool image_layer_has_table(const struct image *i, size_t layer)
{
	return i->layers[layer].table.checksum != NULL;
}

static int read_table(const struct image_layer *l, zstdtocread_take *take, void *context,
		      uint64_t *length, struct err *e)
{
	struct zstdtocread_blob blob = { l->blob.fd, l->blob.offset, l->blob.size, l->blob.name };
	struct zstdtocread_place place;
	if (zstdtocread_find(&blob, l->table.checksum, l->table.position, l->table.tarsplit, &place,
			     e) < 0 ||
	    zstdtocread_files(&blob, &place, take, context, e) < 0)
		return -1;
	*length = place.table.length + place.split.length;
	return 0;
}

int image_layer_pieces(const struct image *i, size_t layer, zstdtocread_take *take, void *context,
		       uint64_t *length, struct err *e)
{
	if (check_present(i, layer, e) < 0)
		return -1;
	if (read_table(&i->layers[layer], take, context, length, e) == 0)
		return 0;
	AUTO_FREE char *name = image_layer_name(i, layer);
	return err_wrap(e, "%s: its table of pieces", name);
}
