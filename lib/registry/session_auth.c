/* SPDX-License-Identifier: MIT */
#include <string.h>
#include <time.h>

#include "base/base64.h"
#include "registry/challenge.h"
#include "registry/refusal.h"
#include "registry/retry.h"
#include "registry/session_parts.h"
#include "registry/token.h"
#include "registry/trust.h"

enum { EARLY = 5000 /* milliseconds before its end a token is renewed */, DAY = 86400 };

void session_auth_start(struct session *s)
{
	token_scope(&s->scopes, s->o.ref->repository, s->o.push ? "pull,push" : "pull");
	s->least = s->scopes.len;
	for (size_t i = 0; i < s->o.nsources; i++)
		token_scope(&s->scopes, s->o.sources[i], "pull");
}

/* Requests that are not sent yet may still have an older one. */
static void free_tokens(struct session *s)
{
	for (size_t i = 0; i < s->ntokens; i++) {
		explicit_bzero(s->tokens[i], strlen(s->tokens[i]));
		free(s->tokens[i]);
	}
	free(s->tokens);
}

void session_auth_free(struct session *s)
{
	free_tokens(s);
	weburl_free(&s->realm);
	free(s->service);
	free(s->no_token);
	buf_free(&s->scopes);
}

/* --- asking for a token --- */

static bool has_password(const struct session *s)
{
	return s->o.credentials->user && !s->o.credentials->identity;
}

/* The realm with what a token is wanted for, one scope a parameter. */
static struct weburl token_url(const struct session *s)
{
	struct weburl u = weburl_copy(&s->realm);
	if (s->service)
		weburl_add_parameter(&u, "service", s->service);
	for (const char *at = s->scopes.s; *at; at += strspn(at, " ")) {
		AUTO_FREE char *scope = xstrndup(at, strcspn(at, " "));
		weburl_add_parameter(&u, "scope", scope);
		at += strlen(scope);
	}
	if (has_password(s))
		weburl_add_parameter(&u, "account", s->o.credentials->user);
	return u;
}

static void add_form(struct buf *b, const char *name, const char *value)
{
	buf_addf(b, "%s%s=", b->len ? "&" : "", name);
	weburl_escape(b, value);
}

/* The form that an identity token goes in (oauth.md). */
static void token_form(const struct session *s, struct buf *b)
{
	add_form(b, "grant_type", "refresh_token");
	add_form(b, "client_id", "layerpipe");
	if (s->service)
		add_form(b, "service", s->service);
	add_form(b, "scope", s->scopes.s);
	add_form(b, "refresh_token", s->o.credentials->secret);
}

/* Asks until there is an answer that counts. */
static void ask(struct session *s, struct transport_request *r)
{
	for (unsigned n = 1;; n++) {
		transport_wait(s->transport, r);
		if (n > RETRY_MOST || r->fatal || !retry_helps(r->status))
			return;
		r->not_before = transport_now() + retry_wait(n, r->retry_after, time(NULL), 0);
		transport_reset(r);
	}
}

static void ask_with_get(struct session *s, struct transport_request *r)
{
	transport_request_free(r);
	r->method = "GET";
	r->url = token_url(s);
	r->body = (struct transport_body){ 0 };
	if (s->o.credentials->user) {
		r->user = s->o.credentials->user;
		r->password = s->o.credentials->secret;
	}
	ask(s, r);
}

/* Some know no POST. */
static void ask_with_post(struct session *s, struct transport_request *r)
{
	AUTO_BUF struct buf form = { 0 };
	token_form(s, &form);
	r->method = "POST";
	r->url = weburl_copy(&s->realm);
	r->body = (struct transport_body){ .text = form.s,
					   .len = form.len,
					   .type = "application/x-www-form-urlencoded" };
	ask(s, r);
	explicit_bzero(form.s, form.len);
	if (r->status == 404 || r->status == 405)
		ask_with_get(s, r);
}

/* What it says in its body may be anything: only the status is told. */
static int no_token(const struct session *s, const struct transport_request *r, struct err *e)
{
	AUTO_FREE char *realm = weburl_shown(&s->realm);
	AUTO_BUF struct buf why = { 0 };
	if (!r->status)
		buf_adds(&why, r->err.msg);
	else
		refusal_text(&why, r->status, NULL, 0);
	if (r->status == 401 || r->status == 403)
		session_add_hint(s, &why);
	return err_set(e, 0, "no token from '%s': %s", realm, why.s);
}

