/* SPDX-License-Identifier: MIT */
#include "registry/token.h"

#include <stdbool.h>
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

static bool fits_header(const struct buf *b)
{
	for (size_t i = 0; i < b->len; i++)
		if (b->s[i] < '!' || b->s[i] > '~')
			return false;
	return b->len;
}

static int read_member(struct jsonread *r, const char *key, struct buf *token, uint64_t *seconds,
		       struct err *e)
{
	if (strcmp(key, "expires_in") == 0)
		return jsonread_whole(r, seconds, e);
	if ((strcmp(key, "token") == 0 || strcmp(key, "access_token") == 0) && !token->len)
		return jsonread_string(r, token, e);
	return jsonread_skip(r, e);
}

static int read_object(struct jsonread *r, struct buf *token, uint64_t *seconds, struct err *e)
{
	const char *key = "";
	if (jsonread_open(r, '{', e) < 0)
		return -1;
	while (jsonread_key(r, &key, e) == 0) {
		if (!key)
			return jsonread_end(r, e);
		if (read_member(r, key, token, seconds, e) < 0)
			return -1;
	}
	return -1;
}

int token_read(const char *reply, size_t len, char **token, uint64_t *seconds, struct err *e)
{
	struct source_text text;
	AUTO_BUF struct buf found = { 0 };
	uint64_t good = TOKEN_SECONDS;
	source_text(&text, reply, len, "reply");
	AUTO_JSONREAD struct jsonread *r = jsonread_new(&text.source);
	if (read_object(r, &found, &good, e) < 0 || !fits_header(&found)) {
		err_clear(e);
		return err_set(e, 0, "cannot read the reply: expected JSON with a token");
	}
	*token = STEAL(found.s);
	*seconds = good ? good : TOKEN_SECONDS;
	return 0;
}
