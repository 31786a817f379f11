/* SPDX-License-Identifier: MIT */
#include "fuzz.h"

#include "layer/layerlist.h"

static bool rewrite(int in, struct out *o)
{
	AUTO_LAYERLIST struct layerlist l = { 0 };
	struct err e = { 0 };
	if (layerlist_read(&l, in, "<fuzz>", &e) < 0) {
		err_clear(&e);
		return false;
	}
	if (layerlist_write(&l, o, &e) < 0)
		abort();
	return true;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	fuzz_stable(rewrite, data, size);
	return 0;
}
