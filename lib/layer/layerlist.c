/* SPDX-License-Identifier: MIT */
#include "layer/layerlist.h"

#include <inttypes.h>
#include <string.h>

#include "base/digest.h"
#include "base/esc.h"
#include "base/record.h"

static char *copy(const char *s)
{
	return s ? xstrdup(s) : NULL;
}

static struct layerlist_layer *append(struct layerlist *l)
{
	l->layers = mem_grow(l->layers, &l->cap, l->n + 1, sizeof *l->layers);
	l->layers[l->n] = (struct layerlist_layer){ 0 };
	return &l->layers[l->n++];
}

void layerlist_add(struct layerlist *l, const struct layerlist_layer *layer)
{
	*append(l) = (struct layerlist_layer){ .diffid = xstrdup(layer->diffid),
					       .size = layer->size,
					       .media_type = xstrdup(layer->media_type),
					       .digest = xstrdup(layer->digest),
					       .comment = copy(layer->comment) };
}

static int read_digest(const struct record_reader *r, const struct record_field *f,
		       const char *what, char **value, struct err *e)
{
	if (!digest_digits(f->s, f->len))
		return record_err(r, e, "%s '%.*s': expected sha256: and %d lower-case hex digits",
				  what, (int)(f->len < 80 ? f->len : 80), f->s, DIGEST_HEX_LEN);
	*value = xstrndup(f->s, f->len);
	return 0;
}

static int read_layer(const struct record_reader *r, const struct record_field *rec, void *list,
		      struct err *e)
{
	struct record_field f[5];
	struct layerlist_layer *layer = append(list);
	if (record_split(r, rec, f, 5, e) < 0 ||
	    read_digest(r, &f[0], "diff-id", &layer->diffid, e) < 0 ||
	    record_number(r, &f[1], "size", 0, INT64_MAX, &layer->size, e) < 0 ||
	    record_string(r, &f[2], "media-type", 0, &layer->media_type, e) < 0 ||
	    read_digest(r, &f[3], "digest", &layer->digest, e) < 0 ||
	    record_string(r, &f[4], "comment", 1, &layer->comment, e) < 0)
		return -1;
	if (!strchr(layer->media_type, '/'))
		return record_err(r, e, "media-type '%s': expected TYPE/SUBTYPE",
				  layer->media_type);
	if (layer->comment && !esc_is_utf8(layer->comment, strlen(layer->comment)))
		return record_err(r, e, "comment: expected UTF-8");
	return 0;
}

int layerlist_read(struct layerlist *l, int fd, const char *name, struct err *e)
{
	return record_each(fd, name, read_layer, l, e);
}

static void add_line(struct buf *b, const struct layerlist_layer *layer)
{
	buf_addf(b, "%s\t%" PRIu64 "\t", layer->diffid, layer->size);
	esc_field(b, layer->media_type, strlen(layer->media_type));
	buf_addf(b, "\t%s\t", layer->digest);
	if (layer->comment)
		esc_field(b, layer->comment, strlen(layer->comment));
	else
		buf_addc(b, '-');
	buf_addc(b, '\n');
}

int layerlist_write(const struct layerlist *l, struct out *o, struct err *e)
{
	AUTO_BUF struct buf b = { 0 };
	for (size_t i = 0; i < l->n; i++) {
		buf_clear(&b);
		add_line(&b, &l->layers[i]);
		if (out_write(o, b.s, b.len, e) < 0)
			return -1;
	}
	return 0;
}

void layerlist_free(struct layerlist *l)
{
	for (size_t i = 0; i < l->n; i++) {
		free(l->layers[i].diffid);
		free(l->layers[i].media_type);
		free(l->layers[i].digest);
		free(l->layers[i].comment);
	}
	free(l->layers);
	*l = (struct layerlist){ 0 };
}
