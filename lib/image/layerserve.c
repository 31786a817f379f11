/* SPDX-License-Identifier: MIT */
#include "image/layerserve.h"

#include <errno.h>
#include <stdint.h>
#include <string.h>
#include <sys/stat.h>

#include "base/digest.h"
#include "closure/storepath.h"
#include "tar/compress.h"

static const enum compress_kind kinds[] = { COMPRESS_GZ, COMPRESS_ZSTD, COMPRESS_CHUNKED,
					    COMPRESS_NONE };

/* A blob that is to be served. */
struct blob {
	const struct image *image; /* NULL: it is of the plan */
	size_t layer;              /* of the plan, from 1, or of the image, from 0 */
	struct storelayer_paths paths;
	enum compress_kind kind;
	const struct knownlayers_layer *known;
};

struct service {
	const struct layerserve *s;
	int store;
	struct blob *blobs;
	const char **names;
	size_t n, blobs_cap, names_cap;
};

/* --- making a blob --- */

/* The layer on its way: hashed, and compressed. */
struct making {
	struct digest *diffid;
	struct compress *compress;
};

/* The blob on its way to the reader. */
struct leaving {
	struct digest *digest;
	struct out *to;
};

/* Hashes a piece of the blob; its last byte stays in the buffer, in case that it is the last. */
static int leave(void *context, const void *data, size_t len, struct err *e)
{
	struct leaving *l = context;
	const char *last = (const char *)data + len - 1;
	digest_add(l->digest, data, len);
	return out_write(l->to, data, len - 1, e) < 0 ? -1 : out_write(l->to, last, 1, e);
}

static int take(void *context, const void *data, size_t len, struct err *e)
{
	struct making *m = context;
	digest_add(m->diffid, data, len);
	return compress_write(m->compress, data, len, e);
}

static int compare(const struct blob *b, const char *what, struct digest *d, const char *expected,
		   struct err *e)
{
	char hex[DIGEST_HEX_LEN + 1];
	digest_hex(d, hex);
	if (strcmp(hex, expected) == 0)
		return 0;
	if (!b->image)
		return err_set(e, 0,
			       "layer %zu has changed: its %s is sha256:%s, known is sha256:%s",
			       b->layer, what, hex, expected);
	err_set(e, 0, "its %s is sha256:%s, known is sha256:%s", what, hex, expected);
	return image_layer_wrap(b->image, b->layer, e);
}

static int emit_of_store(const struct service *v, const struct blob *b, struct making *m,
			 struct err *e)
{
	struct storelayer layer = { 0 };
	struct out o;
	out_init_function(&o, take, m);
	int r = storelayer_measure(&v->s->form, &b->paths, v->store, &layer, e);
	if (r == 0)
		r = storelayer_emit(&v->s->form, &b->paths, v->store, &layer, &o, e);
	if (r == 0)
		r = out_flush(&o, e);
	out_drop(&o);
	storelayer_free(&layer);
	return r;
}

static int emit_of_image(const struct blob *b, struct making *m, struct err *e)
{
	AUTO_IMAGE_READER struct image_reader *r = NULL;
	const void *data;
	if (image_layer_open(b->image, b->layer, &r, e) < 0)
		return -1;
	for (size_t len = 1; len;)
		if (image_layer_next(r, &data, &len, e) < 0 || take(m, data, len, e) < 0)
			return -1;
	return 0;
}

/* The layer into the compressor, which is not ended before the diff ID is seen to be right. */
static int emit(const struct service *v, const struct blob *b, struct compress *c, struct err *e)
{
	AUTO_DIGEST struct digest *diffid = digest_new();
	struct making m = { diffid, c };
	int r = b->image ? emit_of_image(b, &m, e) : emit_of_store(v, b, &m, e);
	return r < 0 ? -1 : compare(b, "diff ID", diffid, b->known->diffid, e);
}

static int fill(const struct service *v, const struct blob *b, unsigned threads, struct out *o,
		struct err *e)
{
	AUTO_COMPRESS struct compress *c = NULL;
	if (compress_new(b->kind, threads, o, &c, e) < 0 || emit(v, b, c, e) < 0 ||
	    compress_finish(c, e) < 0)
		return -1;
	return out_flush(o, e);
}

