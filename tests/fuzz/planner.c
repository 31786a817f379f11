/* SPDX-License-Identifier: MIT */
#include "fuzz.h"

#include "plan/plan.h"
#include "plan/planner.h"

/* The first byte says how many layers and how they are chosen, the others are a graph; its plan is
 * one that can be read. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct err e = { 0 };
	struct out o;
	if (size == 0)
		return 0;
	struct planner_options options = { .layers = 1 + data[0] % 7,
					   .strategy = data[0] / 7 % PLANNER_PIPELINE,
					   .sharing = data[0] / 21 % 3,
					   .allow_empty = true };
	AUTO_CLOSE int in = fuzz_fd(data + 1, size - 1);
	AUTO_CLOSE int file = fuzz_fd("", 0);
	AUTO_FREE char *notice = NULL;
	const struct planner_file graph = { .name = "<fuzz>", .fd = in };
	out_init(&o, file, "<fuzz>");
	if (planner_run(&graph, &options, &o, &notice, &e) < 0) {
		err_clear(&e);
		out_drop(&o);
		return 0;
	}
	AUTO_PLAN struct plan p = { 0 };
	if (out_flush(&o, &e) < 0 || lseek(file, 0, SEEK_SET) < 0 ||
	    plan_read(file, "<fuzz>", &p, &e) < 0 || p.layers > options.layers)
		abort();
	out_drop(&o);
	return 0;
}
