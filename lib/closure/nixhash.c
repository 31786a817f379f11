/* SPDX-License-Identifier: MIT */
#include "closure/nixhash.h"

#include <stdint.h>
#include <string.h>

static const char base32_digits[] = "0123456789abcdfghijklmnpqrsvwxyz";
static const char base64_digits[] =
	"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
static const char hex_digits[] = "0123456789abcdef";

enum { BASE64_LEN = 44 };

/* The value of a digit, -1 where it is none. */
static int digit(const char *digits, char c)
{
	const char *p = c ? strchr(digits, c) : NULL;
	return p ? (int)(p - digits) : -1;
}

static int from_hex(const char *s, unsigned char raw[DIGEST_LEN])
{
	for (size_t i = 0; i < DIGEST_LEN; i++) {
		int high = digit(hex_digits, s[2 * i]), low = digit(hex_digits, s[2 * i + 1]);
		if (high < 0 || low < 0)
			return -1;
		raw[i] = (unsigned char)(high << 4 | low);
	}
	return 0;
}

/* The first character holds the highest bits of the last byte; the spare bits must be 0. */
static int from_base32(const char *s, unsigned char raw[DIGEST_LEN])
{
	unsigned char bytes[DIGEST_LEN + 1] = { 0 };
	for (size_t n = 0; n < NIXHASH_BASE32_LEN; n++) {
		int value = digit(base32_digits, s[NIXHASH_BASE32_LEN - 1 - n]);
		if (value < 0)
			return -1;
		size_t bit = n * 5;
		unsigned shifted = (unsigned)value << bit % 8;
		bytes[bit / 8] |= (unsigned char)shifted;
		bytes[bit / 8 + 1] |= (unsigned char)(shifted >> 8);
	}
	memcpy(raw, bytes, DIGEST_LEN);
	return bytes[DIGEST_LEN] ? -1 : 0;
}

/* 43 digits and one '='; the two spare bits must be 0. */
static int from_base64(const char *s, unsigned char raw[DIGEST_LEN])
{
	uint32_t bits = 0;
	unsigned have = 0;
	size_t n = 0;
	for (size_t i = 0; i < BASE64_LEN - 1; i++) {
		int value = digit(base64_digits, s[i]);
		if (value < 0)
			return -1;
		bits = bits << 6 | (unsigned)value;
		have += 6;
		if (have >= 8) {
			have -= 8;
			raw[n++] = (unsigned char)(bits >> have);
			bits &= (1U << have) - 1;
		}
	}
	return s[BASE64_LEN - 1] == '=' && bits == 0 ? 0 : -1;
}

static int decode(const char *s, size_t len, unsigned char raw[DIGEST_LEN])
{
	if (len > 7 && memcmp(s, "sha256-", 7) == 0)
		return len == 7 + BASE64_LEN ? from_base64(s + 7, raw) : -1;
	int typed = len > 7 && memcmp(s, "sha256:", 7) == 0;
	if (typed) {
		s += 7;
		len -= 7;
	}
	if (len == DIGEST_HEX_LEN)
		return from_hex(s, raw);
	if (len == NIXHASH_BASE32_LEN)
		return from_base32(s, raw);
	return typed && len == BASE64_LEN ? from_base64(s, raw) : -1;
}

int nixhash_sri(const char *s, size_t len, char sri[NIXHASH_SRI_LEN + 1], struct err *e)
{
	unsigned char raw[DIGEST_LEN];
	if (decode(s, len, raw) < 0)
		return err_set(e, 0,
			       "'%.*s' is not a SHA-256 hash: expected sha256-BASE64, or hex or "
			       "nix-base32 with or without sha256:",
			       (int)(len < 128 ? len : 128), s);
	nixhash_from_raw(raw, sri);
	return 0;
}

void nixhash_from_raw(const unsigned char raw[DIGEST_LEN], char sri[NIXHASH_SRI_LEN + 1])
{
	memcpy(sri, "sha256-", 7);
	char *to = sri + 7;
	for (size_t i = 0; i < DIGEST_LEN; i += 3) {
		size_t left = DIGEST_LEN - i;
		uint32_t bits = (uint32_t)raw[i] << 16 |
				(left > 1 ? (uint32_t)raw[i + 1] << 8 : 0) |
				(left > 2 ? raw[i + 2] : 0);
		*to++ = base64_digits[bits >> 18];
		*to++ = base64_digits[bits >> 12 & 63];
		*to++ = left > 1 ? base64_digits[bits >> 6 & 63] : '=';
		*to++ = left > 2 ? base64_digits[bits & 63] : '=';
	}
	*to = '\0';
}

void nixhash_base32(struct buf *b, const void *data, size_t len)
{
	const unsigned char *bytes = data;
	for (size_t n = (len * 8 + 4) / 5; n-- > 0;) {
		size_t bit = n * 5, i = bit / 8;
		unsigned high = i + 1 < len ? bytes[i + 1] : 0;
		unsigned value = ((unsigned)bytes[i] | high << 8) >> bit % 8;
		buf_addc(b, base32_digits[value & 31]);
	}
}
