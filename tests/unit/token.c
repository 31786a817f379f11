/* SPDX-License-Identifier: MIT */
#include "registry/token.h"

#include "tap.h"

static void is(const char *reply, const char *want, uint64_t want_seconds)
{
	struct err e = { 0 };
	char *token = NULL;
	uint64_t seconds = 0;
	if (token_read(reply, strlen(reply), &token, &seconds, &e) < 0)
		token = xstrdup(e.msg);
	STREQ(token, want);
	OK(seconds == want_seconds);
	free(token);
	err_clear(&e);
}

static void replies(void)
{
	const char bad[] = "cannot read the reply: expected JSON with a token";
	is("{\"token\":\"abc\"}", "abc", 60);
	is("{\"access_token\":\"abc\",\"expires_in\":300,\"issued_at\":\"x\"}", "abc", 300);
	is("{\"token\":\"a\",\"access_token\":\"b\",\"expires_in\":0}", "a", 60);
	is("{\"token\":\"\"}", bad, 0);
	is("{\"token\":\"a\\r\\nX: y\"}", bad, 0);
	is("{\"token\":\"a b\"}", bad, 0);
	is("{\"token\":1}", bad, 0);
	is("{}", bad, 0);
	is("[]", bad, 0);
	is("{\"token\":\"abc\"} x", bad, 0);
	is("{\"token\":\"secret", bad, 0);
	is("", bad, 0);
}

int main(void)
{
	AUTO_BUF struct buf b = { 0 };
	replies();
	token_scope(&b, "a/b", "pull,push");
	token_scope(&b, "c", "pull");
	STREQ(b.s, "repository:a/b:pull,push repository:c:pull");
	token_add_scopes(&b, " repository:c:pull  repository:d:pull repository:c:pul");
	STREQ(b.s, "repository:a/b:pull,push repository:c:pull repository:d:pull repository:c:pul");
	OK(!token_is_beyond("repository:a/b:push,pull  repository:a/b:pull", "a/b"));
	OK(!token_is_beyond(" ", "a/b"));
	OK(token_is_beyond("repository:a/b:pull repository:c:pull", "a/b"));
	OK(token_is_beyond("repository:a/bc:pull", "a/b"));
	return TAP_END;
}
