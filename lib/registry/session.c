/* SPDX-License-Identifier: MIT */
#include "registry/session.h"

#include <string.h>
#include <time.h>

#include "registry/refusal.h"
#include "registry/retry.h"
#include "registry/session_parts.h"
#include "registry/trust.h"

enum { REFUSALS = 2 }; /* so often a request is sent again after a 401 */

int session_new(const struct session_options *o, struct session **s, struct err *e)
{
	AUTO_WEBURL struct weburl url = { 0 };
	struct transport *t = NULL;
	if (registryref_url(o->ref, !o->plain_http, &url, e) < 0 ||
	    transport_new(o->jobs, o->tls_verify, o->ca_file, &t, e) < 0)
		return -1;
	*s = xcalloc(1, sizeof **s);
	(*s)->o = *o;
	(*s)->transport = t;
	(*s)->registry = url;
	url = (struct weburl){ 0 };
	session_auth_start(*s);
	return 0;
}

void session_free(struct session *s)
{
	if (!s)
		return;
	transport_free(s->transport);
	session_auth_free(s);
	weburl_free(&s->registry);
	free(s);
}

void session_cleanup(struct session **s)
{
	session_free(*s);
}

struct weburl session_url(const struct session *s, const char *repository, const char *rest)
{
	struct weburl u = weburl_copy(&s->registry);
	free(u.path);
	u.path = xasprintf("/v2/%s/%s", repository, rest);
	return u;
}

const struct weburl *session_registry(const struct session *s)
{
	return &s->registry;
}

/* --- sending --- */

static void put_off(struct session_call *c)
{
	int64_t wait = retry_wait(c->tries, c->request.retry_after, time(NULL), c->number);
	c->request.not_before = transport_now() + wait;
}

bool session_again(struct session_call *c)
{
	if (c->request.fatal || !retry_helps(c->request.status) || c->tries >= RETRY_MOST)
		return false;
	c->tries++;
	put_off(c);
	return true;
}

/* A failure to get a token is that of the call: it goes the way of all answers. */
static void submit(struct session *s, struct session_call *c)
{
	struct err e = { 0 };
	int r = c->request.method ? session_authorize(s, c, &e) : 0;
	transport_reset(&c->request);
	if (r < 0) {
		c->request.err = e;
		c->request.fatal = true;
		c->next_failed = s->failed;
		s->failed = c;
		return;
	}
	transport_add(s->transport, &c->request);
}

void session_send(struct session *s, struct session_call *c)
{
	c->session = s;
	c->refused = c->redirects = 0;
	c->number = s->calls++;
	submit(s, c);
}

/* --- answers --- */

static int fail(struct session_call *c, struct err *e)
{
	transport_reset(&c->request);
	c->request.err = *e;
	c->request.fatal = true;
	*e = (struct err){ 0 };
	return 0;
}

/* A server on that port that knows no TLS, where that is allowed: all goes by http from now on. */
static bool without_tls(struct session *s, struct session_call *c)
{
	bool first = s->registry.tls && !s->answered;
	if (!c->request.no_tls || s->o.tls_verify || !c->request.url.tls || c->redirects ||
	    !weburl_same_host(&s->registry, &c->request.url) || (s->registry.tls && !first))
		return false;
	if (first) {
		struct err ignored = { 0 };
		weburl_free(&s->registry);
		if (registryref_url(s->o.ref, false, &s->registry, &ignored) < 0)
			abort(); /* it could be read with https */
	}
	c->request.url.tls = false;
	if (c->request.url.port == 443)
		c->request.url.port = s->registry.port;
	return true;
}

static bool is_redirect(long status)
{
	return status == 301 || status == 302 || status == 303 || status == 307 || status == 308;
}

/* Where the answer says to look; the rest of the request stays the same. */
static int follow(struct session *s, struct session_call *c, struct err *e)
{
	struct transport_request *r = &c->request;
	struct weburl to = { 0 };
	if (!r->location)
		return err_set(e, 0, "a redirect to nowhere");
	if (weburl_resolve(&r->url, r->location, &to, e) < 0)
		return err_wrap(e, "refused a redirect");
	if (trust_redirect(&s->registry, r->method, &r->url, &to, c->redirects++, e) < 0) {
		weburl_free(&to);
		return session_hide(s, r->location, e);
	}
	weburl_free(&r->url);
	r->url = to;
	return 0;
}

/* Whether the answer is one for the caller; if not, the call goes on. */
static bool settle(struct session *s, struct session_call *c)
{
	struct transport_request *r = &c->request;
	struct err e = { 0 };
	if (!r->status && without_tls(s, c)) {
		submit(s, c);
		return false;
	}
	if (r->fatal || (r->unreachable && !s->answered))
		return true;
	s->answered |= r->status != 0;
	if (r->status == 401) {
		/* not counted where another call has got a token meanwhile */
		c->refused += c->generation == s->generation;
		if (c->refused > REFUSALS || !session_may_answer(s, c))
			return true;
		if (session_answer(s, c, &e) < 0)
			return fail(c, &e) == 0;
	} else if (is_redirect(r->status)) {
		if (follow(s, c, &e) < 0)
			return fail(c, &e) == 0;
	} else if (c->once || !session_again(c)) {
		return true;
	}
	submit(s, c);
	return false;
}

struct session_call *session_next(struct session *s)
{
	for (;;) {
		struct session_call *c = s->failed;
		if (c) {
			s->failed = c->next_failed;
			return c;
		}
		struct transport_request *r = transport_next(s->transport);
		if (!r)
			return NULL;
		c = (struct session_call *)r;
		if (!r->method || settle(s, c))
			return c;
	}
}

void session_stop(struct session *s)
{
	transport_stop(s->transport);
	s->failed = NULL;
}

/* Status and words of an answer, which may repeat what it got: then it is not shown. */
static void add_refusal(const struct session *s, const struct transport_request *r, struct buf *b)
{
	AUTO_BUF struct buf whole = { 0 }; /* what is shown is cut and escaped */
	refusal_words(&whole, r->answer.s, r->answer.len);
	refusal_text(b, r->status, r->answer.s, r->answer.len);
	if (!session_tells_secret(s, &r->answer) && !session_tells_secret(s, &whole))
		return;
	buf_clear(b);
	refusal_text(b, r->status, NULL, 0);
}

static void add_reason(const struct session_call *c, struct buf *b)
{
	const struct transport_request *r = &c->request;
	if (r->status)
		add_refusal(c->session, r, b);
	else
		buf_adds(b, r->err.msg ? r->err.msg : "no answer");
}

int session_failed(const struct session_call *c, struct err *e, const char *fmt, ...)
{
	const struct transport_request *r = &c->request;
	AUTO_BUF struct buf why = { 0 };
	va_list ap;
	va_start(ap, fmt);
	AUTO_FREE char *what = xvasprintf(fmt, ap);
	va_end(ap);
	add_reason(c, &why);
	if (r->status == 401 || r->status == 403)
		session_add_hint(c->session, &why);
	return err_set(e, 0, "%s: %s", what, why.s);
}

char *session_refusal(const struct session_call *c)
{
	struct buf why = { 0 };
	add_reason(c, &why);
	return why.s;
}

void session_call_free(struct session_call *c)
{
	transport_request_free(&c->request);
}
