/* SPDX-License-Identifier: MIT */
#include "fuzz.h"

#include <string.h>

#include "base/esc.h"

/* Any value becomes a field that reads back as the value; it is one field of one line. */
static void round_trip(const char *value, size_t len)
{
	AUTO_BUF struct buf field = { 0 }, back = { 0 };
	struct err e = { 0 };
	esc_field(&field, value, len);
	if (memchr(field.s, '\t', field.len) || memchr(field.s, '\n', field.len) ||
	    esc_is_absent(field.s, field.len) || esc_value(&back, field.s, field.len, &e) < 0 ||
	    back.len != len || (len && memcmp(back.s, value, len) != 0))
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	AUTO_BUF struct buf value = { 0 }, message = { 0 };
	struct err e = { 0 };
	const char *s = (const char *)data;
	esc_message(&message, s, size);
	if (!memchr(s, '\0', size))
		round_trip(s, size);
	if (esc_value(&value, s, size, &e) == 0)
		round_trip(value.s, value.len);
	err_clear(&e);
	return 0;
}
