/* SPDX-License-Identifier: MIT */
#include "base/num.h"

#include <inttypes.h>

static int parse_digits(const char *s, size_t len, unsigned base, uint64_t *value)
{
	uint64_t v = 0;
	for (size_t i = 0; i < len; i++) {
		unsigned digit = (unsigned)(unsigned char)s[i] - '0';
		if (digit >= base || __builtin_mul_overflow(v, base, &v) ||
		    __builtin_add_overflow(v, digit, &v))
			return -1;
	}
	*value = v;
	return len ? 0 : -1;
}

int num_parse(const char *s, size_t len, unsigned base, uint64_t min, uint64_t max, uint64_t *value,
	      struct err *e)
{
	uint64_t v;
	if (parse_digits(s, len, base, &v) < 0 || v < min || v > max)
		return err_set(e, 0,
			       base == 8 ? "'%.*s': expected an octal number from %" PRIo64
					   " to %" PRIo64
					 : "'%.*s': expected a number from %" PRIu64 " to %" PRIu64,
			       (int)(len < 64 ? len : 64), s, min, max);
	*value = v;
	return 0;
}
