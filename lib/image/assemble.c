/* SPDX-License-Identifier: MIT */
#include "image/assemble.h"

#include <inttypes.h>
#include <string.h>

#include "base/hashing.h"
#include "base/spool.h"
#include "image/dockerarchive.h"
#include "image/imageref.h"
#include "layer/layerread.h"

enum { CHUNK = 1 << 20 };

/* A layer that stands in the archive. */
struct stored {
	char key[DIGEST_HEX_LEN + 1];
	char hex[DIGEST_HEX_LEN + 1]; /* its digest */
};

/* An archive in the making. */
struct archive {
	const struct assemble_streams *s;
	struct layerread *in;
	struct hashing *hashing;
	struct dockerarchive out;
	struct stored *stored;
	size_t nstored, stored_cap;
	size_t *order; /* for each layer of the image its place in stored */
	size_t norder, order_cap;
	struct layerlist *layers;
};

static void archive_free(struct archive *a)
{
	hashing_free(a->hashing); /* first: it may still read what the other holds */
	layerread_free(a->in);
	free(a->stored);
	free(a->order);
}

/* --- layers --- */

/* Where the bytes of a layer go while they are hashed. */
enum target { TO_NOTHING, TO_ARCHIVE, TO_SPOOL };

/* Takes the contents of the current layer from the input; their digest goes to hex. */
static int copy(struct archive *a, enum target to, int spool, char *hex, struct err *e)
{
	const void *data;
	size_t len;
	do {
		if (layerread_data(a->in, &data, &len, e) < 0)
			return -1;
		hashing_add(a->hashing, data, len);
		if ((to == TO_ARCHIVE && dockerarchive_write(&a->out, data, len, e) < 0) ||
		    (to == TO_SPOOL && spool_write(spool, data, len, e) < 0))
			return -1;
		progress_bytes(a->s->progress, len);
	} while (len);
	hashing_hex(a->hashing, hex);
	return 0;
}

static const struct stored *find(const struct archive *a, const char *key, const char *hex)
{
	for (size_t i = 0; i < a->nstored; i++)
		if ((key && strcmp(a->stored[i].key, key) == 0) ||
		    (hex && strcmp(a->stored[i].hex, hex) == 0))
			return &a->stored[i];
	return NULL;
}

static const struct stored *store(struct archive *a, const char *key, const char *hex)
{
	a->stored = mem_grow(a->stored, &a->stored_cap, a->nstored + 1, sizeof *a->stored);
	struct stored *s = &a->stored[a->nstored++];
	memcpy(s->key, key, sizeof s->key);
	memcpy(s->hex, hex, sizeof s->hex);
	return s;
}

static int mismatch(const struct archive *a, const char *what, const char *want, const char *hex,
		    struct err *e)
{
	err_set(e, 0, "%s sha256:%s, but its bytes are sha256:%s", what, want, hex);
	return layerread_wrap(a->in, e);
}

static int check_same(const struct archive *a, const struct stored *s, const char *hex,
		      struct err *e)
{
	if (strcmp(hex, s->hex) != 0)
		return mismatch(a, "an earlier layer with its key or digest is", s->hex, hex, e);
	return 0;
}

/* A layer that is in the archive already: only its digest is looked at. */
static int skip_layer(struct archive *a, const struct stored *s, struct err *e)
{
	char hex[DIGEST_HEX_LEN + 1];
	if (copy(a, TO_NOTHING, -1, hex, e) < 0)
		return -1;
	return check_same(a, s, hex, e);
}

/* A layer with a name known before its bytes: they go straight through. */
static int pass_layer(struct archive *a, const struct layerread_layer *l, const char *key,
		      const struct stored **s, struct err *e)
{
	char hex[DIGEST_HEX_LEN + 1];
	if (dockerarchive_begin_layer(&a->out, key, l->size, e) < 0 ||
	    copy(a, TO_ARCHIVE, -1, hex, e) < 0 || dockerarchive_end_layer(&a->out, l->size, e) < 0)
		return -1;
	*s = store(a, key, hex);
	return 0;
}

static int unspool(struct archive *a, int spool, struct err *e)
{
	AUTO_FREE char *data = xmalloc(CHUNK);
	size_t got;
	do {
		if (spool_read(spool, data, CHUNK, &got, e) < 0 ||
		    dockerarchive_write(&a->out, data, got, e) < 0)
			return -1;
	} while (got);
	return 0;
}

/* A layer that is to be named by its digest: it is put aside until that is known. */
static int spool_layer(struct archive *a, const struct layerread_layer *l, const struct stored **s,
		       struct err *e)
{
	AUTO_CLOSE int spool = -1;
	char hex[DIGEST_HEX_LEN + 1];
	if (spool_open(&spool, e) < 0 || copy(a, TO_SPOOL, spool, hex, e) < 0 ||
	    spool_rewind(spool, e) < 0)
		return -1;
	/* a layer with other bytes may have this digest as its key */
	*s = find(a, hex, hex);
	if (*s)
		return check_same(a, *s, hex, e);
	if (dockerarchive_begin_layer(&a->out, hex, l->size, e) < 0 || unspool(a, spool, e) < 0 ||
	    dockerarchive_end_layer(&a->out, l->size, e) < 0)
		return -1;
	*s = store(a, hex, hex);
	return 0;
}

