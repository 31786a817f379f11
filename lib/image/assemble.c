/* SPDX-License-Identifier: MIT */
#include "image/assemble.h"

#include <inttypes.h>
#include <string.h>

#include "base/spool.h"
#include "image/assemble_parts.h"
#include "image/imageref.h"

enum { CHUNK = 1 << 20 };

static void assembly_free(struct assembly *a)
{
	hashing_free(a->hashing); /* first: it may still read what the other holds */
	layerread_free(a->in);
	free(a->stored);
	free(a->order);
	free(a->about);
	compress_free(a->compress);
	intern_free(&a->texts);
}

int assemble_format(const char *name, enum assemble_format *format, struct err *e)
{
	static const char *const names[] = { "docker", "oci", "hybrid" };
	for (unsigned i = 0; i < 3; i++)
		if (strcmp(name, names[i]) == 0) {
			*format = (enum assemble_format)i;
			return 0;
		}
	return err_set(e, 0, "expected docker, oci or hybrid, found '%s'", name);
}

/* --- layers --- */

int assemble_copy(struct assembly *a, assemble_write_fn *write, void *to, char *hex, struct err *e)
{
	const void *data;
	size_t len;
	do {
		if (layerread_data(a->in, &data, &len, e) < 0)
			return -1;
		hashing_add(a->hashing, data, len);
		if (write && write(to, data, len, e) < 0)
			return -1;
		progress_bytes(a->s->progress, len);
	} while (len);
	hashing_hex(a->hashing, hex);
	return 0;
}

int assemble_to_archive(void *to, const void *data, size_t len, struct err *e)
{
	struct assembly *a = to;
	return dockerarchive_write(&a->out, data, len, e);
}

int assemble_unspool(struct assembly *a, int spool, struct err *e)
{
	AUTO_FREE char *data = xmalloc(CHUNK);
	size_t got;
	if (spool_rewind(spool, e) < 0)
		return -1;
	do {
		if (spool_read(spool, data, CHUNK, &got, e) < 0 ||
		    dockerarchive_write(&a->out, data, got, e) < 0)
			return -1;
	} while (got);
	return 0;
}

const struct assemble_stored *assemble_find(const struct assembly *a, const char *key,
					    const char *hex)
{
	for (size_t i = 0; i < a->nstored; i++)
		if ((key && strcmp(a->stored[i].key, key) == 0) ||
		    (hex && strcmp(a->stored[i].hex, hex) == 0))
			return &a->stored[i];
	return NULL;
}

struct assemble_stored *assemble_store(struct assembly *a, const char *key, const char *hex,
				       const char *digest, uint64_t size)
{
	a->stored = mem_grow(a->stored, &a->stored_cap, a->nstored + 1, sizeof *a->stored);
	struct assemble_stored *s = &a->stored[a->nstored++];
	*s = (struct assemble_stored){ .size = size,
				       .media_type = ocimanifest_layer_type(a->o->compressor),
				       .compressor = a->about };
	if (key)
		memcpy(s->key, key, sizeof s->key);
	memcpy(s->hex, hex, sizeof s->hex);
	memcpy(s->digest, digest, sizeof s->digest);
	return s;
}

static int mismatch(const struct assembly *a, const char *what, const char *want, const char *hex,
		    struct err *e)
{
	err_set(e, 0, "%s sha256:%s, but its bytes are sha256:%s", what, want, hex);
	return layerread_wrap(a->in, e);
}

int assemble_same(const struct assembly *a, const struct assemble_stored *s, const char *hex,
		  struct err *e)
{
	if (strcmp(hex, s->hex) != 0)
		return mismatch(a, "an earlier layer with its key or digest is", s->hex, hex, e);
	return 0;
}

/* A layer that is in the image already: only its digest is looked at. */
static int skip_layer(struct assembly *a, const struct assemble_stored *s, struct err *e)
{
	char hex[DIGEST_HEX_LEN + 1];
	if (assemble_copy(a, NULL, NULL, hex, e) < 0)
		return -1;
	return assemble_same(a, s, hex, e);
}

