/* SPDX-License-Identifier: MIT */
#ifndef LAYERPIPE_JSON_H
#define LAYERPIPE_JSON_H

/*
 * Writing JSON (RFC 8259), compact and always the same way: no space, no
 * line break, strings as UTF-8 with only quote, backslash and control bytes
 * escaped. Commas come by themselves.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "base/mem.h"

/* The largest whole number that every reader of JSON keeps as it is: others, such as jq, round it.
 */
#define JSON_WHOLE_MAX ((uint64_t)1 << 53)

/* A document in the making; starts as { 0 }. */
struct json {
	struct buf text; /* owned */
	char *bad;       /* the first string that was not UTF-8, escaped for a message */
};

void json_open(struct json *j, char bracket);  /* '{' or '[' */
void json_close(struct json *j, char bracket); /* '}' or ']' */
void json_key(struct json *j, const char *key);
void json_string(struct json *j, const char *s, size_t len);
void json_number(struct json *j, int64_t value);
void json_bool(struct json *j, bool value);
/* A value that is JSON already. */
void json_raw(struct json *j, const char *text);

/* A key and its string. */
void json_member(struct json *j, const char *key, const char *value);

/*
 * Appends the document to *b and frees it, also on failure: JSON cannot carry
 * a string that is not UTF-8.
 */
MUST_USE int json_finish(struct json *j, struct buf *b, struct err *e);

#endif
