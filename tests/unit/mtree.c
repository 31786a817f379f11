/* SPDX-License-Identifier: MIT */
#include "layer/mtree.h"

#include <string.h>

#include "base/base64.h"
#include "tap.h"

/* The word escaped; valid until the next call. */
static const char *escaped(const char *s)
{
	static struct buf b;
	buf_clear(&b);
	mtree_escape(&b, s);
	return b.s ? b.s : "";
}

static const char *unescaped(const char *s)
{
	static struct buf b;
	struct err e = { 0 };
	buf_clear(&b);
	if (mtree_unescape(&b, s, strlen(s), &e) < 0) {
		err_clear(&e);
		return "refused";
	}
	return b.s ? b.s : "";
}

static void test_escapes(void)
{
	STREQ(escaped("a-b/c.d+e@f~"), "a-b/c.d+e@f~");
	STREQ(escaped(" #=\\\n\t\177\303\251\377"),
	      "\\040\\043\\075\\134\\012\\011\\177\\303\\251\\377");
	STREQ(unescaped("\\040\\a\\b\\f\\n\\r\\s\\t\\v\\#\\\\\\377x"), " \a\b\f\n\r \t\v#\\\377x");
	STREQ(unescaped("\\001"), "\001");
	STREQ(unescaped("\\000"), "refused");
	STREQ(unescaped("\\400"), "refused");
	STREQ(unescaped("\\04"), "refused");
	STREQ(unescaped("\\048"), "refused");
	STREQ(unescaped("a\\"), "refused");
}

/* Every byte there and back. */
static void test_all_bytes(void)
{
	char all[256];
	for (unsigned i = 1; i < 256; i++)
		all[i - 1] = (char)i;
	all[255] = '\0';
	STREQ(unescaped(escaped(all)), all);
}

static void test_order(void)
{
	OK(mtree_compare("a", "a") == 0);
	OK(mtree_compare("a", "a/b") < 0);
	OK(mtree_compare("a/b", "a-b") < 0);
	OK(mtree_compare("a/z", "a\001") < 0);
	OK(mtree_compare("ab", "a/z") > 0);
	OK(mtree_compare("\377", "z") > 0);
}

static const char *base64(const char *s, size_t len)
{
	static struct buf b;
	buf_clear(&b);
	base64_encode(&b, s, len);
	return b.s ? b.s : "";
}

static int decodes(const char *s, const char *bytes, size_t len)
{
	AUTO_BUF struct buf b = { 0 };
	struct err e = { 0 };
	int ok = base64_decode(&b, s, strlen(s), &e) == 0 && b.len == len &&
		 (!len || memcmp(b.s, bytes, len) == 0);
	err_clear(&e);
	return ok;
}

/* RFC 4648, section 10. */
static void test_base64(void)
{
	STREQ(base64("", 0), "");
	STREQ(base64("f", 1), "Zg==");
	STREQ(base64("fo", 2), "Zm8=");
	STREQ(base64("foo", 3), "Zm9v");
	STREQ(base64("\0\377\376", 3), "AP/+");
	OK(decodes("", "", 0));
	OK(decodes("Zg==", "f", 1));
	OK(decodes("Zm8=", "fo", 2));
	OK(decodes("Zm9vYmFy", "foobar", 6));
	OK(decodes("AP/+", "\0\377\376", 3));
	OK(!decodes("Zg=", "f", 1));
	OK(!decodes("Zg", "f", 1));
	OK(!decodes("Zh==", "f", 1));
	OK(!decodes("Zm9=", "fo", 2));
	OK(!decodes("Z===", "", 0));
	OK(!decodes("====", "", 0));
	OK(!decodes("Zg==Zg==", "ff", 2));
	OK(!decodes("Zm 9v", "foo", 3));
}

int main(void)
{
	test_escapes();
	test_all_bytes();
	test_order();
	test_base64();
	return TAP_END;
}
