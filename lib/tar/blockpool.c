/* SPDX-License-Identifier: MIT */
#include "tar/blockpool.h"

#include <errno.h>
#include <pthread.h>
#include <stdbool.h>
#include <string.h>

#include "base/digest.h"
#include "base/thread.h"

enum state { FREE, READY, BUSY, DONE };

/*
 * A thread that is woken up takes as much time as a small block, so it gets several. Blocks that
 * are cut differ in size, so many wait: threads that have small ones do not run out while another
 * has a large one.
 */
enum { BLOCKS = 128, SLOTS_OF_CUT = 64, LINE = 64 };

struct block {
	size_t len;      /* in the data of its slot */
	size_t digested; /* bytes at its front whose digest is asked for; 0: none */
	unsigned char digest[DIGEST_LEN];
};

/* Blocks on their way through; the last one may still be filled. */
struct slot {
	enum state state;
	bool failed;
	char *data; /* in the pool's: the input; once it is DONE, what that became */
	size_t len;
	uint64_t number; /* of the first block */
	size_t nblocks;
	struct block blocks[BLOCKS];
};

struct worker {
	struct blockpool *pool;
	void *context;
	struct digest *digest;
	char *spare; /* to compress into */
	pthread_t thread;
};

/*
 * Slots form a ring, and what is in them another: filled and written out in order by the caller,
 * compressed by any thread.
 */
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
	size_t oldest;    /* slot that is written out next */
	size_t take;      /* slot that the next free thread compresses */
	size_t fill;      /* slot that the caller fills */
	size_t nfull;     /* slots from oldest up to fill */
	size_t begun;     /* where in the slot that is filled the block begins */
	size_t room;      /* the most that one can have in it */
	char *data;       /* of all slots */
	size_t size, end; /* of the data; where in them the last full slot ends */
	uint64_t blocks;  /* ended so far */
	blockpool_told *told;
	void *context; /* of told */
};

/* A slot that is to be compressed; NULL: none now. With the lock held. */
static struct slot *take(struct blockpool *p)
{
	struct slot *s = &p->slots[p->take];
	if (s->state != READY)
		return NULL;
	s->state = BUSY;
	p->take = (p->take + 1) % p->nslots;
	return s;
}

static void compress(struct worker *w, struct slot *s)
{
	const struct blockpool_kind *kind = w->pool->kind;
	size_t at = 0, to = 0;
	for (size_t i = 0; i < s->nblocks; i++) {
		struct block *b = &s->blocks[i];
		size_t made = kind->compress(w->context, s->number + i, s->data + at, b->len,
					     w->spare + to, w->pool->room - to);
		if (b->digested) {
			digest_add(w->digest, s->data + at, b->digested);
			digest_raw(w->digest, b->digest);
		}
		at += b->len;
		to += made;
		b->len = made;
		s->failed = s->failed || made == 0;
	}
	memcpy(s->data, w->spare, to);
	s->len = to;
}

/* Compresses what was taken. The lock is held before and after. */
static void make(struct worker *w, struct slot *s)
{
	struct blockpool *p = w->pool;
	pthread_mutex_unlock(&p->lock);
	compress(w, s);
	pthread_mutex_lock(&p->lock);
	s->state = DONE;
}

static void *work(void *arg)
{
	struct worker *w = arg;
	struct blockpool *p = w->pool;
	pthread_mutex_lock(&p->lock);
	while (!p->quit) {
		struct slot *s = take(p);
		if (s) {
			make(w, s);
			pthread_cond_signal(&p->done);
		} else {
			pthread_cond_wait(&p->ready, &p->lock);
		}
	}
	pthread_mutex_unlock(&p->lock);
	return NULL;
}

/* The first worker is the caller's thread. */
static int start_worker(struct blockpool *p, struct err *e)
{
	struct worker *w = &p->workers[p->started];
	w->pool = p;
	w->context = p->kind->start();
	if (!w->context)
		return err_set(e, ENOMEM, "cannot start compression");
	int code = p->started ? thread_start(&w->thread, work, w) : 0;
	if (code) {
		p->kind->end(w->context);
		return err_set(e, code, "cannot start a thread for compression");
	}
	p->started++;
	return 0;
}

static size_t whole_lines(size_t len)
{
	return (len + LINE - 1) / LINE * LINE;
}

/* A buffer takes memory only once it is used. */
static void make_buffers(struct blockpool *p)
{
	const struct blockpool_kind *kind = p->kind;
	p->room = kind->bound(kind->block);
	if (kind->batch)
		p->room += kind->bound(kind->batch) + BLOCKS * kind->bound(0);
	p->room = whole_lines(p->room);
	p->workers = xcalloc(p->nworkers, sizeof *p->workers);
	for (unsigned i = 0; i < p->nworkers; i++) {
		p->workers[i].spare = xmalloc(p->room);
		p->workers[i].digest = digest_new();
	}
	unsigned enough = 3 * p->nworkers;
	p->nslots = (enough < kind->buffers ? enough : kind->buffers) - p->nworkers;
	p->size = p->nslots * p->room;
	p->data = xmalloc(p->size);
	if (kind->batch)
		p->nslots = SLOTS_OF_CUT;
	p->slots = xcalloc(p->nslots, sizeof *p->slots);
	p->slots[0].data = p->data;
}

