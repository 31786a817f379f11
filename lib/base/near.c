/* SPDX-License-Identifier: MIT */
#include "base/near.h"

#include <string.h>

enum { NEAR_MAX = 32 };

static unsigned least(unsigned a, unsigned b, unsigned c)
{
	unsigned m = a < b ? a : b;
	return m < c ? m : c;
}

static char fold(char c)
{
	return c >= 'A' && c <= 'Z' ? (char)(c - 'A' + 'a') : c;
}

/* Insertions, deletions and changes of one letter that lead from a to b, capitals aside. */
static unsigned distance(const char *a, const char *b)
{
	unsigned row[NEAR_MAX + 1];
	size_t len = strlen(b);
	for (unsigned j = 0; j <= len; j++)
		row[j] = j;
	for (unsigned i = 1; a[i - 1]; i++) {
		unsigned diagonal = row[0];
		row[0] = i;
		for (size_t j = 1; j <= len; j++) {
			unsigned change = diagonal + (fold(a[i - 1]) != fold(b[j - 1]));
			diagonal = row[j];
			row[j] = least(change, row[j] + 1, row[j - 1] + 1);
		}
	}
	return row[len];
}

unsigned near(const char *typed, const char *known)
{
	size_t len = strlen(typed);
	if (len > NEAR_MAX || strlen(known) > NEAR_MAX)
		return NEAR_NOT;
	unsigned n = distance(typed, known);
	return n <= (len < 5 ? 1U : NEAR_NOT - 1) ? n : NEAR_NOT;
}
