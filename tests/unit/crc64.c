/* SPDX-License-Identifier: MIT */
#include "tar/crc64.h"

#include "tap.h"

enum { MOST = 300 };

/* Bit by bit, as the polynomial says. */
static uint64_t slow(const unsigned char *p, size_t len)
{
	uint64_t crc = ~UINT64_C(0);
	for (size_t i = 0; i < len; i++) {
		crc ^= p[i];
		for (int bit = 0; bit < 8; bit++)
			crc = crc >> 1 ^ (crc & 1 ? UINT64_C(0xd800000000000000) : 0);
	}
	return ~crc;
}

/* Any length, from any place, in two parts. */
static void parts(void)
{
	unsigned char data[MOST];
	int wrong = 0;
	uint32_t random = 1;
	for (size_t i = 0; i < MOST; i++) {
		random = random * 1664525 + 1013904223;
		data[i] = (unsigned char)(random >> 24);
	}
	for (size_t len = 0; len < MOST - 1; len++)
		for (size_t first = 0; first <= len; first += 7) {
			uint64_t crc = crc64(0, data + 1, first);
			crc = crc64(crc, data + 1 + first, len - first);
			wrong += crc != slow(data + 1, len);
		}
	OK(wrong == 0);
}

int main(void)
{
	OK(crc64(0, "", 0) == 0);
	/* the check value of CRC-64/GO-ISO */
	OK(crc64(0, "123456789", 9) == UINT64_C(0xb90956c775a41001));
	parts();
	return TAP_END;
}
