/* SPDX-License-Identifier: MIT */
#include "image/imagediff.h"

#include <stdint.h>

#include "tap.h"

#define X "sha256:000000000000000000000000000000000000000000000000000000000000000a"
#define Y "sha256:000000000000000000000000000000000000000000000000000000000000000b"
#define Z "sha256:000000000000000000000000000000000000000000000000000000000000000c"

/* "STATUS A B LAYER CHAIN", a line each, status and the two pulls as a letter */
static void is(const char *const *a, size_t na, const char *const *b, size_t nb, const char *want)
{
	AUTO_IMAGEDIFF struct imagediff d = imagediff_make(a, na, b, nb);
	AUTO_BUF struct buf found = { 0 };
	buf_adds(&found, "");
	for (size_t i = 0; i < d.n; i++)
		buf_addf(&found, "%c%zu%zu%c%c ", "=+-"[d.lines[i].status], d.lines[i].a,
			 d.lines[i].b, d.lines[i].by_layer ? 'l' : '.',
			 d.lines[i].by_chain ? 'c' : '.');
	STREQ(found.s, want);
}

#define IS(want, na, nb, ...)                                                                      \
	do {                                                                                       \
		const char *const l_[] = { __VA_ARGS__ };                                          \
		is(l_, na, l_ + (na), nb, want);                                                   \
	} while (0)

static void test_lines(void)
{
	IS("=11.. =22.. ", 2, 2, X, Y, X, Y);
	IS("=11.. +02lc ", 1, 2, X, X, Y);
	IS("=11.. -20.. ", 2, 1, X, Y, X);
	IS("-10.. +01lc =22.c ", 2, 2, X, Z, Y, Z);
	/* an order changed: nothing to pull by layer, all by chain ID */
	IS("=21.c =12.c ", 2, 2, X, Y, Y, X);
	/* one more at the bottom */
	IS("+01lc =12.c =23.c ", 2, 3, X, Y, Z, X, Y);
	/* images without layers */
	IS("", 0, 0, X);
	IS("+01lc ", 0, 1, X);
	IS("-10.. ", 1, 0, X);
}

/* A layer that an image has more than once. */
static void test_repeated(void)
{
	IS("=11.. =22.. ", 2, 2, X, X, X, X);
	IS("=11.. +02.c ", 1, 2, X, X, X);
	IS("=11.. -20.. ", 2, 1, X, X, X);
	IS("+01lc +02.c =13.c ", 1, 3, X, Y, Y, X);
	/* the lowest one that is left */
	IS("=11.. -20.. +02lc =33.c =44.c ", 4, 4, X, Y, X, X, X, Z, X, X);
	/* what all below is equal for goes before what comes first */
	IS("=11.. =22.. -30.. =43.c ", 4, 3, X, Y, Z, X, X, Y, X);
}

static void test_chain(void)
{
	const char *const a[] = { X };
	const char *const b[] = { X, Y, Y };
	AUTO_IMAGEDIFF struct imagediff d = imagediff_make(a, 1, b, 3);
	STREQ(d.lines[0].chain, X + strlen("sha256:"));
	/* printf '%s' 'sha256:0…0a sha256:0…0b' | sha256sum, and so on */
	STREQ(d.lines[1].chain, "931918d95b44e1550d38708c84f2ec1747ed6c06472a34dc9d89f720e99f1128");
	STREQ(d.lines[2].chain, "66dbc30cd2677c9dfee39f1999e44c68dcb1d06a3b984915536a6d0350327c3e");
}

int main(void)
{
	test_lines();
	test_repeated();
	test_chain();
	return TAP_END;
}
