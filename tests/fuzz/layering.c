/* SPDX-License-Identifier: MIT */
#include "closure.h"

#include "plan/layering_parts.h"

/* The bytes are what jq makes of a pipeline; with jq in front no run would be quick enough. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct err e = { 0 };
	struct graph g = fuzz_paths();
	struct steps steps = { .name = "<fuzz>" };
	struct merge_group *groups = xcalloc(g.n, sizeof *groups);
	AUTO_CLOSE int fd = fuzz_fd(data, size);
	uint32_t n = 0;
	int result = layering_steps_read(&steps, fd, &e);
	if (result == 0)
		result = layering_run_steps(&g, &steps, groups, &n, &e);
	fuzz_groups(&g, groups, n, result, &e);
	layering_steps_free(&steps);
	graph_free(&g);
	return 0;
}
