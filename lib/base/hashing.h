/* SPDX-License-Identifier: MIT */
#ifndef LAYERPIPE_HASHING_H
#define LAYERPIPE_HASHING_H

/* SHA-256, where asked for in a thread beside the caller's, so that hashing and copying overlap. */

#include <stdbool.h>
#include <stddef.h>

#include "base/digest.h"

struct hashing;

/*
 * threaded: not where other threads keep all cores busy, as waiting for this one then costs more
 * than it saves. Where no thread can be started the caller's does the work.
 */
struct hashing *hashing_new(bool threaded);
void hashing_free(struct hashing *h);

/*
 * Hashes the data; they must stay as they are until the next call of
 * hashing_add() or hashing_hex() returns.
 */
void hashing_add(struct hashing *h, const void *data, size_t len);

/* The digest of what was added, as digest_hex() gives it; starts afresh. */
void hashing_hex(struct hashing *h, char hex[DIGEST_HEX_LEN + 1]);

/* For __attribute__((cleanup)). */
void hashing_cleanup(struct hashing **h);
#define AUTO_HASHING __attribute__((cleanup(hashing_cleanup)))

#endif