/* It is renewed a little before its end. */
static void keep_token(struct session *s, char *token, int64_t good)
{
	s->tokens = mem_grow(s->tokens, &s->tokens_cap, s->ntokens + 1, sizeof *s->tokens);
	s->tokens[s->ntokens++] = token;
	s->renew = transport_now() + (good > 2 * EARLY ? good - EARLY : good / 2);
	s->auth = SESSION_BEARER;
	s->generation++;
}

static int take_token(struct session *s, const struct transport_request *r, struct err *e)
{
	AUTO_FREE char *realm = weburl_shown(&s->realm);
	uint64_t seconds = 0;
	char *token = NULL;
	if (r->status != 200)
		return no_token(s, r, e);
	if (r->too_long)
		return err_set(e, 0, "no token from '%s': its answer has more than 64 KiB", realm);
	if (token_read(r->answer.s, r->answer.len, &token, &seconds, e) < 0)
		return err_wrap(e, "no token from '%s'", realm);
	keep_token(s, token, (int64_t)(seconds < DAY ? seconds : DAY) * 1000);
	return 0;
}

static int fetch_once(struct session *s, long *status, struct err *e)
{
	struct transport_request r = { 0 };
	if (s->o.credentials->identity)
		ask_with_post(s, &r);
	else
		ask_with_get(s, &r);
	int result = take_token(s, &r, e);
	*status = r.status;
	if (r.answer.s)
		explicit_bzero(r.answer.s, r.answer.len);
	transport_request_free(&r);
	return result;
}

/* Whether it says no; another answer may be different the next time. */
static bool refuses(long status)
{
	return status >= 400 && status < 500 && status != 429;
}

/* Some give no token at all where they would not give all that is asked for. */
static bool ask_for_less(struct session *s, long status)
{
	if (s->narrow || s->scopes.len == s->least || !refuses(status))
		return false;
	s->narrow = true;
	s->scopes.len = s->least;
	s->scopes.s[s->least] = '\0';
	return true;
}

/* That it was refused is kept, so that not each request asks for one. */
static int fetch_token(struct session *s, struct err *e)
{
	long status = 0;
	if (s->no_token)
		return err_set(e, 0, "%s", s->no_token);
	int r = fetch_once(s, &status, e);
	if (r < 0 && ask_for_less(s, status)) {
		err_clear(e);
		r = fetch_once(s, &status, e);
	}
	if (r < 0) {
		AUTO_FREE char *realm = weburl_shown(&s->realm);
		(void)session_hide(s, realm, e);
	}
	if (r < 0 && refuses(status))
		s->no_token = xstrdup(e->msg);
	return r;
}

/* --- requests --- */

static bool ends_soon(const struct session *s)
{
	return s->auth == SESSION_BEARER && transport_now() >= s->renew;
}

int session_authorize(struct session *s, struct session_call *c, struct err *e)
{
	struct transport_request *r = &c->request;
	r->bearer = r->user = r->password = NULL;
	c->generation = s->generation;
	if (s->auth == SESSION_NOBODY || !trust_with_authorization(&s->registry, &r->url))
		return 0;
	if (ends_soon(s) && fetch_token(s, e) < 0)
		return -1;
	c->generation = s->generation;
	if (s->auth == SESSION_BEARER) {
		r->bearer = s->tokens[s->ntokens - 1];
	} else {
		r->user = s->o.credentials->user;
		r->password = s->o.credentials->secret;
	}
	return 0;
}

bool session_may_answer(const struct session *s, const struct session_call *c)
{
	return !c->redirects && trust_with_authorization(&s->registry, &c->request.url);
}

static int answer_basic(struct session *s, struct err *e)
{
	AUTO_BUF struct buf hint = { 0 };
	session_add_hint(s, &hint);
	if (!has_password(s))
		return err_set(e, 0, "the registry asks for a user and a password%s", hint.s);
	if (s->auth == SESSION_BASIC)
		return err_set(e, 0, "the registry refuses this user and password%s", hint.s);
	s->auth = SESSION_BASIC;
	s->generation++;
	return 0;
}

