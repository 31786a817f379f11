/* SPDX-License-Identifier: MIT */
#include "base/base64.h"

#include <stdint.h>
#include <string.h>

static const char alphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

static char *add_group(char *to, uint32_t bits)
{
	*to++ = alphabet[bits >> 18];
	*to++ = alphabet[bits >> 12 & 63];
	*to++ = alphabet[bits >> 6 & 63];
	*to++ = alphabet[bits & 63];
	return to;
}

void base64_encode(struct buf *b, const void *data, size_t len)
{
	const unsigned char *s = data, *end = s + len / 3 * 3;
	size_t left = len % 3;
	char *to = buf_extend(b, (len + 2) / 3 * 4);
	for (; s < end; s += 3)
		to = add_group(to, (uint32_t)s[0] << 16 | (uint32_t)s[1] << 8 | s[2]);
	if (left == 0)
		return;
	to = add_group(to, (uint32_t)s[0] << 16 | (left == 2 ? (uint32_t)s[1] << 8 : 0));
	memset(to - 3 + left, '=', 3 - left);
}

/* Adds the bytes of one group of four; -1 where it is none. */
static int decode_group(struct buf *b, const char *s, int last)
{
	size_t n = 4;
	uint32_t bits = 0;
	while (last && n > 2 && s[n - 1] == '=')
		n--;
	for (size_t i = 0; i < 4; i++) {
		const char *at = i < n ? memchr(alphabet, s[i], sizeof alphabet - 1) : alphabet;
		if (!at)
			return -1;
		bits = bits << 6 | (uint32_t)(at - alphabet);
	}
	const char bytes[] = { (char)(bits >> 16), (char)(bits >> 8), (char)bits };
	buf_add(b, bytes, n - 1);
	return n == 4 || (bits & (n == 3 ? 0xffU : 0xffffU)) == 0 ? 0 : -1;
}

int base64_decode(struct buf *b, const char *s, size_t len, struct err *e)
{
	int bad = len % 4 != 0;
	for (size_t i = 0; !bad && i < len; i += 4)
		bad = decode_group(b, s + i, i + 4 == len) < 0;
	if (bad)
		return err_set(e, 0, "bad base64 '%.*s'", (int)(len < 80 ? len : 80), s);
	return 0;
}
