/* SPDX-License-Identifier: MIT */
#ifndef LAYERPIPE_STOREPATH_H
#define LAYERPIPE_STOREPATH_H

/* Names of store paths: STORE_DIR/HASH-NAME (Nix manual, "Store Path"). */

#include <stdbool.h>
#include <stddef.h>

#include "base/err.h"
#include "base/mem.h"
#include "base/record.h"

enum { STOREPATH_HASH_LEN = 32 };

/*
 * Checks that path is store_dir, one slash, 32 nix-base32 characters, a dash
 * and a name of 1 to 211 characters out of A-Z a-z 0-9 + - . _ ? =, which is
 * not "." or ".." and does not begin with ".-" or "..-". Slashes at the end
 * of store_dir do not count. Where store_dir is NULL, any absolute directory
 * without empty, "." and ".." names is one.
 */
MUST_USE int storepath_check(const char *path, const char *store_dir, struct err *e);

/* The 32 characters of the hash part of a checked path (borrowed, not terminated). */
const char *storepath_hash(const char *path);

/* The name behind the hash and its dash (borrowed). */
const char *storepath_name(const char *path);

/*
 * How many bytes at the start of s can be the HASH-NAME of a store path, or the beginning of one.
 * More than the hash and its dash are one; of a name that is too long, the rest does not count.
 */
size_t storepath_span(const char *s, size_t len);

/*
 * Byte order by name, then by the whole path: an order that another hash
 * does not change. For qsort-like use.
 */
int storepath_compare(const char *a, const char *b);

/* The value of a field that is such a name alone: record_string(), without a slash in it. */
MUST_USE int storepath_read_name(const struct record_reader *r, const struct record_field *f,
				 char **name, struct err *e);

#endif
