/* SPDX-License-Identifier: MIT */
#ifndef LAYERPIPE_TOKEN_H
#define LAYERPIPE_TOKEN_H

/* Tokens of the Distribution protocol (distribution, docs/spec/auth/token.md and oauth.md). */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "base/mem.h"

enum { TOKEN_REPLY_MAX = 64 << 10, TOKEN_SECONDS = 60 /* where nothing is said */ };

/* Appends "repository:NAME:ACTIONS". */
void token_scope(struct buf *b, const char *repository, const char *actions);

/* Adds the scopes of a challenge, separated by spaces, that the list, separated so too, lacks. */
void token_add_scopes(struct buf *list, const char *scopes);

/* Whether scopes, separated by spaces, name anything but that repository. */
bool token_is_beyond(const char *scopes, const char *repository);

/*
 * Reads who gives tokens answered: *token, which the caller frees, from token or access_token, and
 * for how many seconds it is good. A token that cannot stand in a header is an error. Messages have
 * nothing of the reply.
 */
MUST_USE int token_read(const char *text, size_t len, char **token, uint64_t *seconds,
			struct err *e);

#endif
