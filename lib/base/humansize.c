/* SPDX-License-Identifier: MIT */
#include "base/humansize.h"

#include <inttypes.h>

void humansize_bytes(struct buf *b, uint64_t bytes)
{
	static const char *const units[] = { "kB", "MB", "GB", "TB", "PB", "EB" };
	if (bytes < 1000) {
		buf_addf(b, "%" PRIu64 " B", bytes);
		return;
	}
	double value = (double)bytes / 1000;
	size_t unit = 0;
	for (; value >= 999.5; unit++)
		value /= 1000;
	buf_addf(b, "%.*f %s", value < 9.995 ? 2 : value < 99.95 ? 1 : 0, value, units[unit]);
}

void humansize_percent(struct buf *b, double part, double whole)
{
	double percent = 100 * part / whole;
	buf_addf(b, "%.*f %%", percent > 0 && percent < 0.95 ? 1 : 0, percent);
}

void humansize_pad(struct buf *b, size_t start, int width)
{
	AUTO_FREE char *text = xstrndup(b->s + start, b->len - start);
	b->len = start;
	buf_addf(b, "%*s", width, text);
}

void humansize_column(struct buf *b, uint64_t bytes, bool there)
{
	enum { WIDTH = 10 };
	size_t start = b->len;
	if (there)
		humansize_bytes(b, bytes);
	else
		buf_addc(b, '-');
	humansize_pad(b, start, WIDTH);
}
