/* SPDX-License-Identifier: MIT */
#ifndef LAYERPIPE_IMAGE_JSON_H
#define LAYERPIPE_IMAGE_JSON_H

/*
 * Parts of image: its JSON documents, read by Jansson. Numbers are read as JSON_REAL: whole ones
 * beyond 2^53 are rounded, as by jq. Objects and lists lie at most JSON_PARSER_MAX_DEPTH deep,
 * 2048, which bounds recursion. Of the checks, what is wrong is "WHAT: expected A KIND, found A
 * KIND"; a value may be NULL, which is null.
 */

#include <jansson.h>
#include <stdbool.h>

#include "base/err.h"
#include "base/mem.h"

/*
 * The only document of a text; json_decref() it. U+FFFD takes the place of bytes that are not
 * UTF-8, as in Go, and so in clients.
 */
MUST_USE int image_json_load(const struct buf *text, json_t **doc, struct err *e);

/* Neither absent nor null. */
bool image_json_is_there(const json_t *v);

/* null, "", [] or {}: what says nothing. */
bool image_json_is_empty(const json_t *v);

/* The string, borrowed; NULL where it is none, or has a NUL byte. */
const char *image_json_text(const json_t *v);

/* Sets the error for a value that is not what was expected. Returns -1. */
int image_json_wrong(const json_t *v, const char *what, const char *expected, struct err *e);

MUST_USE int image_json_object(const json_t *v, const char *what, struct err *e);

/* null is a list of nothing, and so json_array_foreach() takes it. */
MUST_USE int image_json_list(const json_t *v, const char *what, struct err *e);

/* The string, borrowed. It has no NUL byte. */
MUST_USE int image_json_string(const json_t *v, const char *what, const char **s, struct err *e);

/* The same of "sha256:HEX". */
MUST_USE int image_json_digest(json_t *v, const char *what, const char **s, struct err *e);

/* The same of a name of an image, NAME:TAG; a new string. */
MUST_USE int image_json_name(json_t *v, char **name, struct err *e);

/* Appends the value as JSON, without spaces. */
void image_json_add(struct buf *b, json_t *v);

/* The same for a message: at most 60 characters. */
void image_json_show(struct buf *b, json_t *v);

void image_json_cleanup(json_t **doc);
#define AUTO_JSON __attribute__((cleanup(image_json_cleanup)))

#endif
