/* SPDX-License-Identifier: MIT */
#include "closure.h"

#include "plan/grouping.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct err e = { 0 };
	struct graph g = fuzz_paths();
	struct merge_group *groups = xcalloc(g.n, sizeof *groups);
	AUTO_CLOSE int fd = fuzz_fd(data, size);
	uint32_t n = 0;
	int result = grouping_read(&g, fd, "<fuzz>", groups, &n, &e);
	fuzz_groups(&g, groups, n, result, &e);
	graph_free(&g);
	return 0;
}
