/* SPDX-License-Identifier: MIT */
#include "registry/weburl.h"

#include "tap.h"

static void text_is(const char *s, const char *want)
{
	AUTO_WEBURL struct weburl u = { 0 };
	struct err e = { 0 };
	AUTO_FREE char *text =
		weburl_parse(s, &u, &e) < 0 ? xasprintf("refused: %s", e.msg) : weburl_text(&u);
	STREQ(text, want);
	err_clear(&e);
}

static void reading(void)
{
	text_is("http://r.example", "http://r.example/");
	text_is("HTTPS://R.Example:443/v2/", "https://r.example/v2/");
	text_is("http://r.example:443/a?b=c#d", "http://r.example:443/a?b=c");
	text_is("http://r.example?b", "http://r.example/?b");
	text_is("http://[::1]:5000/a", "http://[::1]:5000/a");
	text_is("http://r.example/a?b=../c", "http://r.example/a?b=../c");
	text_is("http://r.example/.a/..b/c.", "http://r.example/.a/..b/c.");
}

static void refusing(void)
{
	const char scheme[] = "refused: expected a URL of http or https";
	const char byte[] = "refused: a URL with a byte that none can have";
	const char host[] = "refused: a URL with a bad host or port";
	const char dots[] = "refused: a URL with '.' or '..' in its path";
	text_is("file:///etc/passwd", scheme);
	text_is("ftp://r.example/", scheme);
	text_is("", scheme);
	text_is("http:/r.example", scheme);
	text_is("http://u@r.example/", "refused: a URL with a user in it");
	text_is("http://r.example\\@evil.example/", byte);
	text_is("http://r.example/\r\nX: y", byte);
	text_is("http://r.example/a b", byte);
	text_is("http://", host);
	text_is("http://:80/", host);
	text_is("http://r.example:0/", host);
	text_is("http://r.example:65536/", host);
	text_is("http://r.example:8x/", host);
	text_is("http://r%2eexample/", host);
	text_is("http://[::1/", host);
	text_is("http://[fe80::1%25eth0]/", host);
	text_is("http://r.example/a/../b", dots);
	text_is("http://r.example/a/%2E./b", dots);
	text_is("http://r.example/.", dots);
}

static void resolves(const char *location, const char *want)
{
	AUTO_WEBURL struct weburl base = { 0 }, u = { 0 };
	struct err e = { 0 };
	if (weburl_parse("http://r.example:5000/v2/a/blobs/uploads/?from=b", &base, &e) < 0)
		OK(!"the base");
	AUTO_FREE char *text = weburl_resolve(&base, location, &u, &e) < 0
				       ? xasprintf("refused: %s", e.msg)
				       : weburl_text(&u);
	STREQ(text, want);
	err_clear(&e);
}

static void resolving(void)
{
	resolves("https://other.example/x?y", "https://other.example/x?y");
	resolves("//other.example/x", "http://other.example/x");
	resolves("/x?_state=y", "http://r.example:5000/x?_state=y");
	resolves("id?s", "http://r.example:5000/v2/a/blobs/uploads/id?s");
	resolves("?s", "http://r.example:5000/v2/a/blobs/uploads/?s");
	resolves("", "http://r.example:5000/v2/a/blobs/uploads/");
	resolves("gopher://r.example/", "refused: expected a URL of http or https");
	resolves("../x", "refused: a URL with '.' or '..' in its path");
}

static void writing(void)
{
	AUTO_WEBURL struct weburl u = { 0 };
	struct err e = { 0 };
	if (weburl_parse("http://r.example/u?state=secret", &u, &e) < 0)
		OK(!"the URL");
	weburl_add_query(&u, "digest=sha256%3Aab");
	weburl_add_parameter(&u, "sc ope", "repository:a/b:pull,push&x");
	AUTO_FREE char *text = weburl_text(&u), *shown = weburl_shown(&u);
	STREQ(text, "http://r.example/u?state=secret&digest=sha256%3Aab"
		    "&sc%20ope=repository%3Aa%2Fb%3Apull%2Cpush%26x");
	STREQ(shown, "http://r.example/u");
	AUTO_BUF struct buf path = { 0 };
	for (int i = 0; i < 1000; i++)
		buf_adds(&path, "/a");
	free(u.path);
	u.path = xstrdup(path.s);
	AUTO_FREE char *cut = weburl_shown(&u);
	OK(strlen(cut) == strlen("http://r.example") + 200);
}

enum where { PUBLIC, PRIVATE, LOOPBACK };

static void lies(const char *host, enum where where)
{
	AUTO_WEBURL struct weburl u = { 0 };
	AUTO_FREE char *s = xasprintf("http://%s/", host);
	struct err e = { 0 };
	bool ok = weburl_parse(s, &u, &e) == 0 &&
		  weburl_is_private(&u) == (where != PUBLIC && !strstr(host, "localhost")) &&
		  weburl_is_loopback(&u) == (where == LOOPBACK);
	tap_result(ok, __FILE__, __LINE__, host);
	err_clear(&e);
}

static void addresses(void)
{
	static const char *const public[] = { "r.example",      "8.8.8.8",   "172.32.0.1",
					      "[2001:db8::1]",  "192.0.1.1", "[::ffff:8.8.8.8]",
					      "127.0.0.example" };
	static const char *const private[] = { "10.0.0.1",        "172.16.0.1", "192.168.0.1",
					       "169.254.169.254", "100.64.0.1", "0.0.0.0",
					       "224.0.0.1",       "10.1",       "0xa000001",
					       "167772161",       "012.0.0.1",  "[fe80::1]",
					       "[fd00::1]",       "[::]",       "[::ffff:10.0.0.1]",
					       "[64:ff9b::a00:1]" };
	static const char *const loopback[] = { "127.0.0.1",  "127.1",      "0x7f.1", "127.2.3.4",
						"2130706433", "127.0.0.1.", "[::1]",  "localhost",
						"localhost.", "a.localhost" };
	for (size_t i = 0; i < sizeof public / sizeof *public; i++)
		lies(public[i], PUBLIC);
	for (size_t i = 0; i < sizeof private / sizeof *private; i++)
		lies(private[i], PRIVATE);
	for (size_t i = 0; i < sizeof loopback / sizeof *loopback; i++)
		lies(loopback[i], LOOPBACK);
}

int main(void)
{
	reading();
	refusing();
	resolving();
	writing();
	addresses();
	return TAP_END;
}
