/* SPDX-License-Identifier: MIT */
#ifndef LAYERPIPE_SESSION_PARTS_H
#define LAYERPIPE_SESSION_PARTS_H

#include "registry/session.h"

enum session_auth { SESSION_NOBODY, SESSION_BASIC, SESSION_BEARER };

struct session {
	struct session_options o;
	struct transport *transport;
	struct weburl registry;
	bool answered; /* the registry did, so that its scheme is known */
	unsigned calls;
	struct session_call *failed; /* those that could not even be sent */

	enum session_auth auth;
	unsigned generation; /* how often what authorizes us changed */
	struct weburl realm;
	char *service; /* or NULL */
	char **tokens; /* the last one counts */
	size_t ntokens, tokens_cap;
	int64_t renew;     /* when, on transport_now()'s clock */
	struct buf scopes; /* to ask for, separated by spaces */
	size_t least;      /* bytes of these that are of the repository itself */
	bool narrow;       /* more than that is not given */
	char *no_token;    /* why there was none; NULL: nobody failed to get one */
};

void session_auth_start(struct session *s);
void session_auth_free(struct session *s);

/* Sets what authorizes the request, if it may have it; renews a token that is about to end. */
MUST_USE int session_authorize(struct session *s, struct session_call *c, struct err *e);

/* Whether a 401 is the registry's own, and not that of another host. */
bool session_may_answer(const struct session *s, const struct session_call *c);

/* Answers the challenge in the call's answer. */
MUST_USE int session_answer(struct session *s, struct session_call *c, struct err *e);

/* Whether what authorized us is in a text, so that it is not to be shown. */
bool session_tells_secret(const struct session *s, const struct buf *text);

/* Appends what a user can do who is not let in. */
void session_add_hint(const struct session *s, struct buf *b);

#endif
