/* SPDX-License-Identifier: MIT */
#ifndef LAYERPIPE_WEBURL_H
#define LAYERPIPE_WEBURL_H

/*
 * URLs of http and https (RFC 3986), in the part that registries use. What is odd is refused rather
 * than understood: a URL that came from a server is taken apart here and put together again, so
 * that nobody else reads another host out of it.
 */

#include <stdbool.h>

#include "base/err.h"
#include "base/mem.h"

struct weburl {
	bool tls;      /* https */
	char *host;    /* owned; lower case, an IPv6 address in brackets */
	unsigned port; /* 1 to 65535 */
	char *path;    /* owned; begins with "/", the query with it */
};

/*
 * Reads "http://HOST[:PORT][/PATH][?QUERY]", or with https. A fragment is dropped. Refused: other
 * schemes, a user, bytes that are no graphic ASCII, a backslash, a segment "." or "..", other
 * characters in the host than names and addresses have.
 */
MUST_USE int weburl_parse(const char *s, struct weburl *u, struct err *e);

/* Reads a Location: a URL, or what is relative to the URL that was asked for. */
MUST_USE int weburl_resolve(const struct weburl *base, const char *location, struct weburl *u,
			    struct err *e);

/* Adds NAME=VALUE to the query, as it stands. */
void weburl_add_query(struct weburl *u, const char *name_value);

/* Adds NAME=VALUE, both of any bytes, which are escaped as RFC 3986 has it. */
void weburl_add_parameter(struct weburl *u, const char *name, const char *value);

/* Appends the value with all but letters, digits and "-._~" as %XX. */
void weburl_escape(struct buf *b, const char *value);

/* The whole URL; the caller frees it. */
char *weburl_text(const struct weburl *u);

/* For messages: not too long, and without the query, which may hold secrets. The caller frees it.
 */
char *weburl_shown(const struct weburl *u);

/* The URL once more. */
struct weburl weburl_copy(const struct weburl *u);

/* Whether scheme, host and port are the same. */
bool weburl_same_origin(const struct weburl *a, const struct weburl *b);

bool weburl_same_host(const struct weburl *a, const struct weburl *b);

/*
 * Whether the host is an IP address, in whatever way of writing, that is not of the public
 * internet: loopback, private, link-local, or none that a host has.
 */
bool weburl_is_private(const struct weburl *u);

/* Whether it is a loopback address, or "localhost". */
bool weburl_is_loopback(const struct weburl *u);

void weburl_free(struct weburl *u);
#define AUTO_WEBURL __attribute__((cleanup(weburl_free)))

#endif
