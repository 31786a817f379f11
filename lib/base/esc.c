/* SPDX-License-Identifier: MIT */
#include "base/esc.h"

#include <string.h>

/* The smallest code point a sequence of 2, 3, 4 bytes may stand for. */
static const unsigned utf8_least[] = { 0, 0, 0x80, 0x800, 0x10000 };

size_t esc_utf8(const char *s, size_t len)
{
	const unsigned char *u = (const unsigned char *)s;
	if (u[0] < 0x80)
		return 1;
	size_t n = u[0] >= 0xf0 && u[0] <= 0xf4 ? 4 : u[0] >= 0xe0 ? 3 : 2;
	if (u[0] < 0xc2 || u[0] > 0xf4 || n > len)
		return 0;
	unsigned point = u[0] & (0xffU >> (n + 1));
	for (size_t i = 1; i < n; i++) {
		if ((u[i] & 0xc0) != 0x80)
			return 0;
		point = point << 6 | (u[i] & 0x3f);
	}
	bool surrogate = point >= 0xd800 && point <= 0xdfff;
	return point >= utf8_least[n] && point <= 0x10ffff && !surrogate ? n : 0;
}

bool esc_is_utf8(const char *s, size_t len)
{
	for (size_t i = 0, n; i < len; i += n)
		if ((n = esc_utf8(s + i, len - i)) == 0)
			return false;
	return true;
}

static bool is_control(char c)
{
	return (unsigned char)c < 0x20 || c == 0x7f;
}

/* How many bytes at s stand for themselves; not all of them need be counted. */
static size_t plain(const char *s, size_t len)
{
	size_t n = 0;
	while (n < len && s[n] >= ' ' && s[n] <= '~' && s[n] != '\\')
		n++;
	return n;
}

static void add_hex(struct buf *b, char c)
{
	buf_addf(b, "\\x%02x", (unsigned char)c);
}

/* Appends what stands for the byte or sequence at s and returns its length. */
static size_t add_escaped(struct buf *b, const char *s, size_t len)
{
	size_t n = esc_utf8(s, len);
	if (n == 0 || is_control(*s)) {
		switch (*s) {
		case '\t':
			buf_adds(b, "\\t");
			break;
		case '\n':
			buf_adds(b, "\\n");
			break;
		case '\r':
			buf_adds(b, "\\r");
			break;
		default:
			add_hex(b, *s);
		}
		return 1;
	}
	if (*s == '\\')
		buf_addc(b, '\\');
	buf_add(b, s, n);
	return n;
}

void esc_field(struct buf *b, const char *s, size_t len)
{
	if (len == 0) {
		buf_adds(b, "\\e");
		return;
	}
	if (esc_is_absent(s, len)) {
		add_hex(b, '-');
		return;
	}
	for (size_t i = 0; i < len;) {
		size_t n = plain(s + i, len - i);
		buf_add(b, s + i, n);
		i += n;
		if (i < len)
			i += add_escaped(b, s + i, len - i);
	}
}

void esc_message(struct buf *b, const char *s, size_t len)
{
	for (size_t i = 0; i < len;) {
		size_t n = esc_utf8(s + i, len - i);
		if (n == 0 || is_control(s[i])) {
			add_hex(b, s[i]);
			n = 1;
		} else {
			buf_add(b, s + i, n);
		}
		i += n;
	}
}

bool esc_is_absent(const char *s, size_t len)
{
	return len == 1 && *s == '-';
}

static int hex_digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* Decodes the escape at s (s[0] is the backslash); its length goes to *used. */
static int decode(struct buf *b, const char *s, size_t len, size_t *used, struct err *e)
{
	static const char from[] = "\\tnr", to[] = "\\\t\n\r";
	const char *p = len > 1 && s[1] ? strchr(from, s[1]) : NULL;
	*used = 2;
	if (p) {
		buf_addc(b, to[p - from]);
		return 0;
	}
	if (len < 4 || s[1] != 'x')
		return err_set(e, 0, "bad escape: expected \\\\ \\t \\n \\r or \\xHH");
	int high = hex_digit(s[2]), low = hex_digit(s[3]);
	if (high < 0 || low < 0)
		return err_set(e, 0, "bad escape: expected two lower-case hex digits after \\x");
	if (high == 0 && low == 0)
		return err_set(e, 0, "bad escape: \\x00 is not allowed");
	buf_addc(b, (char)(high << 4 | low));
	*used = 4;
	return 0;
}

int esc_value(struct buf *b, const char *s, size_t len, struct err *e)
{
	if (len == 0)
		return err_set(e, 0, "empty field: the empty value is written \\e");
	if (len == 2 && memcmp(s, "\\e", 2) == 0)
		return 0;
	for (size_t i = 0, n; i < len; i += n) {
		n = plain(s + i, len - i);
		if (n) {
			buf_add(b, s + i, n);
			continue;
		}
		if (s[i] == '\\') {
			if (decode(b, s + i, len - i, &n, e) < 0)
				return -1;
			continue;
		}
		n = esc_utf8(s + i, len - i);
		if (n == 0 || is_control(s[i]))
			return err_set(e, 0, "raw byte \\x%02x: it must be escaped",
				       (unsigned char)s[i]);
		buf_add(b, s + i, n);
	}
	return 0;
}
