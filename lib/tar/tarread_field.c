/* SPDX-License-Identifier: MIT */
#include <string.h>

#include "base/num.h"
#include "tar/tarread_parts.h"

/* A base-256 number, two's complement, as GNU tar and star write it. */
static int base256(const char *field, size_t width, int64_t *value)
{
	const unsigned char *f = (const unsigned char *)field;
	bool negative = f[0] & 0x40;
	uint64_t v = negative ? UINT64_MAX : 0;
	for (size_t i = 0; i < width; i++) {
		unsigned byte = i ? f[i] : (f[0] & 0x7fU) | (negative ? 0x80U : 0);
		if (v >> 55 != (negative ? 0x1ff : 0))
			return -1;
		v = v << 8 | byte;
	}
	*value = (int64_t)v;
	return (*value < 0) == negative ? 0 : -1;
}

/* Octal digits; spaces may stand before, a NUL or spaces behind; nothing is 0. */
static int octal(const char *field, size_t width, int64_t *value)
{
	size_t from = 0, to;
	while (from < width && field[from] == ' ')
		from++;
	for (to = from; to < width && field[to] && field[to] != ' ';)
		to++;
	for (size_t i = to; i < width; i++)
		if (field[i] && field[i] != ' ')
			return -1;
	struct err ignored = { 0 };
	uint64_t v = 0;
	if (to > from && num_parse(field + from, to - from, 8, 0, INT64_MAX, &v, &ignored) < 0) {
		err_clear(&ignored);
		return -1;
	}
	*value = (int64_t)v;
	return 0;
}

static int any_number(const char *field, size_t width, int64_t *value)
{
	bool binary = (unsigned char)field[0] & 0x80;
	return binary ? base256(field, width, value) : octal(field, width, value);
}

int tarread_number(const char *field, size_t width, uint64_t *value)
{
	int64_t v = 0;
	if (any_number(field, width, &v) < 0 || v < 0)
		return -1;
	*value = (uint64_t)v;
	return 0;
}

int tarread_signed(const struct tarread *r, const char *field, size_t width, const char *what,
		   int64_t *value, struct err *e)
{
	if (any_number(field, width, value) < 0)
		return tarread_err(r, e, "bad %s: expected an octal or base-256 number", what);
	return 0;
}

int tarread_field(const struct tarread *r, const char *field, size_t width, const char *what,
		  uint64_t *value, struct err *e)
{
	int64_t v = 0;
	if (tarread_signed(r, field, width, what, &v, e) < 0)
		return -1;
	if (v < 0)
		return tarread_err(r, e, "bad %s: it is negative", what);
	*value = (uint64_t)v;
	return 0;
}

int tarread_is_header(const void *block)
{
	const struct ustar *h = block;
	int64_t sum;
	return octal(h->chksum, sizeof h->chksum, &sum) == 0 && sum == ustar_sum(h);
}
