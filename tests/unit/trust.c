/* SPDX-License-Identifier: MIT */
#include "registry/trust.h"

#include "tap.h"

static struct weburl url(const char *s)
{
	struct weburl u = { 0 };
	struct err e = { 0 };
	if (weburl_parse(s, &u, &e) < 0)
		abort();
	return u;
}

typedef int rule(const struct weburl *registry, const struct weburl *to, struct err *e);

/* want: NULL where it is allowed, else the end of the message. */
static void check(rule *of, const char *registry, const char *to, const char *want)
{
	AUTO_WEBURL struct weburl a = url(registry), b = url(to);
	struct err e = { 0 };
	int r = of(&a, &b, &e);
	if (want)
		STREQ(r < 0 ? e.msg : "allowed", want);
	else
		STREQ(r < 0 ? e.msg : "allowed", "allowed");
	err_clear(&e);
}

static void realms(void)
{
	check(trust_realm, "https://r.example", "https://auth.example/t", NULL);
	check(trust_realm, "https://r.example", "http://r.example/t",
	      "refused to ask 'http://r.example/t' for a token: it is not https");
	check(trust_realm, "https://r.example", "https://10.0.0.1/t?secret",
	      "refused to ask 'https://10.0.0.1/t' for a token: a private address that is not the "
	      "registry's");
	check(trust_realm, "https://10.0.0.1", "https://10.0.0.1:444/t", NULL);
	check(trust_realm, "http://127.0.0.1:1", "http://127.0.0.1:2/t", NULL);
	check(trust_realm, "http://127.0.0.1:1", "http://localhost:2/t", NULL);
	check(trust_realm, "http://127.0.0.1:1", "https://auth.example/t", NULL);
	check(trust_realm, "http://127.0.0.1:1", "http://127.0.0.2:2/t",
	      "refused to ask 'http://127.0.0.2:2/t' for a token: a private address that is not "
	      "the registry's");
	check(trust_realm, "https://r.example", "https://localhost/t",
	      "refused to ask 'https://localhost/t' for a token: a private address that is not the "
	      "registry's");
	check(trust_realm, "http://r.example", "http://auth.example/t",
	      "refused to ask 'http://auth.example/t' for a token: it is not https, and another "
	      "host than the registry");
}

static bool authorized(const char *registry, const char *to)
{
	AUTO_WEBURL struct weburl a = url(registry), b = url(to);
	return trust_with_authorization(&a, &b);
}

static void authorization(void)
{
	OK(authorized("https://r.example", "https://r.example:443/v2/a"));
	OK(authorized("https://R.example", "https://r.EXAMPLE/v2/a"));
	OK(!authorized("https://r.example", "http://r.example/"));
	OK(!authorized("https://r.example", "http://r.example:443/"));
	OK(!authorized("https://r.example", "https://r.example:444/"));
	OK(!authorized("https://r.example", "https://s.r.example/"));
	OK(!authorized("https://r.example", "https://r.example./"));
}

static void redirect(const char *method, const char *from, const char *to, unsigned count,
		     const char *want)
{
	AUTO_WEBURL struct weburl a = url(from), b = url(to);
	struct err e = { 0 };
	STREQ(trust_redirect(&a, method, &a, &b, count, &e) < 0 ? e.msg : "allowed", want);
	err_clear(&e);
}

static void redirects(void)
{
	redirect("GET", "https://r.example", "https://s.example", 0, "allowed");
	redirect("HEAD", "http://r.example", "https://s.example", 9, "allowed");
	redirect("HEAD", "http://r.example", "http://s.example", 10,
		 "refused to follow more than 10 redirects");
	redirect("GET", "https://r.example", "http://s.example/a?secret", 0,
		 "refused a redirect from https to 'http://s.example/a'");
	redirect("GET", "https://r.example", "https://127.0.0.1/a?secret", 0,
		 "refused a redirect to 'https://127.0.0.1/a': a private address that is not the "
		 "registry's");
	redirect("GET", "http://127.0.0.1:1", "http://127.0.0.1:2", 0, "allowed");
	redirect("PUT", "https://r.example", "https://r.example/b", 0,
		 "refused a redirect of a PUT to 'https://r.example/b'");
	redirect("POST", "https://r.example", "https://r.example/b", 0,
		 "refused a redirect of a POST to 'https://r.example/b'");
}

static void uploads(void)
{
	check(trust_upload, "https://r.example", "https://s.example/u", NULL);
	check(trust_upload, "https://r.example", "https://r.example:8/u", NULL);
	check(trust_upload, "https://r.example", "http://r.example/u?secret",
	      "refused to upload to 'http://r.example/u': it is not https; set up the registry so "
	      "that it knows its own address");
	check(trust_upload, "https://r.example", "https://[::1]/u",
	      "refused to upload to 'https://[::1]/u': a private address that is not the "
	      "registry's");
	check(trust_upload, "http://r.example", "http://a.localhost.:2375/u",
	      "refused to upload to 'http://a.localhost.:2375/u': a private address that is not "
	      "the registry's");
	check(trust_upload, "http://127.0.0.1:1", "http://127.0.0.1:2/u", NULL);
	check(trust_upload, "http://127.0.0.1:1", "http://169.254.169.254/u",
	      "refused to upload to 'http://169.254.169.254/u': a private address that is not the "
	      "registry's");
}

int main(void)
{
	realms();
	authorization();
	redirects();
	uploads();
	return TAP_END;
}
