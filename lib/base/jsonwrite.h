/* SPDX-License-Identifier: MIT */
#ifndef LAYERPIPE_JSONWRITE_H
#define LAYERPIPE_JSONWRITE_H

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
struct jsonwrite {
	struct buf text; /* owned */
	char *bad;       /* the first string that was not UTF-8, escaped for a message */
};

void jsonwrite_open(struct jsonwrite *j, char bracket);  /* '{' or '[' */
void jsonwrite_close(struct jsonwrite *j, char bracket); /* '}' or ']' */
void jsonwrite_key(struct jsonwrite *j, const char *key);
void jsonwrite_string(struct jsonwrite *j, const char *s, size_t len);
void jsonwrite_number(struct jsonwrite *j, int64_t value);
void jsonwrite_bool(struct jsonwrite *j, bool value);
/* A value that is JSON already. */
void jsonwrite_raw(struct jsonwrite *j, const char *text);

/* A key and its string. */
void jsonwrite_member(struct jsonwrite *j, const char *key, const char *value);

/*
 * Appends the document to *b and frees it, also on failure: JSON cannot carry
 * a string that is not UTF-8.
 */
MUST_USE int jsonwrite_finish(struct jsonwrite *j, struct buf *b, struct err *e);

#endif
