/* SPDX-License-Identifier: MIT */
#include "base/hashing.h"

#include <stdlib.h>

#include "base/mem.h"
#include "tap.h"

/* Pieces of all sizes, small and large in turn, two buffers as a reader has them. */
static void check(bool threaded)
{
	enum { ROUNDS = 400, SIZE = 100000 };
	AUTO_DIGEST struct digest *plain = digest_new();
	struct hashing *h = hashing_new(threaded);
	AUTO_FREE char *buffers = xcalloc(2, SIZE);
	char want[DIGEST_HEX_LEN + 1], got[DIGEST_HEX_LEN + 1];
	hashing_hex(h, got);
	STREQ(got, "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
	for (size_t again = 0; again < 2; again++) {
		for (size_t i = 0; i < ROUNDS; i++) {
			char *piece = buffers + i % 2 * SIZE;
			size_t len = i * 7919 % SIZE;
			memset(piece, (int)(i * 31 % 256), len);
			digest_add(plain, piece, len);
			hashing_add(h, piece, len);
		}
		digest_hex(plain, want);
		hashing_hex(h, got);
		STREQ(got, want);
	}
	hashing_free(h);
}

int main(void)
{
	check(true);
	check(false);
	return TAP_END;
}
