/* SPDX-License-Identifier: MIT */
#ifndef LAYERPIPE_FUZZ_CLOSURE_H
#define LAYERPIPE_FUZZ_CLOSURE_H

/* Closures: what their readers make of bytes, and what is written of that; one for other readers.
 */

#include "fuzz.h"

#include <string.h>

#include "closure/graph.h"
#include "plan/merge.h"

typedef int fuzz_reader(struct graph_builder *b, struct record_reader *r, struct err *e);

static inline int fuzz_read_graph(struct graph_builder *b, struct record_reader *r, struct err *e)
{
	return graph_read_records(b, r, true, e);
}

/* Reads the bytes; true where they are a whole closure, then *g is it. */
static inline bool fuzz_graph(fuzz_reader *read_all, const void *data, size_t size, struct graph *g)
{
	AUTO_CLOSE int fd = fuzz_fd(data, size);
	struct err e = { 0 };
	struct record_reader r;
	struct graph_builder *b = graph_builder_new();
	record_init(&r, fd, "<fuzz>");
	int result = read_all(b, &r, &e);
	record_free(&r);
	if (result == 0)
		result = graph_finish(b, g, &e);
	else
		graph_builder_free(b);
	if (result < 0 && !e.msg)
		abort();
	err_clear(&e);
	return result == 0;
}

static inline struct buf fuzz_written(const struct graph *g)
{
	AUTO_CLOSE int file = fuzz_fd("", 0);
	struct err e = { 0 };
	struct out o;
	out_init(&o, file, "<fuzz>");
	if (graph_write(g, &o, &e) < 0 || out_flush(&o, &e) < 0)
		abort();
	out_drop(&o);
	return fuzz_bytes(file);
}

/* What is written of a closure is one, and writing that again changes nothing. */
static inline void fuzz_closure(fuzz_reader *read_all, const void *data, size_t size)
{
	struct graph g;
	if (!fuzz_graph(read_all, data, size, &g))
		return;
	AUTO_BUF struct buf first = fuzz_written(&g);
	graph_free(&g);
	if (!fuzz_graph(fuzz_read_graph, first.s, first.len, &g))
		abort();
	AUTO_BUF struct buf second = fuzz_written(&g);
	graph_free(&g);
	if (first.len != second.len || memcmp(first.s, second.s, first.len) != 0)
		abort();
}

#define FUZZ_PATH "/nix/store/00000000000000000000000000000000-"

/* Three paths, a, b and c; c refers to the others. */
static inline struct graph fuzz_paths(void)
{
	static const char *const refs[] = { FUZZ_PATH "a", FUZZ_PATH "b" };
	struct graph g;
	struct err e = { 0 };
	struct graph_builder *b = graph_builder_new();
	if (graph_add(b, FUZZ_PATH "a", NULL, true, 1, NULL, 0, &e) < 0 ||
	    graph_add(b, FUZZ_PATH "b", NULL, true, 2, NULL, 0, &e) < 0 ||
	    graph_add(b, FUZZ_PATH "c", NULL, true, 3, refs, 2, &e) < 0 ||
	    graph_finish(b, &g, &e) < 0)
		abort();
	return g;
}

/* Groups are there or a message is, each path is in one of them at most, and they are freed. */
static inline void fuzz_groups(const struct graph *g, struct merge_group *groups, uint32_t n,
			       int result, struct err *e)
{
	AUTO_FREE bool *seen = xcalloc(g->n, sizeof *seen);
	if ((result < 0) != (e->msg != NULL) || (result < 0 && n) || n > g->n)
		abort();
	for (uint32_t i = 0; i < n; i++)
		for (uint32_t j = 0; j < groups[i].n; j++) {
			if (groups[i].paths[j] >= g->n || seen[groups[i].paths[j]])
				abort();
			seen[groups[i].paths[j]] = true;
		}
	merge_free_groups(groups, n);
	err_clear(e);
}

#endif
