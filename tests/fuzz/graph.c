/* SPDX-License-Identifier: MIT */
#include "closure.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	fuzz_closure(fuzz_read_graph, data, size);
	return 0;
}
