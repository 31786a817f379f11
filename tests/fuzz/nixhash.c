/* SPDX-License-Identifier: MIT */
#include "closure/nixhash.h"

#include "fuzz.h"

#include <string.h>

/* What a hash becomes is a hash, and stays as it is. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char first[NIXHASH_SRI_LEN + 1], second[NIXHASH_SRI_LEN + 1];
	struct err e = { 0 };
	if (nixhash_sri((const char *)data, size, first, &e) == 0 &&
	    (nixhash_sri(first, strlen(first), second, &e) < 0 || strcmp(first, second) != 0))
		abort();
	err_clear(&e);
	return 0;
}
