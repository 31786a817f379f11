/* SPDX-License-Identifier: MIT */
#include "fuzz.h"

#include <string.h>

#include "registry/challenge.h"
#include "registry/manifestread.h"
#include "registry/refusal.h"
#include "registry/retry.h"
#include "registry/token.h"
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

static void manifest(const struct buf *text)
{
	AUTO_MANIFESTREAD struct manifestread m = { 0 };
	struct err e = { 0 };
	if (manifestread_parse(text, &m, &e) == 0) {
		for (size_t i = 0; i < m.layers.n; i++)
			if (!digest_digits(m.layers.list[i].digest,
					   strlen(m.layers.list[i].digest)))
				abort();
		if (!m.index && m.config.n != 1)
			abort();
	}
	err_clear(&e);
}

static void token(const struct buf *text)
{
	struct err e = { 0 };
	char *token = NULL;
	uint64_t seconds = 0;
	if (token_read(text->s, text->len, &token, &seconds, &e) == 0 && strpbrk(token, " \r\n"))
		abort();
	free(token);
	err_clear(&e);
}

static void refusal(const struct buf *text)
{
	AUTO_BUF struct buf shown = { 0 }, whole = { 0 };
	refusal_text(&shown, 400, text->s, text->len);
	refusal_words(&whole, text->s, text->len);
	for (size_t i = 0; i < shown.len; i++)
		if ((unsigned char)shown.s[i] < ' ')
			abort();
}

/*
 * One text as each of the headers of an answer: WWW-Authenticate, Location, Retry-After; and as
 * its body: a manifest, a token, a refusal.
 */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	AUTO_FREE char *s = xstrndup((const char *)data, size);
	location(s);
	challenges(s);
	retry(s);
	AUTO_BUF struct buf body = { 0 };
	buf_add(&body, data, size);
	manifest(&body);
	token(&body);
	refusal(&body);
	return 0;
}
