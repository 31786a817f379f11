/* SPDX-License-Identifier: MIT */
#ifndef LAYERPIPE_HASHSOURCE_H
#define LAYERPIPE_HASHSOURCE_H

/*
 * A source that hashes, in a thread beside, what is read through it. It skips
 * where the one below can; then there is no digest.
 */

#include "digest.h"
#include "source.h"

struct hashsource;

/* from is borrowed; messages call the source what they call that one. */
struct hashsource *hashsource_new(struct source *from);
void hashsource_free(struct hashsource *h);

struct source *hashsource_source(struct hashsource *h);

/* The SHA-256 of what was read, whether or not it was handed on already; starts afresh. */
void hashsource_hex(struct hashsource *h, char hex[DIGEST_HEX_LEN + 1]);

#endif
