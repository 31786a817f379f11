/* SPDX-License-Identifier: MIT */
#ifndef LAYERPIPE_CONFIGKEY_H
#define LAYERPIPE_CONFIGKEY_H

/* The keys of image-config(5): one table says what each is and what it takes. */

#include <stdbool.h>

#include "base/err.h"
#include "base/mem.h"

enum configkey_kind {
	CONFIGKEY_TEXT,   /* a string */
	CONFIGKEY_TIME,   /* RFC 3339 */
	CONFIGKEY_NUMBER, /* an integer */
	CONFIGKEY_BOOL,
	CONFIGKEY_LIST, /* of strings */
	CONFIGKEY_ENV,  /* of NAME=VALUE, one a name */
	CONFIGKEY_SET,  /* a map from strings to {} */
	CONFIGKEY_MAP,  /* from strings to strings */
};

enum configkey_place {
	CONFIGKEY_TOP,
	CONFIGKEY_CONFIG,
	CONFIGKEY_HISTORY, /* its values are lines of more fields: "history" alone */
};

struct configkey {
	const char *name;
	enum configkey_place place;
	enum configkey_kind kind;
	bool (*fits)(const char *value); /* NULL: whatever is UTF-8 */
	const char *expected;            /* what a value is, for messages */
};

enum { CONFIGKEY_COUNT = 35 };

/* In the order in which they are written: that of the image specification. */
extern const struct configkey configkeys[CONFIGKEY_COUNT];

/* The key of that name, or NULL. */
const struct configkey *configkey_find(const char *name);

/* The key of that name in any mixture of capitals, or NULL. */
const struct configkey *configkey_like(const char *name);

/* The value as it is to be written, a new string. The error names the key and what it takes. */
MUST_USE int configkey_check(const struct configkey *key, const char *value, char **normal,
			     struct err *e);

/* Appends the keys whose names are near a mistyped one: "A or B"; nothing where none is. */
void configkey_near(const char *name, struct buf *b);

/* Whether the name can be a key at all: letters, digits, ".", "_" and "-". */
bool configkey_is_name(const char *name);

#endif