/* Notes the layer in the image's order. */
static void list_layer(struct archive *a, const struct layerread_layer *l, const struct stored *s)
{
	AUTO_FREE char *digest = xasprintf("sha256:%s", s->hex);
	char *comment = l->comment ? xstrdup(l->comment) : NULL;
	layerlist_add(a->layers, &(struct layerlist_layer){ .diffid = digest,
							    .size = l->size,
							    .media_type = (char[]){ LAYERLIST_TAR },
							    .digest = digest,
							    .comment = comment });
	a->order = mem_grow(a->order, &a->order_cap, a->norder + 1, sizeof *a->order);
	a->order[a->norder++] = (size_t)(s - a->stored);
	progress_layer(a->s->progress, l->size, digest, comment);
	free(comment);
}

static int take_layer(struct archive *a, const struct layerread_layer *l, struct err *e)
{
	const char *key = l->key ? l->key : l->diffid;
	const struct stored *s = find(a, key, l->diffid);
	int status = s     ? skip_layer(a, s, e)
		     : key ? pass_layer(a, l, key, &s, e)
			   : spool_layer(a, l, &s, e);
	if (status < 0)
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

static int check_input(const struct archive *a, const struct assemble_input *in, struct err *e)
{
	if (in->not_empty && layerread_offset(a->in) == 0)
		return err_set(e, 0, "%s: empty, not even a layer stream: its producer failed",
			       in->name);
	return 0;
}

static int take_input(struct archive *a, const struct assemble_options *o,
		      const struct assemble_input *in, struct err *e)
{
	const struct layerread_layer *l = NULL;
	layerread_free(a->in);
	a->in = layerread_new(in->fd, in->name);
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
		if (take_layer(a, l, e) < 0)
			return -1;
	}
}

static int check_number(const struct archive *a, const struct assemble_options *o, struct err *e)
{
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

static int take_layers(struct archive *a, const struct assemble_options *o, struct err *e)
{
	for (size_t i = 0; i < a->s->ninputs; i++)
		if (take_input(a, o, &a->s->inputs[i], e) < 0)
			return -1;
	return check_number(a, o, e);
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

static int write_manifest(struct archive *a, const char *id, const struct names *names,
			  struct err *e)
{
	AUTO_FREE const char **keys = xcalloc(a->norder, sizeof *keys);
	for (size_t i = 0; i < a->norder; i++)
		keys[i] = a->stored[a->order[i]].key;
	struct dockerarchive_image image = { .id = id,
					     .names = (const char *const *)names->list,
					     .nnames = names->n,
					     .keys = keys,
					     .nkeys = a->norder };
	return dockerarchive_finish(&a->out, &image, 1, e);
}

static void hash(const struct buf *b, unsigned char raw[DIGEST_LEN], char hex[DIGEST_HEX_LEN + 1])
{
	AUTO_DIGEST struct digest *d = digest_new();
	digest_add(d, b->s, b->len);
	digest_raw(d, raw);
	digest_add(d, b->s, b->len);
	digest_hex(d, hex);
}

static void show(const struct archive *a, const struct names *names, const char *hex)
{
	AUTO_FREE char *id = xasprintf("sha256:%s", hex);
	if (names->n == 0)
		progress_image(a->s->progress, NULL, id);
	for (size_t i = 0; i < names->n; i++)
		progress_image(a->s->progress, names->list[i], id);
}

/* What follows the layers. */
static int write_rest(struct archive *a, const struct assemble_options *o,
		      const struct imageconfig *config, struct err *e)
{
	AUTO_BUF struct buf json = { 0 };
	unsigned char raw[DIGEST_LEN];
	char hex[DIGEST_HEX_LEN + 1];
	if (imageconfig_write(config, a->layers, &json, e) < 0)
		return -1;
	hash(&json, raw, hex);
	struct names names = make_names(o, raw);
	int status = dockerarchive_config(&a->out, hex, &json, e);
	if (status == 0)
		status = write_manifest(a, hex, &names, e);
	if (status == 0)
		show(a, &names, hex);
	names_free(&names);
	return status;
}

int assemble_docker(const struct assemble_streams *s, const struct assemble_options *o,
		    const struct imageconfig *config, struct layerlist *layers, struct err *e)
{
	struct archive a = { .s = s,
			     .hashing = hashing_new(!compress_has_threads(s->archive)),
			     .out = { .to = s->archive },
			     .layers = layers };
	int status = take_layers(&a, o, e);
	if (status == 0)
		status = write_rest(&a, o, config, e);
	archive_free(&a);
	return status;
}
