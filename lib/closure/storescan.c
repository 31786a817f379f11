/* SPDX-License-Identifier: MIT */
#include "closure/storescan.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>

#include "base/digest.h"
#include "base/within.h"
#include "closure/hashscan.h"
#include "closure/nar.h"
#include "closure/nixhash.h"
#include "closure/storepath.h"

/* The store directory, open. */
struct store {
	struct within root;
	const char *dir;
	int fd;
};

static int open_store(struct store *s, const char *store_dir, const char *root_dir, struct err *e)
{
	s->dir = store_dir;
	if (within_enter(&s->root, root_dir, e) < 0)
		return -1;
	return within_open(&s->root, "read store directory", *store_dir ? store_dir : "/",
			   O_RDONLY | O_DIRECTORY, &s->fd, NULL, e);
}

static void close_store(struct store *s)
{
	within_leave(&s->root);
	mem_cleanup_close(&s->fd);
}
#define AUTO_STORE __attribute__((cleanup(close_store)))
#define STORE_NONE                                                                                 \
	{                                                                                          \
		WITHIN_NONE, NULL, -1                                                              \
	}

/* The one pass over a path's archive: its size, its hash, what it mentions. */
struct pass {
	const struct store *store;
	struct hashscan *scan;
	struct digest *digest;
	uint64_t size;
};

static void take(void *arg, const void *data, size_t len)
{
	struct pass *p = arg;
	hashscan_add(p->scan, data, len);
	digest_add(p->digest, data, len);
	p->size += len;
}

static void pass_cleanup(struct pass *p)
{
	hashscan_free(p->scan);
	digest_free(p->digest);
}
#define AUTO_PASS __attribute__((cleanup(pass_cleanup)))

/* Adds one path. found, nfound: what it mentions, borrowed until the next call. */
static int scan_path(struct graph_builder *b, struct pass *p, const struct intern *paths,
		     uint32_t index, const uint32_t **found, uint32_t *nfound, struct err *e)
{
	const char *path = paths->strings[index], *name = path + strlen(p->store->dir) + 1;
	unsigned char raw[DIGEST_LEN];
	char sri[NIXHASH_SRI_LEN + 1];
	AUTO_FREE char *place = within_name(&p->store->root, path);
	p->size = 0;
	if (nar_dump(p->store->fd, name, place, false, take, p, e) < 0)
		return -1;
	digest_raw(p->digest, raw);
	nixhash_from_raw(raw, sri);
	*nfound = hashscan_found(p->scan, found);
	AUTO_FREE const char **refs = xmalloc((*nfound + 1) * sizeof *refs);
	for (uint32_t i = 0; i < *nfound; i++)
		refs[i] = paths->strings[(*found)[i]];
	return graph_add(b, path, sri, true, p->size, refs, *nfound, e);
}

static int pass_begin(struct pass *p, const struct intern *paths, struct err *e)
{
	p->digest = digest_new();
	return hashscan_new(paths->strings, paths->n, &p->scan, e);
}

int storescan_paths(struct graph_builder *b, const struct intern *paths, const char *store_dir,
		    const char *root_dir, struct err *e)
{
	AUTO_STORE struct store store = STORE_NONE;
	AUTO_PASS struct pass p = { .store = &store };
	const uint32_t *found;
	uint32_t nfound;
	if (paths->n && open_store(&store, store_dir, root_dir, e) < 0)
		return -1;
	if (pass_begin(&p, paths, e) < 0)
		return -1;
	for (uint32_t i = 0; i < paths->n; i++)
		if (scan_path(b, &p, paths, i, &found, &nfound, e) < 0)
			return -1;
	return 0;
}

/* --- a closure out of the store directory --- */

struct names {
	char **list;
	size_t n, cap;
};

static void names_cleanup(struct names *names)
{
	for (size_t i = 0; i < names->n; i++)
		free(names->list[i]);
	free(names->list);
}
#define AUTO_NAMES __attribute__((cleanup(names_cleanup)))

