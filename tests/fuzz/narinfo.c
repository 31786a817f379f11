/* SPDX-License-Identifier: MIT */
#include "closure/narinfo.h"

#include "closure.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	fuzz_closure(narinfo_read, data, size);
	return 0;
}
