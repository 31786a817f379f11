/* SPDX-License-Identifier: MIT */
#include "closure/graph.h"

#include "tap.h"

#define A "/nix/store/aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa-a"
#define B "/nix/store/bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb-b"
#define C "/nix/store/cccccccccccccccccccccccccccccccc-c"

enum { DEEP = 100000 };

static struct err e;

static int add(struct graph_builder *b, const char *path, const char *ref1, const char *ref2)
{
	const char *refs[] = { ref1, ref2 };
	return graph_add(b, path, NULL, true, 1, refs, ref2 ? 2 : ref1 ? 1 : 0, &e);
}

static void sorted(void)
{
	struct graph g;
	struct graph_builder *b = graph_builder_new();
	OK(add(b, C, C, B) == 0 && add(b, A, NULL, NULL) == 0 && add(b, B, A, A) == 0);
	OK(add(b, C, B, C) == 0);
	OK(graph_finish(b, &g, &e) == 0);
	OK(g.n == 3);
	STREQ(g.paths[0].path, A);
	STREQ(g.paths[2].path, C);
	OK(g.paths[1].nrefs == 1 && g.paths[1].refs[0] == 0);
	OK(g.paths[2].nrefs == 2 && g.paths[2].refs[0] == 1 && g.paths[2].refs[1] == 2);
	OK(graph_find(&g, B) == 1 && graph_find(&g, A "x") == -1);
	OK(graph_cut(&g, (const char *[]){ B }, 1, &e) == 0);
	OK(g.n == 2 && g.paths[1].refs[0] == 0);
	OK(graph_cut(&g, (const char *[]){ C }, 1, &e) < 0);
	STREQ(e.msg, "root '" C "' is not in the closure");
	graph_free(&g);
}

static void excluded(void)
{
	struct graph g;
	struct graph_builder *b = graph_builder_new();
	OK(graph_exclude(b, B, &e) == 0);
	OK(add(b, A, B, C) == 0 && add(b, C, NULL, NULL) == 0);
	OK(graph_finish(b, &g, &e) == 0);
	OK(g.n == 2 && g.paths[0].nrefs == 1 && g.paths[0].refs[0] == 1);
	graph_free(&g);
}

static void conflicting(void)
{
	struct graph_builder *b = graph_builder_new();
	graph_origin(b, "one", 3);
	OK(add(b, A, NULL, NULL) == 0);
	graph_origin(b, "two", 0);
	OK(add(b, A, B, NULL) < 0);
	STREQ(e.msg, "two: '" A "' is described twice, with different references (first in one:3)");
	OK(graph_add(b, A, NULL, true, 2, NULL, 0, &e) < 0);
	STREQ(e.msg, "two: '" A "' is described twice, with different NAR size (first in one:3)");
	OK(graph_add(b, "/a", NULL, false, 0, NULL, 0, &e) < 0);
	OK(strncmp(e.msg, "two: '/a' is not a store path", 29) == 0);
	graph_builder_free(b);
}

static void incomplete(void)
{
	struct graph g;
	struct graph_builder *b = graph_builder_new();
	graph_origin(b, "in", 7);
	OK(add(b, A, C, B) == 0);
	OK(graph_finish(b, &g, &e) < 0);
	STREQ(e.msg, "in:7: '" A "' refers to '" B
		     "', which is not described: the closure is not complete");
}

static void cyclic(void)
{
	struct graph g;
	struct graph_builder *b = graph_builder_new();
	OK(add(b, A, B, NULL) == 0 && add(b, B, C, B) == 0 && add(b, C, B, NULL) == 0);
	OK(graph_finish(b, &g, &e) < 0);
	STREQ(e.msg, "the references form a cycle: '" B "' -> '" C "' -> '" B "'");
}

/* A chain as long as the graph; closed, a cycle as long. */
static int chain(bool closed)
{
	char path[80], next[80];
	struct graph g;
	struct graph_builder *b = graph_builder_new();
	for (int i = 0; i < DEEP; i++) {
		const char *refs[] = { next };
		snprintf(path, sizeof path, "/nix/store/%032d-p", i);
		snprintf(next, sizeof next, "/nix/store/%032d-p", (i + 1) % DEEP);
		bool has_ref = closed || i + 1 < DEEP;
		if (graph_add(b, path, NULL, false, 0, refs, has_ref, &e) < 0)
			return -1;
	}
	if (graph_finish(b, &g, &e) < 0)
		return -1;
	graph_free(&g);
	return 0;
}

int main(void)
{
	sorted();
	excluded();
	conflicting();
	incomplete();
	cyclic();
	OK(chain(false) == 0);
	OK(chain(true) < 0);
	OK(strstr(e.msg, " more -> ") && strlen(e.msg) < 1000);
	err_clear(&e);
	return TAP_END;
}
