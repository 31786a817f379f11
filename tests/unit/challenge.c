/* SPDX-License-Identifier: MIT */
#include "registry/challenge.h"

#include "tap.h"

static void add(struct buf *b, const char *name, const char *value)
{
	if (value)
		buf_addf(b, " %s=<%s>", name, value);
}

static void parsed_is(const char *header, const char *want)
{
	static const char *const kinds[] = { "other", "basic", "bearer" };
	AUTO_CHALLENGES struct challenges c = { 0 };
	AUTO_BUF struct buf b = { 0 };
	struct err e = { 0 };
	if (challenge_parse(header, &c, &e) < 0)
		buf_adds(&b, e.msg);
	else
		for (size_t i = 0; i < c.n; i++) {
			buf_addf(&b, "%s%s", i ? ", " : "", kinds[c.list[i].kind]);
			add(&b, "realm", c.list[i].realm);
			add(&b, "service", c.list[i].service);
			add(&b, "scope", c.list[i].scope);
			add(&b, "error", c.list[i].error);
		}
	STREQ(b.s, want);
	err_clear(&e);
}

static void reading(void)
{
	parsed_is("Bearer "
		  "realm=\"https://a.example/t\",service=\"s\",scope=\"repository:a:pull,push\"",
		  "bearer realm=<https://a.example/t> service=<s> scope=<repository:a:pull,push>");
	parsed_is("bEARER  realm = a , SCOPE=\"x y\" , error=\"insufficient_scope\"",
		  "bearer realm=<a> scope=<x y> error=<insufficient_scope>");
	parsed_is("Basic realm=\"say \\\"friend\\\"\"", "basic realm=<say \"friend\">");
	parsed_is("Basic", "basic");
	parsed_is("Basic realm=\"\"", "basic realm=<>");
	parsed_is("Negotiate, Negotiate YWJj==, Basic realm=x, Bearer realm=y,scope=\"a,b\"",
		  "other, other, basic realm=<x>, bearer realm=<y> scope=<a,b>");
	parsed_is(",, Basic realm=x,,", "basic realm=<x>");
	parsed_is("Bearer realm=a,realm=b,foo=\"b,ar\"", "bearer realm=<a>");
}

static void refusing(void)
{
	const char refused[] = "cannot read its WWW-Authenticate header";
	parsed_is("", refused);
	parsed_is(",", refused);
	parsed_is("Bearer realm=\"a", refused);
	parsed_is("Bearer realm=\"a\\", refused);
	parsed_is("Bearer service=\"s\", realm=", refused);
	parsed_is("realm=a", refused);
	parsed_is("\"Bearer\"", refused);
	parsed_is("Bearer realm=a;service=b", refused);
}

static const char *chosen(const char *first, const char *second)
{
	static char realm[16];
	AUTO_CHALLENGES struct challenges c = { 0 };
	struct err e = { 0 };
	if (challenge_parse(first, &c, &e) < 0 || challenge_parse(second, &c, &e) < 0)
		abort();
	const struct challenge *one = challenge_choose(&c);
	snprintf(realm, sizeof realm, "%s", one ? one->realm : "none");
	return realm;
}

int main(void)
{
	reading();
	refusing();
	STREQ(chosen("Basic realm=b", "Bearer realm=t"), "t");
	STREQ(chosen("Bearer service=x", "Basic realm=b"), "b");
	STREQ(chosen("Negotiate", "Digest realm=d"), "none");
	return TAP_END;
}
