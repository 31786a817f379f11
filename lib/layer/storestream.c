/* SPDX-License-Identifier: MIT */
#include "layer/storestream.h"

#include <inttypes.h>
#include <pthread.h>
#include <string.h>

#include "base/digest.h"
#include "base/thread.h"
#include "closure/storepath.h"
#include "layer/layerwrite.h"
#include "tar/walk.h"

enum {
	AHEAD = 4 << 20,         /* what is known of layers to come, in bytes of storelayer.log */
	COMMENT_MAX = 512 << 10, /* about; readers of extended headers have limits */
};

/* A layer on its way. */
struct slot {
	struct storelayer_paths paths;
	struct storelayer layer;
	char diffid[DIGEST_HEX_LEN + 1];
	char key[DIGEST_HEX_LEN + 1];
	const struct knownlayers_layer *known; /* it is sent by reference */
	bool done;
	bool failed;
	struct err err;
};

struct stream {
	const struct storestream *s;
	int store;
	struct slot *slots;
	uint32_t n;
	/* shared with the threads */
	pthread_mutex_t lock;
	pthread_cond_t change;
	pthread_t *threads;
	unsigned nthreads;
	uint32_t next; /* to be prepared */
	size_t ahead;  /* bytes of the logs that wait */
	bool stop;
};

static int check_paths(const struct storestream *s, const struct plan *p, struct err *e)
{
	for (size_t i = 0; i < p->n; i++)
		if (storepath_check(p->paths[i].path, s->form.store_dir, e) < 0)
			return -1;
	return 0;
}

/* --- preparing a layer: its size, its key, and where asked for its digest --- */

static int find_diffid(const struct stream *st, struct slot *slot, struct err *e)
{
	AUTO_DIGEST struct digest *d = digest_new();
	struct out o;
	out_init_digest(&o, d);
	int r = storelayer_emit(&st->s->form, &slot->paths, st->store, &slot->layer, &o, e);
	if (r == 0)
		r = out_flush(&o, e);
	if (r == 0)
		digest_hex(d, slot->diffid);
	out_drop(&o);
	return r;
}

/* Looks the layer up; its key or else its diff ID is there. */
static void look_up(const struct stream *st, struct slot *slot, bool keyed)
{
	const struct storestream *s = st->s;
	if (!s->known)
		return;
	slot->known =
		knownlayers_find(s->known, keyed ? slot->key : NULL, slot->diffid, s->compressor);
	if (slot->known)
		memcpy(slot->diffid, slot->known->diffid, sizeof slot->diffid);
}

static int prepare(const struct stream *st, struct slot *slot, struct err *e)
{
	const struct storelayer_form *form = &st->s->form;
	bool keyed = storelayer_key(form, &slot->paths, slot->key);
	if (keyed)
		look_up(st, slot, true);
	if (slot->known)
		return 0;
	if (storelayer_measure(form, &slot->paths, st->store, &slot->layer, e) < 0 ||
	    ((!keyed || st->s->digests) && find_diffid(st, slot, e) < 0))
		return -1;
	if (!keyed) {
		memcpy(slot->key, slot->diffid, sizeof slot->key);
		look_up(st, slot, false);
	}
	return 0;
}

/* The next layer to prepare, NULL where none is left; waits while enough are ahead. */
static struct slot *take_slot(struct stream *st)
{
	struct slot *slot = NULL;
	pthread_mutex_lock(&st->lock);
	while (!st->stop && st->ahead > AHEAD)
		pthread_cond_wait(&st->change, &st->lock);
	if (!st->stop && st->next < st->n)
		slot = &st->slots[st->next++];
	pthread_mutex_unlock(&st->lock);
	return slot;
}

static void *prepare_ahead(void *stream)
{
	struct stream *st = stream;
	struct slot *slot;
	while ((slot = take_slot(st)) != NULL) {
		struct err e = { 0 };
		bool failed = prepare(st, slot, &e) < 0;
		pthread_mutex_lock(&st->lock);
		slot->failed = failed;
		slot->err = e;
		slot->done = true;
		st->ahead += slot->layer.log.len;
		pthread_cond_broadcast(&st->change);
		pthread_mutex_unlock(&st->lock);
	}
	return NULL;
}

static int start_threads(struct stream *st, struct err *e)
{
	/* writing is one job, hashing everything first is more work than that */
	unsigned want = st->s->digests ? st->s->jobs : st->s->jobs - 1;
	if (st->s->jobs < 2)
		return 0;
	st->threads = xcalloc(want, sizeof *st->threads);
	for (; st->nthreads < want; st->nthreads++) {
		int r = thread_start(&st->threads[st->nthreads], prepare_ahead, st);
		if (r)
			return err_set(e, r, "cannot start a thread");
	}
	return 0;
}

static void stop_threads(struct stream *st)
{
	pthread_mutex_lock(&st->lock);
	st->stop = true;
	pthread_cond_broadcast(&st->change);
	pthread_mutex_unlock(&st->lock);
	for (unsigned i = 0; i < st->nthreads; i++)
		pthread_join(st->threads[i], NULL);
	free(st->threads);
}

