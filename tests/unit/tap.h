/* SPDX-License-Identifier: MIT */
#ifndef LAYERPIPE_TAP_H
#define LAYERPIPE_TAP_H

/* TAP for C unit tests: OK() and STREQ() print both values where they differ; end with TAP_END. */

#include <stdio.h>
#include <string.h>

static int tap_n, tap_bad;

static inline void tap_result(int ok, const char *file, int line, const char *what)
{
	tap_n++;
	tap_bad += !ok;
	printf("%sok %d - %s\n", ok ? "" : "not ", tap_n, what);
	if (!ok)
		printf("# at %s:%d\n", file, line);
}

static inline void tap_streq(const char *a, const char *b, const char *file, int line,
			     const char *what)
{
	int ok = a && b && strcmp(a, b) == 0;
	tap_result(ok, file, line, what);
	if (!ok)
		printf("# found    %s\n# expected %s\n", a ? a : "(null)", b ? b : "(null)");
}

#define OK(cond)    tap_result(!!(cond), __FILE__, __LINE__, #cond)
#define STREQ(a, b) tap_streq((a), (b), __FILE__, __LINE__, #a " is " #b)
#define TAP_END     (printf("1..%d\n", tap_n), tap_bad ? 1 : 0)

#endif
