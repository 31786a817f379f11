/* SPDX-License-Identifier: MIT */
#include "fuzz.h"

#include "layer/mtree.h"

static bool rewrite(int in, struct out *o)
{
	struct mtree m = { 0 };
	struct err e = { 0 };
	bool taken = mtree_read(in, "<fuzz>", &m, &e) == 0;
	for (size_t i = 0; taken && i < m.n; i++)
		if (mtree_write(&m.entries[i], o, &e) < 0)
			abort();
	mtree_free(&m);
	err_clear(&e);
	return taken;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	fuzz_stable(rewrite, data, size);
	return 0;
}
