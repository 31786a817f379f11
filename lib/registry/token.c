/* SPDX-License-Identifier: MIT */
#include "registry/token.h"

#include <string.h>

#include "base/jsonread.h"

void token_scope(struct buf *b, const char *repository, const char *actions)
{
	buf_addf(b, "%srepository:%s:%s", b->len ? " " : "", repository, actions);
}

static bool has(const struct buf *list, const char *word, size_t len)
{
	for (const char *at = list->s; at && *at; at += strspn(at, " ")) {
		size_t n = strcspn(at, " ");
		if (n == len && memcmp(at, word, n) == 0)
			return true;
		at += n;
	}
	return false;
}

void token_add_scopes(struct buf *list, const char *scopes)
{
	for (scopes += strspn(scopes, " "); *scopes; scopes += strspn(scopes, " ")) {
		size_t n = strcspn(scopes, " ");
		if (!has(list, scopes, n)) {
			buf_adds(list, list->len ? " " : "");
			buf_add(list, scopes, n);
		}
		scopes += n;
	}
}

bool token_is_beyond(const char *scopes, const char *repository)
{
	AUTO_FREE char *own = xasprintf("repository:%s:", repository);
	for (scopes += strspn(scopes, " "); *scopes; scopes += strspn(scopes, " ")) {
		if (strncmp(scopes, own, strlen(own)) != 0)
			return true;
		scopes += strcspn(scopes, " ");
	}
	return false;
}

static bool fits_header(const struct buf *b)
{
	for (size_t i = 0; i < b->len; i++)
		if (b->s[i] < '!' || b->s[i] > '~')
			return false;
	return b->len;
}

struct reply {
	struct buf token;
	uint64_t seconds;
};

static int read_member(struct jsonread *r, const char *key, void *to, struct err *e)
{
	struct reply *reply = to;
	if (strcmp(key, "expires_in") == 0)
		return jsonread_whole(r, &reply->seconds, e);
	if ((strcmp(key, "token") == 0 || strcmp(key, "access_token") == 0) && !reply->token.len)
		return jsonread_string(r, &reply->token, e);
	return jsonread_skip(r, e);
}

int token_read(const char *text, size_t len, char **token, uint64_t *seconds, struct err *e)
{
	struct source_text from;
	struct reply reply = { .seconds = TOKEN_SECONDS };
	source_text(&from, text, len, "reply");
	AUTO_JSONREAD struct jsonread *r = jsonread_new(&from.source);
	if (jsonread_object(r, read_member, &reply, e) < 0 || jsonread_end(r, e) < 0 ||
	    !fits_header(&reply.token)) {
		buf_free(&reply.token);
		err_clear(e);
		return err_set(e, 0, "cannot read the reply: expected JSON with a token");
	}
	*token = reply.token.s;
	*seconds = reply.seconds ? reply.seconds : TOKEN_SECONDS;
	return 0;
}