/* Notes the layer in the image's order. */
static void list_layer(struct assembly *a, const struct layerread_layer *l,
		       const struct assemble_stored *s)
{
	AUTO_FREE char *diffid = xasprintf("sha256:%s", s->hex);
	AUTO_FREE char *digest = xasprintf("sha256:%s", s->digest);
	AUTO_FREE char *type = xstrdup(s->media_type);
	AUTO_FREE char *comment = l->comment ? xstrdup(l->comment) : NULL;
	layerlist_add(a->layers, &(struct layerlist_layer){ .diffid = diffid,
							    .size = s->size,
							    .media_type = type,
							    .digest = digest,
							    .comment = comment });
	a->order = mem_grow(a->order, &a->order_cap, a->norder + 1, sizeof *a->order);
	a->order[a->norder++] = (size_t)(s - a->stored);
	progress_layer(a->s->progress, l->size, diffid, comment);
}

/* A layer without its bytes: whoever sent it knows what they became. */
static const struct assemble_stored *store_reference(struct assembly *a, const char *key,
						     const struct layerread_layer *l)
{
	const struct layerread_blob *b = l->blob;
	struct assemble_stored *s = assemble_store(a, key, l->diffid, b->digest, b->size);
	s->media_type = intern_keep(&a->texts, b->media_type, strlen(b->media_type));
	s->compressor = intern_keep(&a->texts, b->compressor, strlen(b->compressor));
	return s;
}

static int store_layer(struct assembly *a, const struct assemble_form *form,
		       const struct layerread_layer *l, const char *key,
		       const struct assemble_stored **s, struct err *e)
{
	if (l->blob && *s)
		return assemble_same(a, *s, l->diffid, e);
	if (l->blob) {
		*s = store_reference(a, key, l);
		return 0;
	}
	return *s ? skip_layer(a, *s, e) : form->layer(a, l, key, s, e);
}

static int take_layer(struct assembly *a, const struct assemble_form *form,
		      const struct layerread_layer *l, struct err *e)
{
	const char *key = l->key ? l->key : l->diffid;
	const struct assemble_stored *s = assemble_find(a, key, l->diffid);
	if (store_layer(a, form, l, key, &s, e) < 0)
		return -1;
	if (l->diffid && strcmp(l->diffid, s->hex) != 0)
		return mismatch(a, "its diff ID is given as", l->diffid, s->hex, e);
	list_layer(a, l, s);
	return 0;
}

static int too_many(const struct assemble_input *in, uint64_t n, const char *why, struct err *e)
{
	return err_set(e, 0, "%s: more than %" PRIu64 " layers: %s", in->name, n, why);
}

static int check_input(const struct assembly *a, const struct assemble_input *in, struct err *e)
{
	if (in->not_empty && layerread_offset(a->in) == 0)
		return err_set(e, 0, "%s: empty, not even a layer stream: its producer failed",
			       in->name);
	return 0;
}

static int take_input(struct assembly *a, const struct assemble_form *form,
		      const struct assemble_input *in, struct err *e)
{
	const struct assemble_options *o = a->o;
	const struct layerread_layer *l = NULL;
	layerread_free(a->in);
	a->in = layerread_new(in->fd, in->name);
	if (a->s->layout)
		layerread_references(a->in);
	for (;;) {
		if (layerread_next(a->in, &l, e) < 0)
			return -1;
		if (!l)
			return check_input(a, in, e);
		if (a->norder >= o->max_layers)
			return too_many(in, o->max_layers, "that is the limit set for this image",
					e);
		if (a->norder >= o->expect_layers)
			return too_many(in, o->expect_layers, "no more were expected", e);
		if (take_layer(a, form, l, e) < 0)
			return -1;
	}
}

