/* SPDX-License-Identifier: MIT */
#include "base/jsonwrite.h"

#include "tap.h"

static void writes(void)
{
	AUTO_BUF struct buf b = { 0 };
	struct jsonwrite j = { 0 };
	struct err e = { 0 };
	jsonwrite_open(&j, '{');
	jsonwrite_member(&j, "a", "x");
	jsonwrite_key(&j, "b");
	jsonwrite_open(&j, '[');
	jsonwrite_close(&j, ']');
	jsonwrite_key(&j, "c");
	jsonwrite_open(&j, '[');
	jsonwrite_number(&j, -1);
	jsonwrite_bool(&j, true);
	jsonwrite_open(&j, '{');
	jsonwrite_close(&j, '}');
	jsonwrite_raw(&j, "null");
	jsonwrite_string(&j, "", 0);
	jsonwrite_close(&j, ']');
	jsonwrite_close(&j, '}');
	OK(jsonwrite_finish(&j, &b, &e) == 0);
	STREQ(b.s, "{\"a\":\"x\",\"b\":[],\"c\":[-1,true,{},null,\"\"]}");
}

/* The string as JSON, or the error. */
static const char *quoted(const char *s, size_t len)
{
	static struct buf b;
	static struct err e;
	struct jsonwrite j = { 0 };
	buf_clear(&b);
	err_clear(&e);
	jsonwrite_string(&j, s, len);
	return jsonwrite_finish(&j, &b, &e) < 0 ? e.msg : b.s;
}

static void escapes(void)
{
	STREQ(quoted("\"\\/\b\f\n\r\t", 8), "\"\\\"\\\\/\\b\\f\\n\\r\\t\"");
	STREQ(quoted("\0\x01\x1f\x7f", 4), "\"\\u0000\\u0001\\u001f\\u007f\"");
	STREQ(quoted("é\xf0\x9f\x98\x80", 6), "\"é\xf0\x9f\x98\x80\"");
	STREQ(quoted("a,[", 3), "\"a,[\"");
	STREQ(quoted("a\xff", 2), "'a\\xff' is not UTF-8: JSON cannot hold it");
	STREQ(quoted("\xed\xa0\x80", 3), "'\\xed\\xa0\\x80' is not UTF-8: JSON cannot hold it");
}

int main(void)
{
	writes();
	escapes();
	return TAP_END;
}
