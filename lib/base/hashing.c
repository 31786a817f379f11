/* SPDX-License-Identifier: MIT */
#include "base/hashing.h"

#include <pthread.h>

#include "base/mem.h"
#include "base/thread.h"

/* Below this, waking the thread costs more than it saves. */
enum { WORTH_IT = 32 << 10 };

struct hashing {
	struct digest *digest; /* the thread's while data is not NULL */
	pthread_mutex_t lock;
	pthread_cond_t change;
	pthread_t thread;
	bool threaded, quit;
	const void *data; /* what the thread works on; NULL: nothing */
	size_t len;
};

static void *work(void *arg)
{
	struct hashing *h = arg;
	pthread_mutex_lock(&h->lock);
	while (!h->quit) {
		if (!h->data) {
			pthread_cond_wait(&h->change, &h->lock);
			continue;
		}
		pthread_mutex_unlock(&h->lock);
		digest_add(h->digest, h->data, h->len);
		pthread_mutex_lock(&h->lock);
		h->data = NULL;
		pthread_cond_broadcast(&h->change);
	}
	pthread_mutex_unlock(&h->lock);
	return NULL;
}

struct hashing *hashing_new(bool threaded)
{
	struct hashing *h = xcalloc(1, sizeof *h);
	h->digest = digest_new();
	pthread_mutex_init(&h->lock, NULL);
	pthread_cond_init(&h->change, NULL);
	h->threaded = threaded && thread_start(&h->thread, work, h) == 0;
	return h;
}

/* With the lock held. */
static void wait_idle(struct hashing *h)
{
	while (h->data)
		pthread_cond_wait(&h->change, &h->lock);
}

void hashing_add(struct hashing *h, const void *data, size_t len)
{
	if (len == 0)
		return;
	pthread_mutex_lock(&h->lock);
	wait_idle(h);
	if (h->threaded && len >= WORTH_IT) {
		h->data = data;
		h->len = len;
		pthread_cond_broadcast(&h->change);
	} else {
		digest_add(h->digest, data, len);
	}
	pthread_mutex_unlock(&h->lock);
}

void hashing_hex(struct hashing *h, char hex[DIGEST_HEX_LEN + 1])
{
	pthread_mutex_lock(&h->lock);
	wait_idle(h);
	digest_hex(h->digest, hex);
	pthread_mutex_unlock(&h->lock);
}

void hashing_free(struct hashing *h)
{
	if (!h)
		return;
	pthread_mutex_lock(&h->lock);
	h->quit = true;
	pthread_cond_broadcast(&h->change);
	pthread_mutex_unlock(&h->lock);
	if (h->threaded)
		pthread_join(h->thread, NULL);
	pthread_mutex_destroy(&h->lock);
	pthread_cond_destroy(&h->change);
	digest_free(h->digest);
	free(h);
}

void hashing_cleanup(struct hashing **h)
{
	hashing_free(*h);
}
