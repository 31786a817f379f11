/* SPDX-License-Identifier: MIT */
#include "base/jsonread.h"

#include <inttypes.h>
#include <string.h>

#include "base/esc.h"
#include "base/num.h"

enum { CHUNK = 16 << 10, END = -1, LONGEST_NUMBER = 64 };

struct jsonread {
	struct source *from;
	char data[CHUNK];
	size_t at, len;
	uint64_t before; /* bytes in front of data */
	char closers[JSONREAD_DEPTH];
	size_t depth;
	bool first;       /* nothing came yet in the innermost object or list */
	struct buf words; /* the key, or what is skipped */
};

struct jsonread *jsonread_new(struct source *from)
{
	struct jsonread *r = xcalloc(1, sizeof *r);
	r->from = from;
	return r;
}

void jsonread_free(struct jsonread *r)
{
	if (!r)
		return;
	buf_free(&r->words);
	free(r);
}

void jsonread_cleanup(struct jsonread **r)
{
	jsonread_free(*r);
}

/* --- bytes --- */

/* The next byte, or END; it stays the next one. */
static int peek(struct jsonread *r, int *c, struct err *e)
{
	if (r->at == r->len) {
		r->before += r->len;
		r->at = r->len = 0;
		if (source_read(r->from, r->data, CHUNK, &r->len, e) < 0)
			return -1;
	}
	*c = r->at < r->len ? (unsigned char)r->data[r->at] : END;
	return 0;
}

/* The same, behind space. */
static int peek_token(struct jsonread *r, int *c, struct err *e)
{
	for (;; r->at++) {
		if (peek(r, c, e) < 0)
			return -1;
		if (*c != ' ' && *c != '\t' && *c != '\n' && *c != '\r')
			return 0;
	}
}

static int take(struct jsonread *r, int *c, struct err *e)
{
	if (peek(r, c, e) < 0)
		return -1;
	r->at += *c != END;
	return 0;
}

static int bad(const struct jsonread *r, struct err *e, const char *what)
{
	return err_set(e, 0, "byte %" PRIu64 ": %s", r->before + r->at, what);
}

static int unexpected(const struct jsonread *r, int found, const char *what, struct err *e)
{
	AUTO_BUF struct buf b = { 0 };
	char c = (char)found;
	buf_addf(&b, "expected %s, found ", what);
	if (found == END) {
		buf_adds(&b, "the end");
	} else {
		buf_addc(&b, '\'');
		esc_message(&b, &c, 1);
		buf_addc(&b, '\'');
	}
	return bad(r, e, b.s);
}

static int expect(struct jsonread *r, char want, struct err *e)
{
	char what[] = { '\'', want, '\'', '\0' };
	int c;
	if (peek_token(r, &c, e) < 0)
		return -1;
	if (c != want)
		return unexpected(r, c, what, e);
	r->at++;
	return 0;
}

/* --- strings --- */

static int hex4(struct jsonread *r, uint32_t *code, struct err *e)
{
	static const char hex_digits[] = "0123456789abcdefABCDEF";
	*code = 0;
	for (int i = 0; i < 4; i++) {
		int c;
		if (peek(r, &c, e) < 0)
			return -1;
		const char *p = c > 0 ? strchr(hex_digits, c) : NULL;
		if (!p)
			return unexpected(r, c, "a hex digit", e);
		uint32_t digit = (uint32_t)(p - hex_digits);
		*code = *code << 4 | (digit < 16 ? digit : digit - 6);
		r->at++;
	}
	return 0;
}

static bool is_surrogate(uint32_t code, uint32_t first)
{
	return code >= first && code < first + 0x400;
}

/* The second half of a character beyond U+FFFF. */
static int low_half(struct jsonread *r, uint32_t *code, struct err *e)
{
	uint32_t low = 0;
	for (const char *p = "\\u"; *p; p++) {
		int c;
		if (take(r, &c, e) < 0)
			return -1;
		if (c != *p)
			return bad(r, e, "half a character");
	}
	if (hex4(r, &low, e) < 0)
		return -1;
	if (!is_surrogate(low, 0xdc00))
		return bad(r, e, "half a character");
	*code = 0x10000 + ((*code - 0xd800) << 10) + (low - 0xdc00);
	return 0;
}