/* What failed elsewhere may go well here. */
static void set_realm(struct session *s, struct weburl *realm)
{
	bool same = s->realm.host && weburl_same_origin(&s->realm, realm) &&
		    strcmp(s->realm.path, realm->path) == 0;
	if (!same) {
		free(s->no_token);
		s->no_token = NULL;
	}
	weburl_free(&s->realm);
	s->realm = *realm;
	*realm = (struct weburl){ 0 };
}

static int answer_bearer(struct session *s, const struct challenge *ch, struct err *e)
{
	AUTO_WEBURL struct weburl realm = { 0 };
	if (weburl_parse(ch->realm, &realm, e) < 0)
		return err_wrap(e, "refused to ask for a token where the registry says");
	if (trust_realm(&s->registry, &realm, e) < 0)
		return session_hide(s, ch->realm, e);
	set_realm(s, &realm);
	free(s->service);
	s->service = ch->service ? xstrdup(ch->service) : NULL;
	if (ch->scope && s->narrow && token_is_beyond(ch->scope, s->o.ref->repository))
		return err_set(e, 0, "no token for other repositories");
	if (ch->scope && s->ntokens && !s->narrow)
		token_add_scopes(&s->scopes, ch->scope);
	return fetch_token(s, e);
}

int session_answer(struct session *s, struct session_call *c, struct err *e)
{
	AUTO_CHALLENGES struct challenges list = { 0 };
	const struct transport_request *r = &c->request;
	struct err bad = { 0 };
	if (c->generation < s->generation)
		return 0; /* another call has answered meanwhile */
	for (size_t i = 0; i < r->nchallenges; i++) {
		err_clear(&bad);
		if (challenge_parse(r->challenges[i], &list, &bad) < 0)
			continue;
	}
	err_clear(&bad);
	const struct challenge *ch = challenge_choose(&list);
	if (!ch)
		return err_set(e, 0,
			       "the registry answers 401 Unauthorized, but does not say how "
			       "it wants to be told who asks");
	return ch->kind == CHALLENGE_BASIC ? answer_basic(s, e) : answer_bearer(s, ch, e);
}

static bool has(const struct buf *text, const char *s)
{
	return s && *s && text->len && memmem(text->s, text->len, s, strlen(s));
}

/* As Authorization: Basic has it. */
static bool has_basic(const struct session *s, const struct buf *text)
{
	const struct credentials *c = s->o.credentials;
	AUTO_FREE char *both = c->user ? xasprintf("%s:%s", c->user, c->secret) : xstrdup("");
	AUTO_BUF struct buf b = { 0 };
	base64_encode(&b, both, strlen(both));
	bool found = has(text, b.s);
	explicit_bzero(both, strlen(both));
	if (b.s)
		explicit_bzero(b.s, b.len);
	return found;
}

bool session_tells_secret(const struct session *s, const struct buf *text)
{
	for (size_t i = 0; i < s->ntokens; i++)
		if (has(text, s->tokens[i]))
			return true;
	return has(text, s->o.credentials->secret) || has_basic(s, text);
}

/* Appends the text, and once more with each %XX as the byte that it means. */
static void add_both(struct buf *b, const char *s)
{
	buf_addf(b, "%s ", s);
	for (; *s; s++) {
		const char *digits = "0123456789abcdef";
		const char *high = *s == '%' && s[1] ? strchr(digits, s[1] | 0x20) : NULL;
		const char *low = high && s[2] ? strchr(digits, s[2] | 0x20) : NULL;
		buf_addc(b, low ? (char)((high - digits) << 4 | (low - digits)) : *s);
		s += low ? 2 : 0;
	}
}

int session_hide(const struct session *s, const char *address, struct err *e)
{
	AUTO_BUF struct buf b = { 0 };
	if (address)
		add_both(&b, address);
	return session_tells_secret(s, &b)
		       ? err_set(e, 0, "refused an address that repeats what is secret")
		       : -1;
}

void session_add_hint(const struct session *s, struct buf *b)
{
	const struct credentials *c = s->o.credentials;
	if (!c->user)
		buf_addf(b, " (nobody is logged in to %s: give --credentials)", s->o.ref->host);
	else if (!c->identity) {
		buf_adds(b, " (as user ");
		buf_adds(b, c->user);
		buf_addc(b, ')');
	}
}
