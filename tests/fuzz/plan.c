/* SPDX-License-Identifier: MIT */
#include "fuzz.h"

#include "plan/plan.h"

static bool rewrite(int in, struct out *o)
{
	AUTO_PLAN struct plan p = { 0 };
	struct err e = { 0 };
	if (plan_read(in, "<fuzz>", &p, &e) < 0) {
		err_clear(&e);
		return false;
	}
	if (plan_write(&p, o, &e) < 0)
		abort();
	return true;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	fuzz_stable(rewrite, data, size);
	return 0;
}
