/* SPDX-License-Identifier: MIT */
#include "base/keyhash.h"

#include <string.h>
#include <sys/random.h>

void keyhash_init(struct keyhash *k)
{
	/* where the system has no random numbers yet, these do: it is slower at the worst */
	*k = (struct keyhash){ 0x243f6a8885a308d3U, 0x9e3779b97f4a7c15U };
	struct keyhash random;
	if (getrandom(&random, sizeof random, GRND_NONBLOCK) == sizeof random)
		*k = random;
	k->times |= 1;
}

/* The product's upper half folded over its lower one, so that each bit depends on all. */
uint64_t keyhash_number(const struct keyhash *k, uint64_t number)
{
	__extension__ typedef unsigned __int128 wide;
	wide product = (wide)(number ^ k->add) * k->times;
	return (uint64_t)product ^ (uint64_t)(product >> 64);
}

uint64_t keyhash_bytes(const struct keyhash *k, const void *s, size_t len)
{
	const char *at = s;
	uint64_t h = len, part;
	for (; len >= sizeof part; at += sizeof part, len -= sizeof part) {
		memcpy(&part, at, sizeof part);
		h = keyhash_number(k, h ^ part);
	}
	part = 0;
	memcpy(&part, at, len);
	return keyhash_number(k, h ^ part);
}
