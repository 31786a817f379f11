/* SPDX-License-Identifier: MIT */
#ifndef LAYERPIPE_NIXHASH_H
#define LAYERPIPE_NIXHASH_H

/* SHA-256 hashes in the forms Nix writes them, and Nix's base 32. */

#include <stddef.h>

#include "base/digest.h"
#include "base/err.h"
#include "base/mem.h"

enum {
	NIXHASH_SRI_LEN = 51,   /* "sha256-" and 44 characters of base 64 */
	NIXHASH_BASE32_LEN = 52 /* of 32 bytes */
};

/*
 * Reads a SHA-256 hash in any form: "sha256-BASE64" (SRI); hex or nix-base32
 * or base 64 behind "sha256:"; hex or nix-base32 alone. sri gets the SRI
 * form, NUL-terminated.
 */
MUST_USE int nixhash_sri(const char *s, size_t len, char sri[NIXHASH_SRI_LEN + 1], struct err *e);

/* The SRI form of a SHA-256 digest. */
void nixhash_from_raw(const unsigned char raw[DIGEST_LEN], char sri[NIXHASH_SRI_LEN + 1]);

/*
 * Appends Nix's base 32 of the bytes, ceil(len * 8 / 5) characters: the last
 * bits come first (Nix manual, "Store Path": nix-base32).
 */
void nixhash_base32(struct buf *b, const void *data, size_t len);

#endif
