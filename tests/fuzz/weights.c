/* SPDX-License-Identifier: MIT */
#include "closure.h"

#include "plan/weights.h"

/* Each path has a weight, or there is a message. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct err e = { 0 };
	struct graph g = fuzz_paths();
	AUTO_FREE uint64_t *weights = NULL;
	AUTO_CLOSE int fd = fuzz_fd(data, size);
	int result = weights_read(&g, fd, "<fuzz>", &weights, &e);
	if ((result == 0) != (weights != NULL) || (result < 0) != (e.msg != NULL))
		abort();
	for (uint32_t i = 0; result == 0 && i < g.n; i++)
		if (weights[i] > WEIGHTS_MAX)
			abort();
	graph_free(&g);
	err_clear(&e);
	return 0;
}
