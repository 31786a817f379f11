/* SPDX-License-Identifier: MIT */
#include "registry/challenge.h"

#include <stdbool.h>
#include <string.h>
#include <strings.h>

static const char token[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
			    "!#$%&'*+-.^_`|~";
static const char token68[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
			      "-._~+/";
static const char space[] = " \t";

static int refuse(struct err *e)
{
	return err_set(e, 0, "cannot read its WWW-Authenticate header");
}

static enum challenge_kind kind_of(const char *s, size_t len)
{
	if (len == 6 && strncasecmp(s, "bearer", len) == 0)
		return CHALLENGE_BEARER;
	return len == 5 && strncasecmp(s, "basic", len) == 0 ? CHALLENGE_BASIC : CHALLENGE_OTHER;
}

/* Where the value of that parameter goes; NULL: it does not matter. */
static char **place(struct challenge *c, const char *name, size_t len)
{
	const struct {
		const char *name;
		char **to;
	} places[] = { { "realm", &c->realm },
		       { "service", &c->service },
		       { "scope", &c->scope },
		       { "error", &c->error } };
	for (size_t i = 0; i < sizeof places / sizeof *places; i++)
		if (strlen(places[i].name) == len && strncasecmp(name, places[i].name, len) == 0)
			return places[i].to;
	return NULL;
}

/* A quoted string, from behind its quote; *at is then behind the other one. */
static bool read_quoted(const char **at, struct buf *value)
{
	const char *s = *at;
	for (; *s && *s != '"'; s++) {
		if (*s == '\\' && !*++s)
			return false;
		buf_addc(value, *s);
	}
	*at = s + 1;
	return *s == '"';
}

static bool read_value(const char **at, struct buf *value)
{
	if (**at == '"') {
		(*at)++;
		return read_quoted(at, value);
	}
	size_t n = strspn(*at, token);
	buf_add(value, *at, n);
	*at += n;
	return n;
}

/* Behind the name of a parameter: "= VALUE", the first counts. */
static bool read_parameter(const char **at, struct challenge *c, const char *name, size_t len)
{
	AUTO_BUF struct buf value = { 0 };
	char **to = place(c, name, len);
	*at += strspn(*at, space);
	if (**at != '=')
		return false;
	++*at;
	*at += strspn(*at, space);
	if (!read_value(at, &value))
		return false;
	if (to && !*to)
		*to = value.s ? STEAL(value.s) : xstrdup("");
	return true;
}

static void add(struct challenges *c, enum challenge_kind kind)
{
	c->list = mem_grow(c->list, &c->cap, c->n + 1, sizeof *c->list);
	c->list[c->n++] = (struct challenge){ .kind = kind };
}

/* Behind a scheme, one word that is no parameter, as Negotiate has it. */
static const char *without_token68(const char *s)
{
	const char *at = s + strspn(s, token68);
	at += strspn(at, "=");
	const char *end = at + strspn(at, space);
	return at > s && (*end == ',' || !*end) ? end : s;
}

/* A parameter of the last challenge, or the name of another one. */
static bool read_element(const char **at, struct challenges *c, size_t first)
{
	const char *name = *at;
	size_t len = strspn(name, token);
	*at += len;
	const char *next = *at + strspn(*at, space);
	if (!len)
		return false;
	if (*next == '=' && c->n > first)
		return read_parameter(at, &c->list[c->n - 1], name, len);
	if (next == *at && *next && *next != ',')
		return false;
	add(c, kind_of(name, len));
	*at = without_token68(next);
	return true;
}

int challenge_parse(const char *header, struct challenges *c, struct err *e)
{
	const char *at = header;
	size_t first = c->n;
	while (*(at += strspn(at, " \t,")))
		if (!read_element(&at, c, first))
			return refuse(e);
	return c->n > first ? 0 : refuse(e);
}

const struct challenge *challenge_choose(const struct challenges *c)
{
	const struct challenge *basic = NULL;
	for (size_t i = 0; i < c->n; i++) {
		if (c->list[i].kind == CHALLENGE_BEARER && c->list[i].realm)
			return &c->list[i];
		if (c->list[i].kind == CHALLENGE_BASIC && !basic)
			basic = &c->list[i];
	}
	return basic;
}

void challenges_free(struct challenges *c)
{
	for (size_t i = 0; i < c->n; i++) {
		free(c->list[i].realm);
		free(c->list[i].service);
		free(c->list[i].scope);
		free(c->list[i].error);
	}
	free(c->list);
	*c = (struct challenges){ 0 };
}
