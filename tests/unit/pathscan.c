/* SPDX-License-Identifier: MIT */
#include "closure/pathscan.h"

#include <stdbool.h>
#include <stdio.h>

#include "base/mem.h"

#include "tap.h"

#define A "0123456789abcdfghijklmnpqrsvwxyz"
#define B "zyxwvsrqpnmlkjihgfdcba9876543210"

/* What is found in the text, given in pieces of this size: the paths, with a space behind each. */
static char *find(const char *text, size_t piece)
{
	struct buf b = { 0 };
	const char *const *paths;
	struct pathscan *s = pathscan_new("/s");
	for (size_t len = strlen(text), i = 0; i < len; i += piece)
		pathscan_add(s, text + i, len - i < piece ? len - i : piece);
	pathscan_end(s);
	for (uint32_t i = 0, n = pathscan_found(s, &paths); i < n; i++)
		buf_addf(&b, "%s ", paths[i]);
	pathscan_free(s);
	buf_addc(&b, '\0');
	return b.s;
}

/* Whether this is found, whatever the size of the pieces is. */
static bool finds(const char *text, const char *want)
{
	for (size_t piece = 1; piece < 120; piece++) {
		AUTO_FREE char *found = find(text, piece);
		if (strcmp(found, want) != 0)
			return false;
	}
	return true;
}

static void long_name(void)
{
	char text[600] = "/s/" A "-", want[600];
	memset(text + strlen(text), 'n', 211);
	snprintf(want, sizeof want, "%s ", text);
	memset(text + strlen(text), 'n', 100);
	OK(finds(text, want));
}

int main(void)
{
	OK(finds("", ""));
	OK(finds("/s/" A "-a", "/s/" A "-a "));
	OK(finds("see /s/" A "-a/bin and /s/" B "-b.", "/s/" A "-a /s/" B "-b. "));
	OK(finds("/s/" A "-a/s/" B "-b/s/" A "-a", "/s/" A "-a /s/" B "-b "));
	OK(finds("/s/" A "-a /s/" A "-other", "/s/" A "-a "));
	OK(finds("/s/s/" A "-a", "/s/" A "-a "));
	OK(finds("/s//s/" A "-a", "/s/" A "-a "));
	OK(finds("/s/012/s/" A "-a", "/s/" A "-a "));
	OK(finds("/s/" A, ""));
	OK(finds("/s/" A "-", ""));
	OK(finds("/s/" A "-\n", ""));
	OK(finds("/s/0" A "-a", ""));
	OK(finds("/s/e123456789abcdfghijklmnpqrsvwxyz-a", ""));
	OK(finds("/t/" A "-a", ""));
	long_name();
	return TAP_END;
}
