/* SPDX-License-Identifier: MIT */
#ifndef LAYERPIPE_HASHSOURCE_H
#define LAYERPIPE_HASHSOURCE_H

/*
 * A source that hashes, in a thread beside, what is read through it. It skips
 * where the one below can; then there is no digest.
 */

#include "base/digest.h"
#include "base/source.h"

struct hashsource;

/* from is borrowed; messages call the source what they call that one. */
struct hashsource *hashsource_new(struct source *from);
void hashsource_free(struct hashsource *h);

struct source *hashsource_source(struct hashsource *h);

/*
 * Reads without copying: the next piece, which stays valid until the next call that reads; *len
 * is 0 at the end only.
 */
MUST_USE int hashsource_next(struct hashsource *h, const void **data, size_t *len, struct err *e);

/* The SHA-256 of what was read, whether or not it was handed on already; starts afresh. */
void hashsource_hex(struct hashsource *h, char hex[DIGEST_HEX_LEN + 1]);

/* For __attribute__((cleanup)). */
void hashsource_cleanup(struct hashsource **h);
#define AUTO_HASHSOURCE __attribute__((cleanup(hashsource_cleanup)))

#endif
