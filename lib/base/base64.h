/* SPDX-License-Identifier: MIT */
#ifndef LAYERPIPE_BASE64_H
#define LAYERPIPE_BASE64_H

/* RFC 4648 base64 with its padding. */

#include <stddef.h>

#include "base/err.h"
#include "base/mem.h"

void base64_encode(struct buf *b, const void *data, size_t len);

/* Appends the bytes. Refuses other characters, missing padding and set bits beyond the last byte.
 */
MUST_USE int base64_decode(struct buf *b, const char *s, size_t len, struct err *e);

#endif