/* --- writing --- */

/* Python's list of the paths, as nixpkgs puts it into the history; cut where it gets too long. */
static char *paths_comment(const struct storelayer_paths *paths)
{
	struct buf b = { 0 };
	size_t i = 0;
	buf_adds(&b, "store paths: [");
	for (; i < paths->n && b.len < COMMENT_MAX; i++)
		buf_addf(&b, "%s'%s'", i ? ", " : "", paths->paths[i].path);
	buf_addc(&b, ']');
	if (i < paths->n)
		buf_addf(&b, " and %zu more", paths->n - i);
	return b.s;
}

/* Waits until the layer is prepared, or prepares it where there are no threads. */
static int await(struct stream *st, struct slot *slot, struct err *e)
{
	if (!st->nthreads)
		return prepare(st, slot, e);
	pthread_mutex_lock(&st->lock);
	while (!slot->done)
		pthread_cond_wait(&st->change, &st->lock);
	pthread_mutex_unlock(&st->lock);
	if (!slot->failed)
		return 0;
	err_clear(e);
	*e = slot->err;
	slot->err = (struct err){ 0 };
	return -1;
}

static void release(struct stream *st, struct slot *slot)
{
	pthread_mutex_lock(&st->lock);
	if (st->nthreads)
		st->ahead -= slot->layer.log.len;
	storelayer_free(&slot->layer);
	pthread_cond_broadcast(&st->change);
	pthread_mutex_unlock(&st->lock);
}

static int write_layer(struct stream *st, struct layerwrite *w, struct slot *slot, struct err *e)
{
	if (await(st, slot, e) < 0)
		return -1;
	const struct storelayer_form *form = &st->s->form;
	AUTO_FREE char *comment =
		st->s->comment ? xstrdup(st->s->comment) : paths_comment(&slot->paths);
	struct layerwrite_member m = { .size = slot->known ? 0 : slot->layer.size,
				       .mtime = form->mtime,
				       .comment = comment,
				       .known = slot->known };
	memcpy(m.diffid, slot->diffid, sizeof m.diffid);
	memcpy(m.key, slot->key, sizeof m.key);
	if (layerwrite_member(w, &m, e) < 0)
		return -1;
	int r = slot->known
			? 0
			: storelayer_emit(form, &slot->paths, st->store, &slot->layer, w->out, e);
	release(st, slot);
	return r;
}

static int write_layers(struct stream *st, struct out *o, struct err *e)
{
	AUTO_DIGEST struct digest *d = digest_new();
	struct layerwrite w;
	if (layerwrite_begin(&w, o, st->n, e) < 0)
		return -1;
	layerwrite_check(&w, d);
	for (uint32_t i = 0; i < st->n; i++)
		if (write_layer(st, &w, &st->slots[i], e) < 0)
			return -1;
	return layerwrite_end(&w, e);
}

/* One slot a layer. */
static struct slot *cut(const struct plan *p)
{
	AUTO_FREE struct storelayer_paths *layers = storelayer_cut(p);
	struct slot *slots = xcalloc(p->layers, sizeof *slots);
	for (uint32_t i = 0; i < p->layers; i++)
		slots[i].paths = layers[i];
	return slots;
}

static void free_slots(struct stream *st)
{
	for (uint32_t i = 0; i < st->n; i++) {
		storelayer_free(&st->slots[i].layer);
		err_clear(&st->slots[i].err);
	}
	free(st->slots);
}

int storestream_write(const struct storestream *s, const struct plan *p, struct out *o,
		      struct err *e)
{
	AUTO_CLOSE int store = -1;
	if (check_paths(s, p, e) < 0 || storelayer_open_store(s->root_dir, &s->form, &store, e) < 0)
		return -1;
	struct stream st = { .s = s,
			     .store = store,
			     .slots = cut(p),
			     .n = p->layers,
			     .lock = PTHREAD_MUTEX_INITIALIZER,
			     .change = PTHREAD_COND_INITIALIZER };
	int r = start_threads(&st, e);
	if (r == 0)
		r = write_layers(&st, o, e);
	stop_threads(&st);
	free_slots(&st);
	return r;
}

int storestream_bare(const struct storestream *s, const struct plan *p, struct out *o,
		     struct err *e)
{
	struct storelayer_paths paths = { p->paths, p->n };
	struct storelayer layer = { 0 };
	AUTO_CLOSE int store = -1;
	if (p->layers != 1)
		return err_set(e, 0,
			       "cannot write a bare layer: the plan has %" PRIu32
			       " layers, expected exactly one",
			       p->layers);
	if (check_paths(s, p, e) < 0 || storelayer_open_store(s->root_dir, &s->form, &store, e) < 0)
		return -1;
	int r = storelayer_measure(&s->form, &paths, store, &layer, e);
	if (r == 0)
		r = storelayer_emit(&s->form, &paths, store, &layer, o, e);
	storelayer_free(&layer);
	return r;
}
