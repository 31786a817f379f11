/* SPDX-License-Identifier: MIT */
#ifndef LAYERPIPE_SESSION_H
#define LAYERPIPE_SESSION_H

/*
 * Requests to one registry until they have an answer that counts: challenges are answered, tokens
 * renewed, redirects followed as trust.h allows, and what passes is tried again.
 */

#include <stdbool.h>
#include <stddef.h>

#include "base/err.h"
#include "base/mem.h"
#include "registry/credentials.h"
#include "registry/registryref.h"
#include "registry/transport.h"

/* All borrowed. */
struct session_options {
	const struct registryref *ref;
	const struct credentials *credentials;
	const char *const *sources; /* other repositories to read from, nsources of them */
	size_t nsources;
	bool push;       /* not only reading */
	bool tls_verify; /* false: plain http, and any certificate, will do */
	bool plain_http; /* TLS is not even tried */
	const char *ca_file;
	unsigned jobs;
};

struct session;

/* A request; starts as { 0 } and ends with session_call_free(). */
struct session_call {
	struct transport_request request;
	bool once;   /* what fails in passing is for the caller to try again */
	void *owner; /* the caller's */
	/* private */
	struct session *session;
	unsigned tries, refused, redirects, generation, number;
	struct session_call *next_failed;
};

MUST_USE int session_new(const struct session_options *o, struct session **s, struct err *e);
void session_free(struct session *s);

/* The registry's URL with ".../v2/REPOSITORY/" and the rest of a path. */
struct weburl session_url(const struct session *s, const char *repository, const char *rest);

/* The registry's own URL. */
const struct weburl *session_registry(const struct session *s);

/* Sends it, borrowed until session_next() gives it back; any earlier answer is forgotten. */
void session_send(struct session *s, struct session_call *c);

/*
 * Waits for the next call that has an answer: a status that is neither a challenge nor a redirect,
 * or request.err with status 0. NULL: nothing is on its way.
 */
struct session_call *session_next(struct session *s);

/* Ends all that is on its way, whose calls are then no longer borrowed. */
void session_stop(struct session *s);

/* Waits before the next try, for a call with once: false if there were enough. */
bool session_again(struct session_call *c);

/* Sets an error out of the answer: what could not be done, and why. Returns -1. */
int session_failed(const struct session_call *c, struct err *e, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));

/* The reason that session_failed() gives, without its hint; the caller frees it. */
char *session_refusal(const struct session_call *c);

/* Replaces an error about an address that an answer has, which may be NULL, if that tells what
 * authorized us. Returns -1. */
int session_hide(const struct session *s, const char *address, struct err *e);

void session_call_free(struct session_call *c);

/* For __attribute__((cleanup)). */
void session_cleanup(struct session **s);
#define AUTO_SESSION __attribute__((cleanup(session_cleanup)))

#endif
