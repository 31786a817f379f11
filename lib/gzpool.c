/* SPDX-License-Identifier: MIT */
#include "gzpool.h"

#include <errno.h>
#include <libdeflate.h>
#include <pthread.h>
#include <stdbool.h>
#include <string.h>

/*
 * Levels and block are a measured choice, against pigz -nT (level 6 of zlib)
 * on store contents: level 5 takes 0.3 of its processor time but can be 0.15 % larger
 * with blocks of 1 MiB, 0.05 % with 2 MiB, as fewer matches are lost at their
 * borders; level 6 is 0.75 % smaller than that but slower by a quarter. So one block in
 * sixteen is written at level 6.
 */
enum { LEVEL = 5, THOROUGH_LEVEL = 6, THOROUGH_EVERY = 16, BLOCK = 2 << 20 };

/* Memory: two blocks a slot at the worst, so below 32 MiB with any number of cores. */
enum { MAX_JOBS = 3, SPARE = 2 };

enum state { FREE, READY, BUSY, DONE };

/* A block on its way through. */
struct slot {
	enum state state;
	char *in, *out;
	size_t in_len, out_len;
	bool thorough;
};

struct worker {
	struct gzpool *pool;
	struct libdeflate_compressor *compressor, *thorough;
	pthread_t thread;
};

/* Slots form a ring: filled and written out in order by the caller, compressed by any thread. */
struct gzpool {
	struct out *o;
	pthread_mutex_t lock;
	pthread_cond_t ready, done;
	struct worker workers[MAX_JOBS];
	unsigned started;
	bool quit;
	struct slot slots[MAX_JOBS + SPARE];
	size_t nslots;
	size_t fill;      /* slot that the caller fills */
	size_t take;      /* slot that the next free thread compresses */
	size_t out_bound; /* room for a compressed block */
	uint64_t blocks;  /* submitted so far */
};

/* The next block to compress, NULL when there will be none. */
static struct slot *take(struct gzpool *p)
{
	struct slot *s = NULL;
	pthread_mutex_lock(&p->lock);
	while (!p->quit && p->slots[p->take].state != READY)
		pthread_cond_wait(&p->ready, &p->lock);
	if (!p->quit) {
		s = &p->slots[p->take];
		s->state = BUSY;
		p->take = (p->take + 1) % p->nslots;
	}
	pthread_mutex_unlock(&p->lock);
	return s;
}

static void *work(void *arg)
{
	const struct worker *w = arg;
	struct gzpool *p = w->pool;
	for (struct slot *s; (s = take(p));) {
		s->out_len = libdeflate_gzip_compress(s->thorough ? w->thorough : w->compressor,
						      s->in, s->in_len, s->out, p->out_bound);
		pthread_mutex_lock(&p->lock);
		s->state = DONE;
		pthread_cond_signal(&p->done);
		pthread_mutex_unlock(&p->lock);
	}
	return NULL;
}

static int start_worker(struct gzpool *p, struct err *e)
{
	struct worker *w = &p->workers[p->started];
	w->pool = p;
	w->compressor = libdeflate_alloc_compressor(LEVEL);
	w->thorough = libdeflate_alloc_compressor(THOROUGH_LEVEL);
	int code =
		w->compressor && w->thorough ? pthread_create(&w->thread, NULL, work, w) : ENOMEM;
	if (code) {
		libdeflate_free_compressor(w->compressor);
		libdeflate_free_compressor(w->thorough);
		return err_set(e, code, "cannot start a thread for compression");
	}
	p->started++;
	return 0;
}

int gzpool_new(unsigned jobs, struct out *o, struct gzpool **pool, struct err *e)
{
	struct gzpool *p = xcalloc(1, sizeof *p);
	p->o = o;
	pthread_mutex_init(&p->lock, NULL);
	pthread_cond_init(&p->ready, NULL);
	pthread_cond_init(&p->done, NULL);
	unsigned workers = jobs < MAX_JOBS ? jobs : MAX_JOBS;
	p->nslots = workers + SPARE;
	p->out_bound = libdeflate_gzip_compress_bound(NULL, BLOCK);
	while (p->started < workers)
		if (start_worker(p, e) < 0) {
			gzpool_free(p);
			return -1;
		}
	*pool = p;
	return 0;
}

/* Waits until the slot is free; what it holds is written first. */
static int empty(struct gzpool *p, struct slot *s, struct err *e)
{
	pthread_mutex_lock(&p->lock);
	while (s->state == READY || s->state == BUSY)
		pthread_cond_wait(&p->done, &p->lock);
	enum state state = s->state;
	s->state = FREE;
	pthread_mutex_unlock(&p->lock);
	s->in_len = 0;
	return state == DONE ? out_write(p->o, s->out, s->out_len, e) : 0;
}

/* Hands the block to the threads and turns to the next slot. */
static int submit(struct gzpool *p, struct slot *s, struct err *e)
{
	if (!s->out)
		s->out = xmalloc(p->out_bound);
	s->thorough = p->blocks++ % THOROUGH_EVERY == 0;
	pthread_mutex_lock(&p->lock);
	s->state = READY;
	pthread_cond_signal(&p->ready);
	pthread_mutex_unlock(&p->lock);
	p->fill = (p->fill + 1) % p->nslots;
	return empty(p, &p->slots[p->fill], e);
}

int gzpool_write(struct gzpool *p, const void *data, size_t len, struct err *e)
{
	for (const char *from = data; len;) {
		struct slot *s = &p->slots[p->fill];
		size_t n = BLOCK - s->in_len;
		if (n > len)
			n = len;
		if (!s->in)
			s->in = xmalloc(BLOCK);
		memcpy(s->in + s->in_len, from, n);
		s->in_len += n;
		from += n;
		len -= n;
		if (s->in_len == BLOCK && submit(p, s, e) < 0)
			return -1;
	}
	return 0;
}

int gzpool_finish(struct gzpool *p, struct err *e)
{
	struct slot *s = &p->slots[p->fill];
	/* no input at all is one empty member */
	if ((s->in_len || p->blocks == 0) && submit(p, s, e) < 0)
		return -1;
	for (size_t i = 0; i < p->nslots; i++)
		if (empty(p, &p->slots[(p->fill + i) % p->nslots], e) < 0)
			return -1;
	return 0;
}

void gzpool_free(struct gzpool *p)
{
	if (!p)
		return;
	pthread_mutex_lock(&p->lock);
	p->quit = true;
	pthread_cond_broadcast(&p->ready);
	pthread_mutex_unlock(&p->lock);
	for (unsigned i = 0; i < p->started; i++) {
		pthread_join(p->workers[i].thread, NULL);
		libdeflate_free_compressor(p->workers[i].compressor);
		libdeflate_free_compressor(p->workers[i].thorough);
	}
	for (size_t i = 0; i < p->nslots; i++) {
		free(p->slots[i].in);
		free(p->slots[i].out);
	}
	pthread_mutex_destroy(&p->lock);
	pthread_cond_destroy(&p->ready);
	pthread_cond_destroy(&p->done);
	free(p);
}
