/* SPDX-License-Identifier: MIT */
#include "fuzz.h"

#include <string.h>

#include "registry/challenge.h"
#include "registry/retry.h"
#include "registry/trust.h"

static const char registry[] = "https://r.example/v2/a/blobs/uploads/?from=b";

/* What was read is written as what reads the same. */
static void check_url(const struct weburl *u)
{
	AUTO_WEBURL struct weburl again = { 0 };
	AUTO_FREE char *text = weburl_text(u);
	struct err e = { 0 };
	if (weburl_parse(text, &again, &e) < 0 || !weburl_same_origin(u, &again) ||
	    strcmp(u->path, again.path) != 0)
		abort();
}

static void location(const char *s)
{
	AUTO_WEBURL struct weburl base = { 0 }, u = { 0 };
	struct err e = { 0 };
	if (weburl_parse(registry, &base, &e) < 0)
		abort();
	if (weburl_resolve(&base, s, &u, &e) == 0) {
		check_url(&u);
		if (trust_upload(&base, &u, &e) == 0 && (!u.tls || weburl_is_private(&u)))
			abort();
	}
	err_clear(&e);
}

static void challenges(const char *s)
{
	AUTO_CHALLENGES struct challenges c = { 0 };
	struct err e = { 0 };
	if (challenge_parse(s, &c, &e) == 0) {
		const struct challenge *chosen = challenge_choose(&c);
		if (chosen && chosen->kind == CHALLENGE_BEARER && !chosen->realm)
			abort();
	}
	err_clear(&e);
}

static void retry(const char *s)
{
	struct err e = { 0 };
	int64_t seconds = 0;
	if (retry_after(s, 784111777, &seconds, &e) == 0 && seconds < 0)
		abort();
	int64_t wait = retry_wait(1, s, 784111777, 7);
	if (wait < 0 || wait > RETRY_WAIT_MOST * 1000 + 200)
		abort();
	err_clear(&e);
}

/* One text as each of the headers of an answer: WWW-Authenticate, Location, Retry-After. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	AUTO_FREE char *s = xstrndup((const char *)data, size);
	location(s);
	challenges(s);
	retry(s);
	return 0;
}