static void add_utf8(struct buf *b, uint32_t code)
{
	if (code < 0x80) {
		buf_addc(b, (char)code);
		return;
	}
	int more = code < 0x800 ? 1 : code < 0x10000 ? 2 : 3;
	uint32_t lead = more == 1 ? 0xc0 : more == 2 ? 0xe0 : 0xf0;
	buf_addc(b, (char)(lead | code >> 6 * more));
	while (more--)
		buf_addc(b, (char)(0x80 | (code >> 6 * more & 0x3f)));
}

static int unicode(struct jsonread *r, struct buf *to, struct err *e)
{
	uint32_t code = 0;
	if (hex4(r, &code, e) < 0 || (is_surrogate(code, 0xd800) && low_half(r, &code, e) < 0))
		return -1;
	if (code == 0)
		return bad(r, e, "a NUL byte in a string");
	add_utf8(to, code); /* half a character is no UTF-8 */
	return 0;
}

static int escape(struct jsonread *r, struct buf *to, struct err *e)
{
	static const char from[] = "\"\\/bfnrt", into[] = "\"\\/\b\f\n\r\t";
	int c;
	if (peek(r, &c, e) < 0)
		return -1;
	const char *p = c > 0 ? strchr(from, c) : NULL;
	if (c != 'u' && !p)
		return unexpected(r, c, "an escape", e);
	r->at++;
	if (!p)
		return unicode(r, to, e);
	buf_addc(to, into[p - from]);
	return 0;
}

/* What stands between quotes. */
static int characters(struct jsonread *r, struct buf *to, struct err *e)
{
	for (;;) {
		int c;
		if (peek(r, &c, e) < 0)
			return -1;
		if (c < 0x20)
			return unexpected(r, c, "a string to end", e);
		if (to->len > JSONREAD_STRING)
			return bad(r, e, "a string of more than 1 MiB");
		r->at++;
		if (c == '"')
			return 0;
		if (c != '\\')
			buf_addc(to, (char)c);
		else if (escape(r, to, e) < 0)
			return -1;
	}
}

int jsonread_string(struct jsonread *r, struct buf *to, struct err *e)
{
	int c;
	buf_clear(to);
	buf_adds(to, "");
	if (peek_token(r, &c, e) < 0)
		return -1;
	if (c != '"')
		return unexpected(r, c, "a string", e);
	r->at++;
	if (characters(r, to, e) < 0)
		return -1;
	return esc_is_utf8(to->s, to->len) ? 0 : bad(r, e, "a string that is not UTF-8");
}

/* --- objects and lists --- */

int jsonread_open(struct jsonread *r, char bracket, struct err *e)
{
	if (expect(r, bracket, e) < 0)
		return -1;
	if (r->depth == JSONREAD_DEPTH)
		return bad(r, e, "nested too deep");
	r->closers[r->depth++] = bracket == '{' ? '}' : ']';
	r->first = true;
	return 0;
}

int jsonread_item(struct jsonread *r, bool *more, struct err *e)
{
	char close = r->closers[r->depth - 1];
	int c;
	if (peek_token(r, &c, e) < 0)
		return -1;
	bool ends = c == close;
	if (ends) {
		r->depth--;
		r->at++;
	} else if (!r->first && c != ',') {
		return unexpected(r, c, close == '}' ? "',' or '}'" : "',' or ']'", e);
	} else if (!r->first) {
		r->at++;
	}
	r->first = false;
	*more = !ends;
	return 0;
}

int jsonread_key(struct jsonread *r, const char **key, struct err *e)
{
	bool more = false;
	if (jsonread_item(r, &more, e) < 0)
		return -1;
	if (more && (jsonread_string(r, &r->words, e) < 0 || expect(r, ':', e) < 0))
		return -1;
	*key = more ? r->words.s : NULL;
	return 0;
}

/* --- other values --- */

