/* SPDX-License-Identifier: MIT */
#ifndef LAYERPIPE_TRANSPORT_H
#define LAYERPIPE_TRANSPORT_H

/*
 * HTTP requests, several at a time: the one module that knows libcurl. It follows no redirect,
 * answers no challenge and keeps no cookie; what an answer means is for others to say.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "base/mem.h"
#include "registry/blobbody.h"
#include "registry/pace.h"
#include "registry/weburl.h"

enum {
	TRANSPORT_HEADERS = 64 << 10, /* bytes of an answer's headers at most */
	TRANSPORT_BODY = 64 << 10,    /* of its body: what is behind is not read; see most */
	TRANSPORT_CHALLENGES = 8,
	TRANSPORT_CONNECT = 30, /* seconds for a connection */
};

/* What is sent along; at most one of blob and text. */
struct transport_body {
	struct blobbody *blob; /* opened afresh when the request is sent */
	const char *text;
	size_t len;
	const char *type; /* Content-Type, or NULL */
};

/* A request and its answer. */
struct transport_request {
	/* the request; all borrowed but the URL, which is owned */
	const char *method; /* HEAD, GET, POST, PATCH or PUT; NULL: only waits until the blob has
			       bytes */
	struct weburl url;
	struct transport_body body;
	const char *accept; /* or NULL */
	size_t most;        /* bytes of the answer's body that are read; 0: TRANSPORT_BODY */
	const char *bearer; /* a token, or NULL; at most one of this and user */
	const char *user, *password;
	int64_t not_before;                          /* on transport_now()'s clock */
	void (*sent)(void *context, uint64_t bytes); /* hears of bytes that went, or NULL */
	void *context;

	/* the answer; owned */
	long status; /* 0: there was none, and err says why */
	struct err err;
	bool fatal;       /* our own doing, such as a blob that is wrong: not to be tried again */
	bool no_tls;      /* the server does not speak TLS */
	bool unreachable; /* there is no such server */
	char *location, *digest, *retry_after;
	char *challenges[TRANSPORT_CHALLENGES];
	size_t nchallenges;
	struct buf answer; /* its body */
	bool too_long;     /* which has more than this */

	/* private */
	void *easy, *headers;
	bool paused;
	size_t header_bytes, at;
	struct pace pace;
	char reason[256];
	struct transport_request *next;
};

struct transport;

/* jobs: connections, and requests at a time; verify: whether certificates are checked; ca_file:
 * whose certificates count, NULL: the system's. */
MUST_USE int transport_new(unsigned jobs, bool verify, const char *ca_file, struct transport **t,
			   struct err *e);

/* Milliseconds of a clock that only goes forward. */
int64_t transport_now(void);

/* Forgets the answer, so that the request can be sent again. */
void transport_reset(struct transport_request *r);

/* Takes a request on, borrowed until transport_next() or transport_wait() gives it back. */
void transport_add(struct transport *t, struct transport_request *r);

/* Waits for the next one that has its answer. NULL: there is none on its way. */
struct transport_request *transport_next(struct transport *t);

/* Waits for this one, which is sent at once; what is done meanwhile comes from transport_next(). */
void transport_wait(struct transport *t, struct transport_request *r);

/* Frees what the request owns. */
void transport_request_free(struct transport_request *r);

/* Ends all that is on its way, or waits to be; the requests are no longer borrowed. */
void transport_stop(struct transport *t);

void transport_free(struct transport *t);

/* For __attribute__((cleanup)). */
void transport_cleanup(struct transport **t);
#define AUTO_TRANSPORT __attribute__((cleanup(transport_cleanup)))

#endif
