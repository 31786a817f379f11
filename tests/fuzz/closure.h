/* SPDX-License-Identifier: MIT */
#ifndef LAYERPIPE_FUZZ_CLOSURE_H
#define LAYERPIPE_FUZZ_CLOSURE_H

/* For the readers of closures: what they make of bytes, and what is written of that. */

#include "fuzz.h"

#include <string.h>

#include "graph.h"

typedef int fuzz_reader(struct graph_builder *b, struct rec_reader *r, struct err *e);

static inline int fuzz_read_graph(struct graph_builder *b, struct rec_reader *r, struct err *e)
{
	return graph_read_records(b, r, true, e);
}

/* Reads the bytes; true where they are a whole closure, then *g is it. */
static inline bool fuzz_graph(fuzz_reader *read_all, const void *data, size_t size, struct graph *g)
{
	AUTO_CLOSE int fd = fuzz_fd(data, size);
	struct err e = { 0 };
	struct rec_reader r;
	struct graph_builder *b = graph_builder_new();
	rec_init(&r, fd, "<fuzz>");
	int result = read_all(b, &r, &e);
	rec_free(&r);
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

#endif