static int compare(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

static int read_names(const struct store *s, struct names *names, struct err *e)
{
	int fd = openat(s->fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	AUTO_FREE char *dir = within_name(&s->root, s->dir);
	DIR *d = fd < 0 ? NULL : fdopendir(fd);
	if (!d)
		return err_set(e, errno, "cannot read store directory '%s'", dir);
	for (struct dirent *entry; errno = 0, (entry = readdir(d));) {
		names->list = mem_grow(names->list, &names->cap, names->n + 1, sizeof *names->list);
		names->list[names->n++] = xstrdup(entry->d_name);
	}
	int failed = errno;
	closedir(d);
	if (failed)
		return err_set(e, failed, "cannot read store directory '%s'", dir);
	if (names->n)
		qsort(names->list, names->n, sizeof *names->list, compare);
	return 0;
}

/*
 * Adds the names that are store paths. A lock or a leftover of a build has
 * the name of its path and something more: of the names with one hash part,
 * which are in order, the first is the path.
 */
static void add_paths(struct intern *paths, const char *store_dir, const struct names *names)
{
	const char *last = "";
	for (size_t i = 0; i < names->n; i++) {
		struct err e = { 0 };
		AUTO_FREE char *path = xasprintf("%s/%s", store_dir, names->list[i]);
		if (storepath_check(path, store_dir, &e) < 0)
			err_clear(&e);
		else if (strncmp(last, names->list[i], STOREPATH_HASH_LEN) != 0)
			intern_add(paths, path, strlen(path));
		last = names->list[i];
	}
}

/* All that lies in the store directory. */
static int list_store(struct intern *paths, const struct store *s, struct err *e)
{
	AUTO_NAMES struct names names = { 0 };
	if (read_names(s, &names, e) < 0)
		return -1;
	add_paths(paths, s->dir, &names);
	return 0;
}

/* Paths to scan, each once. */
struct queue {
	uint32_t *indices;
	bool *queued; /* by index */
	size_t n;
};

static void enqueue(struct queue *q, uint32_t index)
{
	if (q->queued[index])
		return;
	q->queued[index] = true;
	q->indices[q->n++] = index;
}

static int enqueue_roots(struct queue *q, const struct intern *paths, const char *const *roots,
			 size_t nroots, struct err *e)
{
	for (size_t i = 0; i < nroots; i++) {
		uint32_t index = intern_find(paths, roots[i], strlen(roots[i]));
		if (index == INTERN_NONE)
			return err_set(e, 0, "root '%s' is not in the store", roots[i]);
		enqueue(q, index);
	}
	return 0;
}

static int scan_closure(struct graph_builder *b, const struct intern *paths,
			const char *const *roots, size_t nroots, const struct store *store,
			struct err *e)
{
	AUTO_PASS struct pass p = { .store = store };
	AUTO_FREE uint32_t *indices = xcalloc(paths->n, sizeof *indices);
	AUTO_FREE bool *queued = xcalloc(paths->n, sizeof *queued);
	struct queue q = { .indices = indices, .queued = queued };
	if (enqueue_roots(&q, paths, roots, nroots, e) < 0 || pass_begin(&p, paths, e) < 0)
		return -1;
	while (q.n) {
		const uint32_t *found;
		uint32_t nfound = 0;
		if (scan_path(b, &p, paths, q.indices[--q.n], &found, &nfound, e) < 0)
			return -1;
		for (uint32_t i = 0; i < nfound; i++)
			enqueue(&q, found[i]);
	}
	return 0;
}

int storescan_closure(struct graph_builder *b, const char *const *roots, size_t nroots,
		      const char *store_dir, const char *root_dir, struct err *e)
{
	AUTO_STORE struct store store = STORE_NONE;
	struct intern paths = { 0 };
	int result = open_store(&store, store_dir, root_dir, e);
	if (result == 0)
		result = list_store(&paths, &store, e);
	if (result == 0)
		result = scan_closure(b, &paths, roots, nroots, &store, e);
	intern_free(&paths);
	return result;
}
