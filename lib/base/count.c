/* SPDX-License-Identifier: MIT */
#include "base/count.h"

#include <string.h>

#define DECIMAL_BASE 10000000000000000000U /* 10^19, the largest power of ten in a limb */
enum { DECIMAL_DIGITS = 19 };

static size_t trim(const uint64_t *limbs, size_t n)
{
	while (n && limbs[n - 1] == 0)
		n--;
	return n;
}

void count_push(struct count_list *l, const uint64_t *limbs, size_t n)
{
	n = trim(limbs, n);
	/* one more, so that a list of zeros has limbs to point at too */
	l->limbs = mem_grow(l->limbs, &l->limbs_cap, l->nlimbs + n + 1, sizeof *l->limbs);
	l->ends = mem_grow(l->ends, &l->ends_cap, l->n + 1, sizeof *l->ends);
	if (n)
		memcpy(l->limbs + l->nlimbs, limbs, n * sizeof *limbs);
	l->nlimbs += n;
	l->ends[l->n++] = l->nlimbs;
}

void count_list_free(struct count_list *l)
{
	free(l->limbs);
	free(l->ends);
	*l = (struct count_list){ 0 };
}

static uint64_t limb(struct count a, size_t i)
{
	return i < a.n ? a.limbs[i] : 0;
}

void count_add_difference(uint64_t *sum, size_t n, struct count a, struct count b)
{
	size_t both = a.n > b.n ? a.n : b.n;
	__extension__ __int128 carry = 0;
	for (size_t i = 0; i < n && (i < both || carry); i++) {
		carry += sum[i];
		carry += limb(a, i);
		carry -= limb(b, i);
		sum[i] = (uint64_t)carry;
		carry >>= 64;
	}
}

void count_add(uint64_t *sum, const uint64_t *a, size_t n)
{
	__extension__ unsigned __int128 carry = 0;
	for (size_t i = 0; i < n; i++) {
		carry += sum[i];
		carry += a[i];
		sum[i] = (uint64_t)carry;
		carry >>= 64;
	}
}

int count_compare(struct count a, struct count b)
{
	if (a.n != b.n)
		return a.n < b.n ? -1 : 1;
	for (size_t i = a.n; i-- > 0;)
		if (a.limbs[i] != b.limbs[i])
			return a.limbs[i] < b.limbs[i] ? -1 : 1;
	return 0;
}

/* Divides the n limbs by DECIMAL_BASE in place; returns the remainder. */
static uint64_t divide(uint64_t *limbs, size_t n)
{
	__extension__ unsigned __int128 rest = 0;
	for (size_t i = n; i-- > 0;) {
		rest = rest << 64 | limbs[i];
		limbs[i] = (uint64_t)(rest / DECIMAL_BASE);
		rest %= DECIMAL_BASE;
	}
	return (uint64_t)rest;
}

char *count_decimal(struct count a)
{
	AUTO_FREE uint64_t *limbs = xcalloc(a.n, sizeof *limbs);
	size_t n = a.n, len = (a.n * 64 / 63 + 1) * DECIMAL_DIGITS + 1;
	AUTO_FREE char *digits = xmalloc(len + 1);
	char *p = digits + len;
	if (n)
		memcpy(limbs, a.limbs, n * sizeof *limbs);
	*p = '\0';
	do {
		uint64_t rest = divide(limbs, n);
		n = trim(limbs, n);
		for (int i = 0; i < DECIMAL_DIGITS && (n || rest || i == 0); i++, rest /= 10)
			*--p = (char)('0' + rest % 10);
	} while (n);
	return xstrdup(p);
}
