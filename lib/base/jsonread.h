/* SPDX-License-Identifier: MIT */
#ifndef LAYERPIPE_JSONREAD_H
#define LAYERPIPE_JSONREAD_H

/*
 * Reads JSON (RFC 8259) as it comes, and keeps nothing of it: for tables of
 * contents, which may have a hundred megabytes, of which jq would take ten
 * times as much memory, and for what passes between registry-push and a
 * registry, as jq takes longer to start than they to answer.
 *
 * The caller says what is to come next, and anything else is an error, which
 * names the byte. A string must be UTF-8 without NUL and have at most
 * JSONREAD_STRING bytes, a number at most 64; objects and lists lie at most
 * JSONREAD_DEPTH deep.
 */

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "base/mem.h"
#include "base/source.h"

enum { JSONREAD_STRING = 1 << 20, JSONREAD_DEPTH = 32 };

struct jsonread;

/* Reads from the source (borrowed), from where it stands. */
struct jsonread *jsonread_new(struct source *from);
void jsonread_free(struct jsonread *r);

/* Goes into an object '{' or a list '['. */
MUST_USE int jsonread_open(struct jsonread *r, char bracket, struct err *e);

/*
 * In an object: the key of its next member, whose value is to be read next. NULL: there is none,
 * and the object is left. Borrowed until the next call. A key that comes twice is not noticed.
 */
MUST_USE int jsonread_key(struct jsonread *r, const char **key, struct err *e);

/* In a list: whether there is another value, which is to be read next; if not, the list is left. */
MUST_USE int jsonread_item(struct jsonread *r, bool *more, struct err *e);

/* A string; it takes the place of what is in to. */
MUST_USE int jsonread_string(struct jsonread *r, struct buf *to, struct err *e);

/* A whole number from 0 to INT64_MAX, in digits. */
MUST_USE int jsonread_whole(struct jsonread *r, uint64_t *number, struct err *e);

/* Any value. */
MUST_USE int jsonread_skip(struct jsonread *r, struct err *e);

/* Reads the value of a member; to is the caller's. */
typedef int jsonread_member(struct jsonread *r, const char *key, void *to, struct err *e);

/* A whole object: member is called for each of its members, and ends it by -1. */
MUST_USE int jsonread_object(struct jsonread *r, jsonread_member *member, void *to, struct err *e);

/* Reads a value of a list; to is the caller's. */
typedef int jsonread_value(struct jsonread *r, void *to, struct err *e);

/* A whole list: value is called for each of its values, and ends it by -1. */
MUST_USE int jsonread_list(struct jsonread *r, jsonread_value *value, void *to, struct err *e);

/* Nothing but space may follow, to the end of the source. */
MUST_USE int jsonread_end(struct jsonread *r, struct err *e);

/* For __attribute__((cleanup)). */
void jsonread_cleanup(struct jsonread **r);
#define AUTO_JSONREAD __attribute__((cleanup(jsonread_cleanup)))

#endif