static int make_blob(void *service, size_t i, unsigned threads, struct out *o, struct err *e)
{
	const struct service *v = service;
	const struct blob *b = &v->blobs[i];
	AUTO_DIGEST struct digest *digest = digest_new();
	struct leaving leaving = { digest, o };
	struct out checked;
	out_init_function(&checked, leave, &leaving);
	int r = fill(v, b, threads, &checked, e);
	out_drop(&checked);
	return r < 0 ? -1 : compare(b, "digest", digest, b->known->digest, e);
}

/* --- which blobs --- */

/* Whether there is a file; a pipe may be left from a run that was killed. */
static int is_there(const char *dir, const char *name, bool *there, struct err *e)
{
	AUTO_FREE char *path = xasprintf("%s/%s", dir, name);
	struct stat st;
	int r = lstat(path, &st);
	if (r < 0 && errno != ENOENT)
		return err_set(e, errno, "cannot read '%s'", path);
	*there = r == 0 && !S_ISFIFO(st.st_mode);
	return 0;
}

static void add(struct service *v, const struct blob *b)
{
	v->names = mem_grow(v->names, &v->names_cap, v->n + 1, sizeof *v->names);
	v->blobs = mem_grow(v->blobs, &v->blobs_cap, v->n + 1, sizeof *v->blobs);
	v->names[v->n] = b->known->digest;
	v->blobs[v->n++] = *b;
}

static bool has(const struct service *v, const char *digest)
{
	for (size_t i = 0; i < v->n; i++)
		if (strcmp(v->names[i], digest) == 0)
			return true;
	return false;
}

/* Adds what the layer is known as, by its key or its diff ID, and the layout lacks. */
static int add_layer(struct service *v, const char *dir, const struct blob *layer, const char *key,
		     const char *diffid, struct err *e)
{
	for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++) {
		AUTO_FREE char *about = compress_about(kinds[i]);
		struct blob b = *layer;
		bool there = true;
		b.kind = kinds[i];
		b.known = knownlayers_find(v->s->known, key, diffid, about);
		if (b.known && is_there(dir, b.known->digest, &there, e) < 0)
			return -1;
		if (!there && !has(v, b.known->digest))
			add(v, &b);
	}
	return 0;
}

static int find_of_plan(struct service *v, const char *dir, struct err *e)
{
	const struct plan *p = v->s->plan;
	AUTO_FREE struct storelayer_paths *layers = storelayer_cut(p);
	char key[DIGEST_HEX_LEN + 1];
	for (size_t i = 0; i < p->n; i++)
		if (storepath_check(p->paths[i].path, v->s->form.store_dir, e) < 0)
			return -1;
	for (uint32_t i = 0; i < p->layers; i++) {
		const struct blob b = { .layer = i + 1, .paths = layers[i] };
		if (storelayer_key(&v->s->form, &layers[i], key) &&
		    add_layer(v, dir, &b, key, NULL, e) < 0)
			return -1;
	}
	return 0;
}

static int find_of_image(struct service *v, const char *dir, const struct image *image,
			 struct err *e)
{
	for (size_t i = 0; i < image->nlayers; i++) {
		const struct blob b = { .image = image, .layer = i };
		const char *diffid = strchr(image->layers[i].diffid, ':') + 1;
		if (!image->layers[i].absent && add_layer(v, dir, &b, NULL, diffid, e) < 0)
			return -1;
	}
	return 0;
}

static int find_blobs(struct service *v, const char *dir, struct err *e)
{
	for (size_t i = 0; i < v->s->nimages; i++)
		if (find_of_image(v, dir, v->s->images[i], e) < 0)
			return -1;
	return find_of_plan(v, dir, e);
}

int layerserve_run(const struct layerserve *s, char *const command[], struct blobpipes_end *end,
		   struct err *e)
{
	AUTO_CLOSE int store = -1;
	AUTO_FREE char *dir = xasprintf("%s/blobs/sha256", s->layout);
	AUTO_FREE char *lock = xasprintf("%s/oci-layout", s->layout);
	struct service v = { .s = s };
	int r = s->plan->n ? storelayer_open_store(s->root_dir, &s->form, &store, e) : 0;
	v.store = store;
	if (r == 0)
		r = find_blobs(&v, dir, e);
	const struct blobpipes pipes = { dir, lock, v.names, v.n, s->threads, make_blob, &v };
	if (r == 0)
		r = blobpipes_run(&pipes, command, end, e);
	free(v.names);
	free(v.blobs);
	return r;
}