int blockpool_new(const struct blockpool_kind *kind, unsigned jobs, struct blockpool **pool,
		  struct err *e)
{
	struct blockpool *p = xcalloc(1, sizeof *p);
	p->kind = kind;
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

void blockpool_start(struct blockpool *p, struct out *o, blockpool_told *told, void *context)
{
	p->o = o;
	p->told = told;
	p->context = context;
	p->blocks = 0;
}

static int write_out(struct blockpool *p, const struct slot *s, struct err *e)
{
	if (s->failed)
		return err_set(e, ENOMEM, "cannot compress");
	if (out_write(p->o, s->data, s->len, e) < 0)
		return -1;
	for (size_t i = 0; p->told && i < s->nblocks; i++) {
		const struct block *b = &s->blocks[i];
		struct blockpool_made made = { b->len, b->digested ? b->digest : NULL };
		if (p->told(p->context, &made, e) < 0)
			return -1;
	}
	return 0;
}

/* Compresses like the others until the slot is done; with the lock held. */
static void help(struct blockpool *p, const struct slot *s)
{
	while (s->state != DONE) {
		struct slot *taken = take(p);
		if (taken)
			make(p->workers, taken);
		else
			pthread_cond_wait(&p->done, &p->lock);
	}
}

/* Writes out the oldest full slot, once it is done. */
static int write_oldest(struct blockpool *p, struct err *e)
{
	struct slot *s = &p->slots[p->oldest];
	pthread_mutex_lock(&p->lock);
	help(p, s);
	s->state = FREE;
	pthread_mutex_unlock(&p->lock);
	p->oldest = (p->oldest + 1) % p->nslots;
	p->nfull--;
	return write_out(p, s, e);
}

/* Where the next slot can have all its room in one; NULL: nowhere yet. */
static char *find_room(const struct blockpool *p)
{
	size_t from = p->nfull ? (size_t)(p->slots[p->oldest].data - p->data) : 0;
	if (p->nfull == 0)
		return p->data;
	if (p->nfull == p->nslots)
		return NULL;
	if (p->end <= from)
		return from - p->end >= p->room ? p->data + p->end : NULL;
	if (p->size - p->end >= p->room)
		return p->data + p->end;
	return from >= p->room ? p->data : NULL;
}

/* The most that its blocks can become. */
static size_t slot_bound(const struct blockpool *p, const struct slot *s)
{
	size_t most = 0;
	for (size_t i = 0; i < s->nblocks; i++)
		most += p->kind->bound(s->blocks[i].len);
	return whole_lines(most);
}

/* Hands the blocks to the threads and turns to the next slot. */
static int submit(struct blockpool *p, struct slot *s, struct err *e)
{
	s->number = p->blocks - s->nblocks;
	p->end = (size_t)(s->data - p->data) + slot_bound(p, s);
	p->nfull++;
	pthread_mutex_lock(&p->lock);
	s->state = READY;
	pthread_cond_signal(&p->ready);
	pthread_mutex_unlock(&p->lock);
	p->fill = (p->fill + 1) % p->nslots;
	p->begun = 0;
	char *room;
	while (!(room = find_room(p)))
		if (write_oldest(p, e) < 0)
			return -1;
	s = &p->slots[p->fill];
	s->data = room;
	s->len = s->nblocks = s->blocks[0].digested = 0;
	return 0;
}

static int end_block(struct blockpool *p, struct slot *s, struct err *e)
{
	s->blocks[s->nblocks++].len = s->len - p->begun;
	p->begun = s->len;
	p->blocks++;
	if (s->len >= p->kind->batch || s->nblocks == BLOCKS)
		return submit(p, s, e);
	s->blocks[s->nblocks].digested = 0;
	return 0;
}

int blockpool_write(struct blockpool *p, const void *data, size_t len, struct err *e)
{
	for (const char *from = data; len;) {
		struct slot *s = &p->slots[p->fill];
		size_t n = p->kind->block - (s->len - p->begun);
		if (n > len)
			n = len;
		memcpy(s->data + s->len, from, n);
		s->len += n;
		from += n;
		len -= n;
		if (s->len - p->begun == p->kind->block && end_block(p, s, e) < 0)
			return -1;
	}
	return 0;
}

int blockpool_cut(struct blockpool *p, struct err *e)
{
	struct slot *s = &p->slots[p->fill];
	return s->len > p->begun ? end_block(p, s, e) : 0;
}

void blockpool_digest(struct blockpool *p)
{
	struct slot *s = &p->slots[p->fill];
	s->blocks[s->nblocks].digested = s->len - p->begun;
}

uint64_t blockpool_blocks(const struct blockpool *p)
{
	return p->blocks;
}

int blockpool_finish(struct blockpool *p, struct err *e)
{
	struct slot *s = &p->slots[p->fill];
	if ((s->len > p->begun || p->blocks == 0) && end_block(p, s, e) < 0)
		return -1;
	s = &p->slots[p->fill];
	if (s->nblocks && submit(p, s, e) < 0)
		return -1;
	while (p->nfull)
		if (write_oldest(p, e) < 0)
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
		if (i)
			pthread_join(p->workers[i].thread, NULL);
		p->kind->end(p->workers[i].context);
	}
}

void blockpool_free(struct blockpool *p)
{
	if (!p)
		return;
	end_workers(p);
	for (unsigned i = 0; i < p->nworkers; i++) {
		free(p->workers[i].spare);
		digest_free(p->workers[i].digest);
	}
	free(p->data);
	free(p->workers);
	free(p->slots);
	pthread_mutex_destroy(&p->lock);
	pthread_cond_destroy(&p->ready);
	pthread_cond_destroy(&p->done);
	free(p);
}