static size_t digits(const char *s)
{
	return strspn(s, "0123456789");
}

/* Whether the whole string is a number of JSON. */
static bool is_number(const char *s)
{
	size_t n = digits(s += *s == '-');
	if (n == 0 || (*s == '0' && n > 1))
		return false;
	s += n;
	if (*s == '.') {
		n = digits(++s);
		s += n;
	}
	if (n && (*s == 'e' || *s == 'E')) {
		s += 1 + (s[1] == '+' || s[1] == '-');
		n = digits(s);
		s += n;
	}
	return n && *s == '\0';
}

static bool in_number(int c)
{
	return c > 0 && strchr("+-.0123456789Ee", c);
}

static int number(struct jsonread *r, struct err *e)
{
	int c;
	buf_clear(&r->words);
	buf_adds(&r->words, "");
	if (peek_token(r, &c, e) < 0)
		return -1;
	while (in_number(c) && r->words.len < LONGEST_NUMBER) {
		buf_addc(&r->words, (char)c);
		r->at++;
		if (peek(r, &c, e) < 0)
			return -1;
	}
	if (in_number(c))
		return bad(r, e, "a number of more than 64 bytes");
	return is_number(r->words.s) ? 0 : unexpected(r, c, "a number", e);
}

int jsonread_whole(struct jsonread *r, uint64_t *whole, struct err *e)
{
	if (number(r, e) < 0)
		return -1;
	if (num_parse(r->words.s, r->words.len, 10, 0, INT64_MAX, whole, e) == 0)
		return 0;
	AUTO_FREE char *why = STEAL(e->msg);
	return bad(r, e, why);
}

static int word(struct jsonread *r, const char *want, struct err *e)
{
	for (const char *p = want; *p; p++) {
		int c;
		if (peek(r, &c, e) < 0)
			return -1;
		if (c != *p)
			return unexpected(r, c, want, e);
		r->at++;
	}
	return 0;
}

/* A value; an object or a list is only opened. */
static int skip_one(struct jsonread *r, struct err *e)
{
	int c;
	if (peek_token(r, &c, e) < 0)
		return -1;
	switch (c) {
	case '{':
	case '[':
		return jsonread_open(r, (char)c, e);
	case '"':
		return jsonread_string(r, &r->words, e);
	case 't':
		return word(r, "true", e);
	case 'f':
		return word(r, "false", e);
	case 'n':
		return word(r, "null", e);
	default:
		return number(r, e);
	}
}

/* In an object or a list: the next value. */
static int skip_inside(struct jsonread *r, struct err *e)
{
	const char *key;
	bool more = false;
	if (r->closers[r->depth - 1] == ']')
		return jsonread_item(r, &more, e) < 0 ? -1 : more ? skip_one(r, e) : 0;
	return jsonread_key(r, &key, e) < 0 ? -1 : key ? skip_one(r, e) : 0;
}

int jsonread_skip(struct jsonread *r, struct err *e)
{
	size_t depth = r->depth;
	if (skip_one(r, e) < 0)
		return -1;
	while (r->depth > depth)
		if (skip_inside(r, e) < 0)
			return -1;
	return 0;
}

int jsonread_object(struct jsonread *r, jsonread_member *member, void *to, struct err *e)
{
	const char *key = NULL;
	if (jsonread_open(r, '{', e) < 0)
		return -1;
	while (jsonread_key(r, &key, e) == 0) {
		if (!key)
			return 0;
		if (member(r, key, to, e) < 0)
			return -1;
	}
	return -1;
}

int jsonread_list(struct jsonread *r, jsonread_value *value, void *to, struct err *e)
{
	bool more = false;
	if (jsonread_open(r, '[', e) < 0)
		return -1;
	while (jsonread_item(r, &more, e) == 0) {
		if (!more)
			return 0;
		if (value(r, to, e) < 0)
			return -1;
	}
	return -1;
}

int jsonread_end(struct jsonread *r, struct err *e)
{
	int c;
	if (peek_token(r, &c, e) < 0)
		return -1;
	return c == END ? 0 : unexpected(r, c, "the end", e);
}
