/* SPDX-License-Identifier: MIT */
#include "fuzz.h"

#include "events.h"

#define PATH "/nix/store/00000000000000000000000000000000-"

static struct graph make_graph(void)
{
	struct graph g;
	struct err e = { 0 };
	struct graph_builder *b = graph_builder_new();
	if (graph_add(b, PATH "a", NULL, true, 1, NULL, 0, &e) < 0 ||
	    graph_add(b, PATH "b", NULL, true, 2, NULL, 0, &e) < 0 || graph_finish(b, &g, &e) < 0)
		abort();
	return g;
}

/* What is read are events of paths that the graph has. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct err e = { 0 };
	struct events events = { 0 };
	struct graph g = make_graph();
	AUTO_CLOSE int fd = fuzz_fd(data, size);
	if (events_read(fd, "<fuzz>", &g, &events, &e) < 0 && events.n)
		abort();
	for (uint32_t i = 0; i < events.n; i++)
		for (uint32_t j = 0; j < events.list[i].n; j++)
			if (!events.list[i].name || events.list[i].paths[j] >= g.n)
				abort();
	events_free(&events);
	graph_free(&g);
	err_clear(&e);
	return 0;
}
