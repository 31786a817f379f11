/* SPDX-License-Identifier: MIT */
#ifndef LAYERPIPE_ESC_H
#define LAYERPIPE_ESC_H

/*
 * The one escape codec of the line formats, layerpipe(7) "LINES":
 * \\ \t \n \r, \xHH (lower case) for other control bytes and for bytes that
 * are not part of valid UTF-8, \x2d for a value that is a lone dash, \e for
 * the empty value.
 */

#include <stdbool.h>
#include <stddef.h>

#include "base/err.h"
#include "base/mem.h"

/* Appends the value s[0..len) as one field. */
void esc_field(struct buf *b, const char *s, size_t len);

/*
 * Appends the value of the field s[0..len). Refuses a raw control byte, raw
 * bytes that are not UTF-8, an unknown or unfinished escape, \x00, an empty
 * field, and \e beside anything else. A lone dash (an absent value) is the
 * caller's to look for first, with esc_is_absent().
 */
MUST_USE int esc_value(struct buf *b, const char *s, size_t len, struct err *e);

/* Whether the field is "-", the absent value. */
bool esc_is_absent(const char *s, size_t len);

/* Appends text for a message: control bytes and what is not UTF-8 as \xHH, the rest as it is. */
void esc_message(struct buf *b, const char *s, size_t len);

/* Length of the valid UTF-8 sequence at s (RFC 3629), 0 where there is none. len > 0. */
size_t esc_utf8(const char *s, size_t len);

/* Whether all of it is valid UTF-8. */
bool esc_is_utf8(const char *s, size_t len);

#endif
