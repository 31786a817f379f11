/* SPDX-License-Identifier: MIT */
#include "tar/walk.h"

#include <stdbool.h>
#include <string.h>

#include "tap.h"

/* Names in the order in which Python sorts what os.fsdecode() makes of them. */
static const char *const sorted[] = {
	"",
	"-",
	"a",
	"a-b",
	"a.txt",
	"ab",
	"\303\251",         /* U+00E9 */
	"\346\227\245",     /* U+65E5 */
	"\200",             /* no UTF-8: U+DC80 */
	"\303",             /* a beginning alone: U+DCC3 */
	"\303(",            /* and with something behind it */
	"\303\303\251",     /* and with U+00E9 behind it */
	"\355\240\200",     /* a surrogate: three bytes that are not UTF-8 */
	"\377",             /* U+DCFF */
	"\356\200\200",     /* U+E000 */
	"\360\237\230\200", /* U+1F600 */
};

static void test_order(void)
{
	size_t n = sizeof sorted / sizeof *sorted;
	bool good = true;
	for (size_t i = 0; i < n; i++)
		for (size_t j = 0; j < n; j++) {
			int found = walk_compare(sorted[i], sorted[j]);
			good = good && (found > 0) == (i > j) && (found < 0) == (i < j);
		}
	OK(good);
	/* what differs comes behind what does not */
	OK(walk_compare("\303\251a", "\303\251b") < 0);
	OK(walk_compare("\303a", "\303\251") > 0);
	OK(walk_compare("x\303", "x\303") == 0);
}

static void test_checksum(void)
{
	OK(walk_checksum(0, "a") != walk_checksum(0, "b"));
	OK(walk_checksum(walk_checksum(0, "a"), "b") != walk_checksum(walk_checksum(0, "ab"), ""));
	OK(walk_checksum(0, "") != 0);
}

int main(void)
{
	test_order();
	test_checksum();
	return TAP_END;
}
