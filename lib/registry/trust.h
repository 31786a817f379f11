/* SPDX-License-Identifier: MIT */
#ifndef LAYERPIPE_TRUST_H
#define LAYERPIPE_TRUST_H

/*
 * What a registry's answers may make us do: one function a rule. Each was once missing in some
 * client, whose users' passwords went where they should not. The URL of the registry is the one
 * that the user gave, and is plain http only where the user allowed that.
 */

#include <stdbool.h>

#include "base/err.h"
#include "base/mem.h"
#include "registry/weburl.h"

enum { TRUST_REDIRECTS = 10 };

/*
 * Whether names and passwords may go to who gives tokens: over https, to any host but an address
 * that is not public, if it is not the registry's own. Over http only for a registry that is plain
 * http, and then to its own host; from one on the loopback, also to the name localhost.
 */
MUST_USE int trust_realm(const struct weburl *registry, const struct weburl *realm, struct err *e);

/* Whether a request there may carry what authorizes us: the registry's scheme, host and port. */
bool trust_with_authorization(const struct weburl *registry, const struct weburl *to);

/*
 * Whether a redirect from one URL to another may be followed, count of them so far: for GET and
 * HEAD, never from https to http, and not to an address that is not public, if it is not the
 * registry's own.
 */
MUST_USE int trust_redirect(const struct weburl *registry, const char *method,
			    const struct weburl *from, const struct weburl *to, unsigned count,
			    struct err *e);

/*
 * Whether a layer may be sent where the registry says: never over http where the registry has
 * https, and not to an address that is not public, if it is not the registry's own.
 */
MUST_USE int trust_upload(const struct weburl *registry, const struct weburl *to, struct err *e);

#endif
