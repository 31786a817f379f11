/* SPDX-License-Identifier: MIT */
#include "image/imagelayers.h"

#include <string.h>

#include "base/esc.h"
#include "base/hashsource.h"
#include "layer/layerlist.h"
#include "layer/layerwrite.h"

/* --- the stream --- */

static int copy(struct image_reader *r, struct out *o, struct err *e)
{
	const void *data;
	for (size_t len = 1; len;)
		if (image_layer_next(r, &data, &len, e) < 0 || out_write(o, data, len, e) < 0)
			return -1;
	return 0;
}

static int write_layer(const struct image *i, size_t layer, const struct knownlayers_layer *known,
		       struct layerwrite *w, struct out *o, struct err *e)
{
	const struct image_layer *l = &i->layers[layer];
	AUTO_IMAGE_READER struct image_reader *r = NULL;
	struct layerwrite_member m = {
		.size = known ? 0 : l->size, .mtime = 1, .comment = l->comment, .known = known
	};
	memcpy(m.diffid, strchr(l->diffid, ':') + 1, sizeof m.diffid);
	if (layerwrite_member(w, &m, e) < 0)
		return -1;
	if (known)
		return 0;
	return image_layer_open(i, layer, &r, e) < 0 ? -1 : copy(r, o, e);
}

int imagelayers_stream(struct image *i, const struct knownlayers *known, const char *compressor,
		       struct out *o, struct err *e)
{
	AUTO_FREE const struct knownlayers_layer **of = xcalloc(i->nlayers, sizeof *of);
	struct layerwrite w;
	for (size_t k = 0; k < i->nlayers; k++) {
		const char *hex = strchr(i->layers[k].diffid, ':') + 1;
		of[k] = known ? knownlayers_find(known, NULL, hex, compressor) : NULL;
		if (!of[k] && image_layer_size(i, k, e) < 0)
			return -1;
	}
	if (layerwrite_begin(&w, o, (uint32_t)i->nlayers, e) < 0)
		return -1;
	for (size_t k = 0; k < i->nlayers; k++)
		if (write_layer(i, k, of[k], &w, o, e) < 0)
			return -1;
	return layerwrite_end(&w, e);
}

/* --- the list --- */

static int hash_blob(const struct image *i, size_t layer, char **digest, struct err *e)
{
	const struct imagefile_member *blob = &i->layers[layer].blob;
	const void *data;
	size_t len = 1;
	char hex[DIGEST_HEX_LEN + 1];
	struct source_part part;
	source_part(&part, blob->fd, blob->name, blob->offset, blob->size);
	AUTO_HASHSOURCE struct hashsource *h = hashsource_new(&part.source);
	while (len)
		if (hashsource_next(h, &data, &len, e) < 0)
			return image_layer_wrap(i, layer, e);
	hashsource_hex(h, hex);
	*digest = xasprintf("sha256:%s", hex);
	return 0;
}

static char *media_type(const struct image_layer *l)
{
	static const char *const suffixes[] = { [COMPRESS_NONE] = "",
						[COMPRESS_GZ] = "+gzip",
						[COMPRESS_ZSTD] = "+zstd",
						[COMPRESS_XZ] = "+xz" };
	return l->media_type ? xstrdup(l->media_type)
			     : xasprintf("%s%s", LAYERLIST_TAR, suffixes[l->compression]);
}

static int list_layer(const struct image *i, size_t layer, struct layerlist *list, struct err *e)
{
	const struct image_layer *l = &i->layers[layer];
	AUTO_FREE char *type = media_type(l), *digest = NULL;
	if (l->digest || l->compression == COMPRESS_NONE)
		digest = xstrdup(l->digest ? l->digest : l->diffid);
	else if (hash_blob(i, layer, &digest, e) < 0)
		return -1;
	layerlist_add(list, &(struct layerlist_layer){ .diffid = l->diffid,
						       .size = l->absent ? l->size : l->blob.size,
						       .media_type = type,
						       .digest = digest,
						       .comment = l->comment });
	return 0;
}

int imagelayers_list(const struct image *i, struct out *o, struct err *e)
{
	AUTO_LAYERLIST struct layerlist list = { 0 };
	for (size_t k = 0; k < i->nlayers; k++)
		if (list_layer(i, k, &list, e) < 0)
			return -1;
	return layerlist_write(&list, o, e);
}

/* --- names --- */

int imagelayers_names(const struct image_entry *entries, size_t n, struct out *o, struct err *e)
{
	AUTO_BUF struct buf b = { 0 };
	for (size_t i = 0; i < n; i++)
		for (size_t k = 0; k < entries[i].nnames; k++) {
			esc_field(&b, entries[i].names[k], strlen(entries[i].names[k]));
			buf_addc(&b, '\n');
		}
	return out_write(o, b.s, b.len, e);
}
