/* SPDX-License-Identifier: MIT */
#include "tar/blockpool.h"

#include <errno.h>
#include <pthread.h>
#include <stdbool.h>
#include <string.h>

enum state { FREE, READY, BUSY, DONE };

/* A block on its way through. */
struct slot {
	enum state state;
	uint64_t number;
	char *data; /* the input; once it is DONE, what that became */
	size_t len;
};

struct worker {
	struct blockpool *pool;
	void *context;
	char *spare; /* to compress into: then it changes places with the slot's data */
	pthread_t thread;
};

/* Slots form a ring: filled and written out in order by the caller, compressed by any thread. */
struct blockpool {
	const struct blockpool_kind *kind;
	struct out *o;
	pthread_mutex_t lock;
	pthread_cond_t ready, done;
	struct worker *workers;
	unsigned nworkers, started;
	bool quit;
	struct slot *slots;
	size_t nslots;
	size_t fill;     /* slot that the caller fills */
	size_t take;     /* slot that the next free thread compresses */
	size_t room;     /* size of a buffer */
	uint64_t blocks; /* submitted so far */
	int (*told)(void *context, size_t len, struct err *e);
	void *context; /* of told */
};

/* The next block to compress, NULL when there will be none. */
static struct slot *take(struct blockpool *p)
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

static void compress(struct worker *w, struct slot *s)
{
	struct blockpool *p = w->pool;
	char *in = s->data;
	s->len = p->kind->compress(w->context, s->number, in, s->len, w->spare, p->room);
	s->data = w->spare;
	w->spare = in;
}

static void *work(void *arg)
{
	struct worker *w = arg;
	struct blockpool *p = w->pool;
	for (struct slot *s; (s = take(p));) {
		compress(w, s);
		pthread_mutex_lock(&p->lock);
		s->state = DONE;
		pthread_cond_signal(&p->done);
		pthread_mutex_unlock(&p->lock);
	}
	return NULL;
}

static int start_worker(struct blockpool *p, struct err *e)
{
	struct worker *w = &p->workers[p->started];
	w->pool = p;
	w->context = p->kind->start();
	int code = w->context ? pthread_create(&w->thread, NULL, work, w) : ENOMEM;
	if (code) {
		if (w->context)
			p->kind->end(w->context);
		return err_set(e, code, "cannot start a thread for compression");
	}
	p->started++;
	return 0;
}

/* A buffer takes memory only once it is used. */
static void make_buffers(struct blockpool *p)
{
	p->room = p->kind->bound(p->kind->block);
	p->workers = xcalloc(p->nworkers, sizeof *p->workers);
	unsigned enough = 3 * p->nworkers;
	p->nslots = (enough < p->kind->buffers ? enough : p->kind->buffers) - p->nworkers;
	p->slots = xcalloc(p->nslots, sizeof *p->slots);
	for (unsigned i = 0; i < p->nworkers; i++)
		p->workers[i].spare = xmalloc(p->room);
	for (size_t i = 0; i < p->nslots; i++)
		p->slots[i].data = xmalloc(p->room);
}

int blockpool_new(const struct blockpool_kind *kind, unsigned jobs, struct out *o,
		  struct blockpool **pool, struct err *e)
{
	struct blockpool *p = xcalloc(1, sizeof *p);
	p->kind = kind;
	p->o = o;
	pthread_mutex_init(&p->lock, NULL);
	pthread_cond_init(&p->ready, NULL);
	pthread_cond_init(&p->done, NULL);
	p->nworkers = jobs < kind->jobs ? jobs : kind->jobs;
	make_buffers(p);
	while (p->started < p->nworkers)
		if (start_worker(p, e) < 0) {
			blockpool_free(p);
			return -1;
		}
	*pool = p;
	return 0;
}

/* Waits until the slot is free; what it holds is written first. */
static int empty(struct blockpool *p, struct slot *s, struct err *e)
{
	pthread_mutex_lock(&p->lock);
	while (s->state == READY || s->state == BUSY)
		pthread_cond_wait(&p->done, &p->lock);
	enum state state = s->state;
	s->state = FREE;
	pthread_mutex_unlock(&p->lock);
	size_t len = s->len;
	s->len = 0;
	if (state == FREE)
		return 0;
	if (len == 0)
		return err_set(e, ENOMEM, "cannot compress");
	if (out_write(p->o, s->data, len, e) < 0)
		return -1;
	return p->told ? p->told(p->context, len, e) : 0;
}

/* Hands the block to the threads and turns to the next slot. */
static int submit(struct blockpool *p, struct slot *s, struct err *e)
{
	s->number = p->blocks++;
	pthread_mutex_lock(&p->lock);
	s->state = READY;
	pthread_cond_signal(&p->ready);
	pthread_mutex_unlock(&p->lock);
	p->fill = (p->fill + 1) % p->nslots;
	return empty(p, &p->slots[p->fill], e);
}

int blockpool_write(struct blockpool *p, const void *data, size_t len, struct err *e)
{
	for (const char *from = data; len;) {
		struct slot *s = &p->slots[p->fill];
		size_t n = p->kind->block - s->len;
		if (n > len)
			n = len;
		memcpy(s->data + s->len, from, n);
		s->len += n;
		from += n;
		len -= n;
		if (s->len == p->kind->block && submit(p, s, e) < 0)
			return -1;
	}
	return 0;
}

void blockpool_tell(struct blockpool *p, int (*told)(void *context, size_t len, struct err *e),
		    void *context)
{
	p->told = told;
	p->context = context;
}

int blockpool_cut(struct blockpool *p, struct err *e)
{
	struct slot *s = &p->slots[p->fill];
	return s->len ? submit(p, s, e) : 0;
}

uint64_t blockpool_blocks(const struct blockpool *p)
{
	return p->blocks;
}

int blockpool_finish(struct blockpool *p, struct err *e)
{
	struct slot *s = &p->slots[p->fill];
	if ((s->len || p->blocks == 0) && submit(p, s, e) < 0)
		return -1;
	for (size_t i = 0; i < p->nslots; i++)
		if (empty(p, &p->slots[(p->fill + i) % p->nslots], e) < 0)
			return -1;
	return 0;
}

static void end_workers(struct blockpool *p)
{
	pthread_mutex_lock(&p->lock);
	p->quit = true;
	pthread_cond_broadcast(&p->ready);
	pthread_mutex_unlock(&p->lock);
	for (unsigned i = 0; i < p->started; i++) {
		pthread_join(p->workers[i].thread, NULL);
		p->kind->end(p->workers[i].context);
	}
}

void blockpool_free(struct blockpool *p)
{
	if (!p)
		return;
	end_workers(p);
	for (unsigned i = 0; i < p->nworkers; i++)
		free(p->workers[i].spare);
	for (size_t i = 0; i < p->nslots; i++)
		free(p->slots[i].data);
	free(p->workers);
	free(p->slots);
	pthread_mutex_destroy(&p->lock);
	pthread_cond_destroy(&p->ready);
	pthread_cond_destroy(&p->done);
	free(p);
}
