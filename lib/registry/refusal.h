/* SPDX-License-Identifier: MIT */
#ifndef LAYERPIPE_REFUSAL_H
#define LAYERPIPE_REFUSAL_H

/* What a registry answered instead of doing what it was asked for. */

#include <stddef.h>

#include "base/mem.h"

/*
 * Appends, for a message, the status with its usual words, and code and message of the first error
 * in the body where that is as the Distribution Specification has it; of other bodies nothing.
 */
void refusal_text(struct buf *b, long status, const char *body, size_t len);

/* Appends code and message of that error, whole and as they are. */
void refusal_words(struct buf *b, const char *body, size_t len);

#endif
