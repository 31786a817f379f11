/* SPDX-License-Identifier: MIT */
#include "image/image_json.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/digest.h"
#include "base/esc.h"

enum { SHOWN = 60, ENOUGH = 15, DIGITS = 17 }; /* 15 digits are kept by each number */

void image_json_cleanup(json_t **doc)
{
	json_decref(*doc);
}

static void add_utf8(struct buf *b, const struct buf *text)
{
	for (size_t i = 0, n; i < text->len; i += n ? n : 1) {
		n = esc_utf8(text->s + i, text->len - i);
		buf_add(b, n ? text->s + i : "\ufffd", n ? n : strlen("\ufffd"));
	}
}

int image_json_load(const struct buf *text, json_t **doc, struct err *e)
{
	json_error_t why;
	AUTO_BUF struct buf mended = { 0 };
	const struct buf *from = text;
	json_set_alloc_funcs(xmalloc, free);
	if (!esc_is_utf8(text->s, text->len)) {
		add_utf8(&mended, text);
		from = &mended;
	}
	json_t *read = json_loadb(from->len ? from->s : "", from->len,
				  JSON_DECODE_ANY | JSON_DECODE_INT_AS_REAL | JSON_ALLOW_NUL, &why);
	if (!read)
		return err_set(e, 0, "cannot parse JSON: %s at line %d, column %d", why.text,
			       why.line, why.column);
	*doc = read;
	return 0;
}

/* --- checks --- */

bool image_json_is_there(const json_t *v)
{
	return v && !json_is_null(v);
}

bool image_json_is_empty(const json_t *v)
{
	return !image_json_is_there(v) || (json_is_string(v) && json_string_length(v) == 0) ||
	       (json_is_array(v) && json_array_size(v) == 0) ||
	       (json_is_object(v) && json_object_size(v) == 0);
}

static const char *kind(const json_t *v)
{
	return json_is_string(v)    ? "a string"
	       : json_is_number(v)  ? "a number"
	       : json_is_boolean(v) ? "a boolean"
	       : json_is_array(v)   ? "a list"
	       : json_is_object(v)  ? "an object"
				    : "null";
}

const char *image_json_text(const json_t *v)
{
	const char *s = json_string_value(v);
	return s && strlen(s) == json_string_length(v) ? s : NULL;
}

int image_json_wrong(const json_t *v, const char *what, const char *expected, struct err *e)
{
	return err_set(e, 0, "%s: expected %s, found %s", what, expected, kind(v));
}

int image_json_object(const json_t *v, const char *what, struct err *e)
{
	return json_is_object(v) ? 0 : image_json_wrong(v, what, "an object", e);
}

int image_json_list(const json_t *v, const char *what, struct err *e)
{
	return !image_json_is_there(v) || json_is_array(v) ? 0
							   : image_json_wrong(v, what, "a list", e);
}

int image_json_string(const json_t *v, const char *what, const char **s, struct err *e)
{
	if (!json_is_string(v))
		return image_json_wrong(v, what, "a string", e);
	const char *text = image_json_text(v);
	if (!text)
		return err_set(e, 0, "%s: a NUL byte cannot be in a string", what);
	*s = text;
	return 0;
}

/* A string that is another one. */
static int wrong_string(json_t *v, const char *what, const char *expected, struct err *e)
{
	AUTO_BUF struct buf shown = { 0 };
	image_json_show(&shown, v);
	return err_set(e, 0, "%s: expected %s, found %s", what, expected, shown.s);
}

int image_json_digest(json_t *v, const char *what, const char **s, struct err *e)
{
	const char *digest = NULL;
	if (image_json_string(v, what, &digest, e) < 0)
		return -1;
	if (digest_digits(digest, strlen(digest))) {
		*s = digest;
		return 0;
	}
	return wrong_string(v, what, "sha256: and 64 lower-case hex digits", e);
}

static bool is_printing(const char *s)
{
	for (; *s > ' ' && *s <= '~'; s++)
		;
	return *s == '\0';
}

int image_json_name(json_t *v, char **name, struct err *e)
{
	static const char what[] = "name of the image";
	const char *s = NULL;
	if (image_json_string(v, what, &s, e) < 0)
		return -1;
	if (!*s || !is_printing(s))
		return wrong_string(v, what, "NAME:TAG", e);
	*name = xstrdup(s);
	return 0;
}

/* --- as text --- */

static bool is_written(double value, const char *text)
{
	AUTO_JSON json_t *v = json_loads(text, JSON_DECODE_ANY | JSON_DECODE_INT_AS_REAL, NULL);
	return json_number_value(v) == value;
}

/* Whole numbers as such, others with as few digits as tell them from all others. */
static void add_number(struct buf *b, double value)
{
	char text[32];
	int digits = ENOUGH;
	if (fabs(value) < 0x1p63 && value == trunc(value)) {
		buf_addf(b, "%.0f", value);
		return;
	}
	snprintf(text, sizeof text, "%.*g", digits, value);
	while (digits < DIGITS && !is_written(value, text))
		snprintf(text, sizeof text, "%.*g", ++digits, value);
	buf_adds(b, text);
}

static void add_string(struct buf *b, const char *s, size_t len)
{
	static const char from[] = "\"\\\b\f\n\r\t", to[] = "\"\\bfnrt";
	buf_addc(b, '"');
	for (size_t i = 0; i < len; i++) {
		const char *p = s[i] ? strchr(from, s[i]) : NULL;
		if (p)
			buf_addf(b, "\\%c", to[p - from]);
		else if ((unsigned char)s[i] < 0x20 || s[i] == 0x7f)
			buf_addf(b, "\\u%04x", (unsigned)s[i]);
		else
			buf_addc(b, s[i]);
	}
	buf_addc(b, '"');
}

static void add_list(struct buf *b, const json_t *list)
{
	size_t i;
	json_t *v;
	buf_addc(b, '[');
	json_array_foreach (list, i, v) {
		buf_adds(b, i ? "," : "");
		image_json_add(b, v);
	}
	buf_addc(b, ']');
}

static void add_object(struct buf *b, json_t *object)
{
	const char *key, *comma = "";
	json_t *v;
	buf_addc(b, '{');
	json_object_foreach (object, key, v) {
		buf_adds(b, comma);
		add_string(b, key, strlen(key));
		buf_addc(b, ':');
		image_json_add(b, v);
		comma = ",";
	}
	buf_addc(b, '}');
}

void image_json_add(struct buf *b, json_t *v)
{
	if (json_is_string(v))
		add_string(b, json_string_value(v), json_string_length(v));
	else if (json_is_number(v))
		add_number(b, json_number_value(v));
	else if (json_is_array(v))
		add_list(b, v);
	else if (json_is_object(v))
		add_object(b, v);
	else
		buf_adds(b, json_is_true(v) ? "true" : json_is_false(v) ? "false" : "null");
}

void image_json_show(struct buf *b, json_t *v)
{
	AUTO_BUF struct buf text = { 0 };
	size_t len = 0;
	image_json_add(&text, v);
	for (int n = 0; n < SHOWN && len < text.len; n++)
		len += esc_utf8(text.s + len, text.len - len);
	buf_add(b, text.s, len);
	buf_adds(b, len < text.len ? "…" : "");
}