static int check_number(const struct assembly *a, struct err *e)
{
	const struct assemble_options *o = a->o;
	const char *name = a->s->ninputs == 1 ? a->s->inputs->name : "the inputs together";
	if (o->expect_layers != ASSEMBLE_ANY && a->norder != o->expect_layers)
		return err_set(e, 0,
			       "%s: expected %" PRIu64 " layers, found %zu: a producer failed",
			       name, o->expect_layers, a->norder);
	if (a->norder == 0 && !o->allow_empty)
		return err_set(e, 0,
			       "%s: no layers: expected a layer stream (--allow-empty makes "
			       "an image without layers)",
			       name);
	return 0;
}

static int take_layers(struct assembly *a, const struct assemble_form *form, struct err *e)
{
	for (size_t i = 0; i < a->s->ninputs; i++)
		if (take_input(a, form, &a->s->inputs[i], e) < 0)
			return -1;
	return check_number(a, e);
}

/* --- configuration and manifest --- */

/* The image's names, "NAME:TAG" each. */
struct names {
	char **list;
	size_t n;
};

static void names_free(struct names *names)
{
	for (size_t i = 0; i < names->n; i++)
		free(names->list[i]);
	free(names->list);
}

static struct names make_names(const struct assemble_options *o, const unsigned char *id)
{
	struct names names = { 0 };
	char tag[IMAGEREF_CONTENT_TAG_LEN + 1];
	if (!o->name)
		return names;
	names.list = xcalloc(o->ntags ? o->ntags : 1, sizeof *names.list);
	for (; names.n < o->ntags; names.n++)
		names.list[names.n] = xasprintf("%s:%s", o->name, o->tags[names.n]);
	if (o->ntags == 0) {
		imageref_content_tag(id, tag);
		names.list[names.n++] = xasprintf("%s:%s", o->name, tag);
	}
	return names;
}

static void hash(const struct buf *b, unsigned char raw[DIGEST_LEN], char hex[DIGEST_HEX_LEN + 1])
{
	AUTO_DIGEST struct digest *d = digest_new();
	digest_add(d, b->s, b->len);
	digest_raw(d, raw);
	digest_to_hex(raw, hex);
}

static void show(const struct assembly *a, const struct names *names, const char *hex)
{
	AUTO_FREE char *id = xasprintf("sha256:%s", hex);
	if (names->n == 0)
		progress_image(a->s->progress, NULL, id);
	for (size_t i = 0; i < names->n; i++)
		progress_image(a->s->progress, names->list[i], id);
}

/* What follows the layers. */
static int write_rest(struct assembly *a, const struct assemble_form *form, struct err *e)
{
	AUTO_BUF struct buf json = { 0 };
	unsigned char raw[DIGEST_LEN];
	char hex[DIGEST_HEX_LEN + 1];
	if (imageconfig_write(a->config, a->layers, &json, e) < 0)
		return -1;
	hash(&json, raw, hex);
	struct names names = make_names(a->o, raw);
	const struct assemble_ending end = { .json = &json,
					     .id = hex,
					     .names = (const char *const *)names.list,
					     .nnames = names.n };
	int status = form->finish(a, &end, e);
	if (status == 0)
		show(a, &names, hex);
	names_free(&names);
	return status;
}

/* Compressing keeps the cores busy by itself: no thread for hashing then. */
static bool compresses(const struct assemble_streams *s, const struct assemble_options *o)
{
	return o->compressor != COMPRESS_NONE || (s->archive && compress_has_threads(s->archive));
}

int assemble(const struct assemble_streams *s, const struct assemble_options *o,
	     const struct imageconfig *config, struct layerlist *layers, struct err *e)
{
	const struct assemble_form *form =
		o->format == ASSEMBLE_DOCKER ? &assemble_docker : &assemble_oci;
	struct assembly a = { .s = s,
			      .o = o,
			      .config = config,
			      .hashing = hashing_new(!compresses(s, o)),
			      .out = { .to = s->archive },
			      .layers = layers };
	a.about = compress_about(o->compressor);
	int status = take_layers(&a, form, e);
	if (status == 0 && s->known)
		status = knownlayers_append(s->known, e);
	if (status == 0)
		status = write_rest(&a, form, e);
	assembly_free(&a);
	return status;
}
