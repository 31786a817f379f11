/* SPDX-License-Identifier: MIT */
#include "registry/refusal.h"

#include "tap.h"

static void is(long status, const char *body, const char *want)
{
	AUTO_BUF struct buf b = { 0 };
	refusal_text(&b, status, body, strlen(body));
	STREQ(b.s, want);
}

int main(void)
{
	is(403, "", "403 Forbidden");
	is(418, "<html>", "418");
	is(404,
	   "{\"errors\":[{\"code\":\"NAME_UNKNOWN\",\"message\":\"no "
	   "such\",\"detail\":{\"a\":[1]}}]}",
	   "404 Not Found: NAME_UNKNOWN: no such");
	is(400, "{\"x\":1,\"errors\":[{\"message\":\"a\\u001b[31m\"}], cut",
	   "400 Bad Request: a\\x1b[31m");
	is(400, "{\"errors\":[]}", "400 Bad Request");
	is(400, "{\"errors\":[{\"code\":\"DENIED", "400 Bad Request: DENIED");
	AUTO_BUF struct buf b = { 0 };
	const char body[] = "{\"errors\":[{\"message\":\"\\u0070w\\n\",\"code\":\"C\"}]}";
	refusal_words(&b, body, strlen(body));
	STREQ(b.s, "C pw\n");
	return TAP_END;
}
