/* SPDX-License-Identifier: MIT */
#ifndef LAYERPIPE_DIGEST_H
#define LAYERPIPE_DIGEST_H

/* SHA-256, the one place that knows OpenSSL. */

#include <stdbool.h>
#include <stddef.h>

enum { DIGEST_LEN = 32, DIGEST_HEX_LEN = 64 };

struct digest; /* a running computation */

struct digest *digest_new(void);
void digest_add(struct digest *d, const void *data, size_t len);
/* The digest of what was added, in lower-case hex, NUL-terminated; starts afresh. */
void digest_hex(struct digest *d, char hex[DIGEST_HEX_LEN + 1]);
/* The same as bytes. */
void digest_raw(struct digest *d, unsigned char raw[DIGEST_LEN]);
/* The same without starting afresh: more can be added. */
void digest_so_far(const struct digest *d, unsigned char raw[DIGEST_LEN]);
void digest_free(struct digest *d);

/* A raw digest as digest_hex() has it. */
void digest_to_hex(const unsigned char raw[DIGEST_LEN], char hex[DIGEST_HEX_LEN + 1]);

/* The digest of some bytes, as digest_hex() has it. */
void digest_of(const void *data, size_t len, char hex[DIGEST_HEX_LEN + 1]);

/* Whether it is 64 lower-case hex digits and no more. */
bool digest_is_hex(const char *s, size_t len);

/* The 64 digits of "sha256:DIGITS"; NULL where it is anything else. */
const char *digest_digits(const char *s, size_t len);

/* For __attribute__((cleanup)). */
void digest_cleanup(struct digest **d);
#define AUTO_DIGEST __attribute__((cleanup(digest_cleanup)))

#endif
