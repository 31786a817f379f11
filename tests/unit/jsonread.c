/* SPDX-License-Identifier: MIT */
#include "base/jsonread.h"

#include <sys/mman.h>
#include <unistd.h>

#include "base/out.h"
#include "tap.h"

/* A document that a descriptor holds, one byte a read. */
static int slowly(struct source *s, void *data, size_t len, size_t *got, struct err *e)
{
	struct source_part *p = (struct source_part *)s;
	struct source_part one;
	source_part(&one, p->fd, "json", p->offset, len ? 1 : 0);
	if (source_read(&one.source, data, 1, got, e) < 0)
		return -1;
	p->offset += *got;
	return 0;
}

/* The string in it, or "good" for any other value, or what is wrong. */
static const char *read_text(const char *json, bool string)
{
	static struct buf b;
	static struct err e;
	AUTO_CLOSE int fd = memfd_create("json", MFD_CLOEXEC);
	struct source_part part;
	err_clear(&e);
	OK(out_write_fd(fd, json, strlen(json)) == 0);
	source_part(&part, fd, "json", 0, strlen(json));
	part.source.read = slowly;
	AUTO_JSONREAD struct jsonread *r = jsonread_new(&part.source);
	int status = string ? jsonread_string(r, &b, &e) : jsonread_skip(r, &e);
	if (status < 0 || jsonread_end(r, &e) < 0)
		return e.msg;
	return string ? b.s : "good";
}

static const char *string(const char *json)
{
	return read_text(json, true);
}

static const char *any(const char *json)
{
	return read_text(json, false);
}

static void strings(void)
{
	STREQ(string(" \"\" "), "");
	STREQ(string("\"a\\\"\\\\\\/\\b\\f\\n\\r\\t\""), "a\"\\/\b\f\n\r\t");
	STREQ(string("\"\\u0041\\u00e9\\u20AC\\ud83d\\ude00é\""), "Aé€😀é");
	STREQ(string("\"\\u0000\""), "byte 7: a NUL byte in a string");
	STREQ(string("\"\\ud83d\""), "byte 8: half a character");
	STREQ(string("\"\\ud83d\\u0041\""), "byte 13: half a character");
	STREQ(string("\"\\ude00\""), "byte 8: a string that is not UTF-8");
	STREQ(string("\"\\u00g0\""), "byte 5: expected a hex digit, found 'g'");
	STREQ(string("\"\\x\""), "byte 2: expected an escape, found 'x'");
	STREQ(string("\"a\n\""), "byte 2: expected a string to end, found '\\x0a'");
	STREQ(string("\"a"), "byte 2: expected a string to end, found the end");
	STREQ(string("1"), "byte 0: expected a string, found '1'");
	STREQ(string("\"a\" \"b\""), "byte 4: expected the end, found '\"'");
}

static void values(void)
{
	static const char *const fine[] = {
		"0",    "-0",    "10.05", "1e5", "1.5E-7", "true",
		"null", "false", "[]",    "{}",  "[1,[]]", "{\"a\":{\"b\":[{},\"c\"]},\"d\":0}"
	};
	for (size_t i = 0; i < sizeof fine / sizeof *fine; i++)
		STREQ(any(fine[i]), "good");
	static const char *const numbers[] = { "01", "-", "1.", ".5", "1e", "+1", "1e+", "--1" };
	for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++)
		OK(strstr(any(numbers[i]), "expected a number"));
	STREQ(any("[1,]"), "byte 3: expected a number, found ']'");
	STREQ(any("[1 2]"), "byte 3: expected ',' or ']', found '2'");
	STREQ(any("[,1]"), "byte 1: expected a number, found ','");
	STREQ(any("{\"a\":1,}"), "byte 7: expected a string, found '}'");
	STREQ(any("{\"a\" 1}"), "byte 5: expected ':', found '1'");
	STREQ(any("{\"a\":1]"), "byte 6: expected ',' or '}', found ']'");
	STREQ(any("[1}"), "byte 2: expected ',' or ']', found '}'");
	STREQ(any("tru"), "byte 3: expected true, found the end");
	STREQ(any(""), "byte 0: expected a number, found the end");
}

static void depth(void)
{
	char deep[2 * JSONREAD_DEPTH + 3] = "";
	memset(deep, '[', JSONREAD_DEPTH);
	memset(deep + JSONREAD_DEPTH, ']', JSONREAD_DEPTH);
	STREQ(any(deep), "good");
	memset(deep, '[', JSONREAD_DEPTH + 1);
	STREQ(any(deep), "byte 33: nested too deep");
}

static void long_string(void)
{
	AUTO_BUF struct buf b = { 0 };
	buf_addc(&b, '"');
	memset(buf_extend(&b, JSONREAD_STRING + 1), 'x', JSONREAD_STRING + 1);
	buf_adds(&b, "\"");
	STREQ(string(b.s), "byte 1048578: a string of more than 1 MiB");
}

int main(void)
{
	strings();
	values();
	depth();
	long_string();
	return TAP_END;
}
