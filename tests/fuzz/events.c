/* SPDX-License-Identifier: MIT */
#include "closure.h"

#include "plan/events.h"

/* What is read are events of paths that the graph has. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct err e = { 0 };
	struct events events = { 0 };
	struct graph g = fuzz_paths();
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
