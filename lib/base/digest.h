/* SPDX-License-Identifier: MIT */
#ifndef LAYERPIPE_DIGEST_H
#define LAYERPIPE_DIGEST_H

/* SHA-256, the one place that knows OpenSSL. */

#include <stddef.h>

enum { DIGEST_LEN = 32, DIGEST_HEX_LEN = 64 };

struct digest; /* a running computation */

struct digest *digest_new(void);
void digest_add(struct digest *d, const void *data, size_t len);
/* The digest of what was added, in lower-case hex, NUL-terminated; starts afresh. */
void digest_hex(struct digest *d, char hex[DIGEST_HEX_LEN + 1]);
/* The same as bytes. */
void digest_raw(struct digest *d, unsigned char raw[DIGEST_LEN]);
void digest_free(struct digest *d);

/* For __attribute__((cleanup)). */
void digest_cleanup(struct digest **d);
#define AUTO_DIGEST __attribute__((cleanup(digest_cleanup)))

#endif
