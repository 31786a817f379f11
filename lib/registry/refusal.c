/* SPDX-License-Identifier: MIT */
#include "registry/refusal.h"

#include <stdbool.h>
#include <string.h>

#include "base/esc.h"
#include "base/jsonread.h"

enum { SHOWN = 200 };

static const char *words(long status)
{
	static const struct {
		long status;
		const char *words;
	} known[] = {
		{ 400, "Bad Request" },
		{ 401, "Unauthorized" },
		{ 403, "Forbidden" },
		{ 404, "Not Found" },
		{ 405, "Method Not Allowed" },
		{ 413, "Content Too Large" },
		{ 416, "Range Not Satisfiable" },
		{ 429, "Too Many Requests" },
		{ 500, "Internal Server Error" },
		{ 502, "Bad Gateway" },
		{ 503, "Service Unavailable" },
		{ 504, "Gateway Timeout" },
	};
	for (size_t i = 0; i < sizeof known / sizeof *known; i++)
		if (known[i].status == status)
			return known[i].words;
	return NULL;
}

struct problem {
	struct buf code, message;
};

static int read_problem(struct jsonread *r, const char *key, void *to, struct err *e)
{
	struct problem *p = to;
	if (strcmp(key, "code") == 0)
		return jsonread_string(r, &p->code, e);
	return strcmp(key, "message") == 0 ? jsonread_string(r, &p->message, e)
					   : jsonread_skip(r, e);
}

/* The first of "errors"; what follows it need not be JSON any more. */
static int read_first(struct jsonread *r, struct problem *p, struct err *e)
{
	const char *key = NULL;
	bool more = false;
	int status = jsonread_open(r, '{', e);
	while (status == 0 && (status = jsonread_key(r, &key, e)) == 0 && key &&
	       strcmp(key, "errors") != 0)
		status = jsonread_skip(r, e);
	if (status < 0 || !key || jsonread_open(r, '[', e) < 0 || jsonread_item(r, &more, e) < 0)
		return -1;
	return more ? jsonread_object(r, read_problem, p, e) : 0;
}

static void add_short(struct buf *b, const struct buf *text)
{
	size_t len = text->len, at = 0, n;
	while (at < len && at < SHOWN && (n = esc_utf8(text->s + at, len - at)))
		at += n;
	buf_adds(b, ": ");
	esc_message(b, text->s, at);
	buf_adds(b, at < len ? "…" : "");
}

static void read_body(const char *body, size_t len, struct problem *p)
{
	struct err ignored = { 0 };
	struct source_text text;
	source_text(&text, body, len, "reply");
	AUTO_JSONREAD struct jsonread *r = jsonread_new(&text.source);
	(void)!read_first(r, p, &ignored);
	err_clear(&ignored);
}

static void free_problem(struct problem *p)
{
	buf_free(&p->code);
	buf_free(&p->message);
}

void refusal_text(struct buf *b, long status, const char *body, size_t len)
{
	struct problem p = { 0 };
	read_body(body, len, &p);
	buf_addf(b, "%ld", status);
	if (words(status))
		buf_addf(b, " %s", words(status));
	if (p.code.len)
		add_short(b, &p.code);
	if (p.message.len)
		add_short(b, &p.message);
	free_problem(&p);
}

void refusal_words(struct buf *b, const char *body, size_t len)
{
	struct problem p = { 0 };
	read_body(body, len, &p);
	buf_add(b, p.code.s, p.code.len);
	buf_addc(b, ' ');
	buf_add(b, p.message.s, p.message.len);
	free_problem(&p);
}
