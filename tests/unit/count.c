/* SPDX-License-Identifier: MIT */
#include "base/count.h"

#include "tap.h"

static struct count of(const uint64_t *limbs, size_t n)
{
	return (struct count){ limbs, n };
}

static void decimal_is(const uint64_t *limbs, size_t n, const char *expected)
{
	AUTO_FREE char *s = count_decimal(of(limbs, n));
	STREQ(s, expected);
}

static void test_decimal(void)
{
	decimal_is(NULL, 0, "0");
	decimal_is((uint64_t[]){ 7 }, 1, "7");
	decimal_is((uint64_t[]){ 9999999999999999999U }, 1, "9999999999999999999");
	decimal_is((uint64_t[]){ 10000000000000000000U }, 1, "10000000000000000000");
	decimal_is((uint64_t[]){ UINT64_MAX }, 1, "18446744073709551615");
	decimal_is((uint64_t[]){ 0, 1 }, 2, "18446744073709551616");
	decimal_is((uint64_t[]){ UINT64_MAX, UINT64_MAX, UINT64_MAX }, 3,
		   "6277101735386680763835789423207666416102355444464034512895");
}

static void test_add(void)
{
	uint64_t sum[3] = { UINT64_MAX, UINT64_MAX, 0 };
	count_add(sum, (uint64_t[]){ 1, 0, 0 }, 3);
	decimal_is(sum, 3, "340282366920938463463374607431768211456");
	count_add_difference(sum, 3, of((uint64_t[]){ 5 }, 1), of((uint64_t[]){ 6 }, 1));
	OK(sum[0] == UINT64_MAX && sum[1] == UINT64_MAX && sum[2] == 0);
	count_add_difference(sum, 3, of((uint64_t[]){ 0, 0, 1 }, 3), of(NULL, 0));
	OK(sum[0] == UINT64_MAX && sum[1] == UINT64_MAX && sum[2] == 1);
	count_add_difference(sum, 3, of(NULL, 0), of(sum, 3));
	OK(sum[0] == 0 && sum[1] == 0 && sum[2] == 0);
}

static void test_list(void)
{
	AUTO_COUNTS struct count_list l = { 0 };
	count_push(&l, NULL, 0);
	count_push(&l, (uint64_t[]){ 3, 0, 0 }, 3);
	count_push(&l, (uint64_t[]){ 1, 2 }, 2);
	count_push(&l, (uint64_t[]){ 2, 2 }, 2);
	OK(count_at(&l, 0).n == 0 && count_at(&l, 1).n == 1 && count_at(&l, 2).n == 2);
	OK(count_at(&l, 2).limbs[1] == 2);
	for (size_t i = 0; i < l.n; i++)
		for (size_t j = 0; j < l.n; j++)
			OK((count_compare(count_at(&l, i), count_at(&l, j)) < 0) == (i < j));
	OK(count_compare(count_at(&l, 3), count_at(&l, 3)) == 0);
}

int main(void)
{
	test_decimal();
	test_add();
	test_list();
	return TAP_END;
}
