/* SPDX-License-Identifier: MIT */
#include "base/jsonwrite.h"

#include <inttypes.h>
#include <string.h>

#include "base/esc.h"

/* A comma where a value or key stands before. */
static void separate(struct jsonwrite *j)
{
	char last = j->text.len ? j->text.s[j->text.len - 1] : '[';
	if (last != '[' && last != '{' && last != ':')
		buf_addc(&j->text, ',');
}

void jsonwrite_open(struct jsonwrite *j, char bracket)
{
	separate(j);
	buf_addc(&j->text, bracket);
}

void jsonwrite_close(struct jsonwrite *j, char bracket)
{
	buf_addc(&j->text, bracket);
}

static void add_escaped(struct buf *b, char c)
{
	static const char from[] = "\"\\\b\f\n\r\t", to[] = "\"\\bfnrt";
	const char *p = c ? strchr(from, c) : NULL;
	buf_addc(b, '\\');
	if (p)
		buf_addc(b, to[p - from]);
	else
		buf_addf(b, "u%04x", (unsigned)(unsigned char)c);
}

static bool is_special(char c)
{
	return (unsigned char)c < 0x20 || c == 0x7f || c == '"' || c == '\\';
}

/* How many bytes at s stand for themselves; those that are not ASCII are not counted. */
static size_t unescaped(const char *s, size_t len)
{
	size_t n = 0;
	while (n < len && (unsigned char)s[n] < 0x80 && !is_special(s[n]))
		n++;
	return n;
}

static void note_bad(struct jsonwrite *j, const char *s, size_t len)
{
	struct buf b = { 0 };
	if (j->bad)
		return;
	esc_message(&b, s, len < 64 ? len : 64);
	j->bad = b.s;
}

void jsonwrite_string(struct jsonwrite *j, const char *s, size_t len)
{
	separate(j);
	buf_addc(&j->text, '"');
	for (size_t i = 0, n; i < len; i += n) {
		n = unescaped(s + i, len - i);
		if (n == 0)
			n = esc_utf8(s + i, len - i);
		if (n == 0) {
			note_bad(j, s, len);
			break;
		}
		if (is_special(s[i]))
			add_escaped(&j->text, s[i]);
		else
			buf_add(&j->text, s + i, n);
	}
	buf_addc(&j->text, '"');
}

void jsonwrite_key(struct jsonwrite *j, const char *key)
{
	jsonwrite_string(j, key, strlen(key));
	buf_addc(&j->text, ':');
}

void jsonwrite_number(struct jsonwrite *j, int64_t value)
{
	separate(j);
	buf_addf(&j->text, "%" PRId64, value);
}

void jsonwrite_bool(struct jsonwrite *j, bool value)
{
	jsonwrite_raw(j, value ? "true" : "false");
}

void jsonwrite_raw(struct jsonwrite *j, const char *text)
{
	separate(j);
	buf_adds(&j->text, text);
}

void jsonwrite_member(struct jsonwrite *j, const char *key, const char *value)
{
	jsonwrite_key(j, key);
	jsonwrite_string(j, value, strlen(value));
}

int jsonwrite_finish(struct jsonwrite *j, struct buf *b, struct err *e)
{
	int r = 0;
	if (j->bad)
		r = err_set(e, 0, "'%s' is not UTF-8: JSON cannot hold it", j->bad);
	else
		buf_add(b, j->text.s, j->text.len);
	free(j->bad);
	buf_free(&j->text);
	*j = (struct jsonwrite){ 0 };
	return r;
}
