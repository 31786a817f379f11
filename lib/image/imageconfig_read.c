/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "base/esc.h"
#include "base/jq.h"
#include "base/jsonwrite.h"
#include "base/record.h"
#include "base/timestamp.h"
#include "config.jq.h"
#include "image/imageconfig.h"
#include "image/imageconfig_parts.h"
#include "json-value.jq.h"

enum { FIELDS_MAX = 6 };

/* A line in the reading: its fields as values. */
struct line {
	const struct record_reader *r;
	bool absent_ok;           /* a field may be "-" */
	char *fields[FIELDS_MAX]; /* NULL: absent */
	size_t n;
};

static void line_free(struct line *l)
{
	for (size_t i = 0; i < l->n; i++)
		free(l->fields[i]);
}

/* Splits "KEY TAB VALUE…" into n fields; usage tells what was expected. */
static int split(struct line *l, const struct record_field *rec, size_t n, const char *usage,
		 struct err *e)
{
	struct record_field f[FIELDS_MAX];
	if (record_split(l->r, rec, f, n, e) < 0) {
		err_clear(e);
		return record_err(l->r, e, "expected %s, separated by single tabs", usage);
	}
	for (size_t i = 0; i < n; i++) {
		if (record_string(l->r, &f[i], "value", l->absent_ok, &l->fields[i], e) < 0)
			return -1;
		l->n++;
	}
	return 0;
}

static int unknown_key(const struct line *l, const char *key, struct err *e)
{
	AUTO_BUF struct buf near = { 0 }, shown = { 0 };
	esc_message(&shown, key, strnlen(key, 64));
	configkey_near(key, &near);
	if (near.len)
		return record_err(l->r, e, "unknown key '%s': did you mean %s?", shown.s, near.s);
	return record_err(l->r, e, "unknown key '%s': image-config(5) has the list",
			  shown.s ? shown.s : "");
}

/* A key and its value, with a space where a tab belongs: as it comes from where a page was shown.
 */
static int no_tab(const struct line *l, const char *name, struct err *e)
{
	AUTO_FREE char *word = xstrndup(name, strcspn(name, " "));
	bool known =
		configkey_find(word) || strcmp(word, "json") == 0 || strcmp(word, "reset") == 0;
	if (known && name[strlen(word)])
		return record_err(l->r, e, "expected a tab after '%s', found a space", word);
	return unknown_key(l, name, e);
}

static int read_reset(struct imageconfig *c, struct line *l, const struct record_field *rec,
		      struct err *e)
{
	if (split(l, rec, 2, "reset and a key", e) < 0)
		return -1;
	const char *name = l->fields[1];
	const struct configkey *key = configkey_find(name);
	if (key) {
		imageconfig_reset(&c->values[key - configkeys]);
		return 0;
	}
	imageconfig_unset(&c->json, name);
	AUTO_BUF struct buf near = { 0 };
	configkey_near(name, &near);
	return configkey_is_name(name) && near.len == 0 ? 0 : unknown_key(l, name, e);
}

/* Has jq check the JSON value of a key; *normal is it with sorted keys and without spaces. */
static int normalise(const char *key, const char *text, char **normal, struct err *e)
{
	const char *const args[] = { "-c", "-S", "-s", "--arg", "key", key, NULL };
	AUTO_BUF struct buf b = { 0 };
	if (jq_text(jq_json_value, args, text, strlen(text), &b, e) < 0)
		return -1;
	/* [VALUE] and a newline */
	*normal = xstrndup(b.s + 1, b.len - 3);
	return 0;
}

static int read_json(struct imageconfig *c, struct line *l, const struct record_field *rec,
		     struct err *e)
{
	char *normal;
	if (split(l, rec, 3, "json, a key and a JSON value", e) < 0)
		return -1;
	const struct configkey *like = configkey_like(l->fields[1]);
	if (like)
		return record_err(l->r, e,
				  "json %s: expected lines '%s', which has a form of its own",
				  l->fields[1], like->name);
	if (!configkey_is_name(l->fields[1]))
		return record_err(l->r, e,
				  "json: expected a key of letters, digits, '.', '_' and '-'");
	/* jq would put something else into the place of what is not */
	if (!esc_is_utf8(l->fields[2], strlen(l->fields[2])))
		return record_err(l->r, e, "%s: expected JSON in UTF-8", l->fields[1]);
	if (normalise(l->fields[1], l->fields[2], &normal, e) < 0) {
		err_wrap(e, "%s", l->fields[1]);
		return record_wrap(l->r, e);
	}
	imageconfig_put_named(&c->json, STEAL(l->fields[1]), normal);
	return 0;
}

static int read_map(struct imageconfig *c, const struct configkey *key, struct line *l,
		    const struct record_field *rec, struct err *e)
{
	AUTO_FREE char *usage = xasprintf("%s, a name and a value", key->name);
	AUTO_FREE char *name = NULL, *value = NULL;
	if (split(l, rec, 3, usage, e) < 0)
		return -1;
	if (configkey_check(key, l->fields[1], &name, e) < 0 ||
	    configkey_check(key, l->fields[2], &value, e) < 0)
		return record_wrap(l->r, e);
	if (!*name)
		return record_err(l->r, e, "%s: expected a name that is not empty", key->name);
	imageconfig_put_named(&c->values[key - configkeys], STEAL(name), STEAL(value));
	return 0;
}

static int read_value(struct imageconfig *c, const struct configkey *key, struct line *l,
		      const struct record_field *rec, struct err *e)
{
	AUTO_FREE char *usage = xasprintf("%s and one value", key->name);
	char *normal;
	if (split(l, rec, 2, usage, e) < 0)
		return -1;
	if (configkey_check(key, l->fields[1], &normal, e) < 0)
		return record_wrap(l->r, e);
	imageconfig_put(c, key, normal);
	return 0;
}

/* The entry of the history as JSON, in the order of the image specification. */
static int history_json(const struct line *l, char **text, struct err *e)
{
	static const char *const names[] = { "created", "author", "created_by", "comment" };
	AUTO_BUF struct buf b = { 0 };
	struct jsonwrite j = { 0 };
	jsonwrite_open(&j, '{');
	for (size_t i = 0; i < sizeof names / sizeof *names; i++)
		if (l->fields[i + 1])
			jsonwrite_member(&j, names[i], l->fields[i + 1]);
	if (l->fields[5]) {
		jsonwrite_key(&j, "empty_layer");
		jsonwrite_bool(&j, true);
	}
	jsonwrite_close(&j, '}');
	if (jsonwrite_finish(&j, &b, e) < 0)
		return -1;
	*text = STEAL(b.s);
	return 0;
}

static int read_history(struct items *history, struct line *l, const struct record_field *rec,
			struct err *e)
{
	char *text;
	l->absent_ok = true;
	if (split(l, rec, 6, "history, created, author, created_by, comment and empty_layer", e) <
	    0)
		return -1;
	const char *created = l->fields[1], *empty = l->fields[5];
	if (empty && strcmp(empty, "true") != 0)
		return record_err(l->r, e, "history: expected true or - for empty_layer");
	if ((created && timestamp_check(created, e) < 0) || history_json(l, &text, e) < 0) {
		err_wrap(e, "history");
		return record_wrap(l->r, e);
	}
	imageconfig_append(history, (struct item){ .value = text, .empty = empty != NULL });
	return 0;
}

static int read_line(struct imageconfig *c, struct line *l, const struct record_field *rec,
		     struct err *e)
{
	const char *tab = memchr(rec->s, '\t', rec->len);
	AUTO_FREE char *name = xstrndup(rec->s, tab ? (size_t)(tab - rec->s) : rec->len);
	if (strcmp(name, "reset") == 0)
		return read_reset(c, l, rec, e);
	if (strcmp(name, "json") == 0)
		return read_json(c, l, rec, e);
	const struct configkey *key = configkey_find(name);
	if (!key)
		return tab ? unknown_key(l, name, e) : no_tab(l, name, e);
	if (key->place == CONFIGKEY_HISTORY)
		return read_history(&c->values[key - configkeys], l, rec, e);
	if (key->kind == CONFIGKEY_MAP)
		return read_map(c, key, l, rec, e);
	return read_value(c, key, l, rec, e);
}

static int read_record(const struct record_reader *r, const struct record_field *rec, void *context,
		       struct err *e)
{
	struct line l = { .r = r };
	int status = read_line(context, &l, rec, e);
	line_free(&l);
	return status;
}

/* --- a config object --- */

/* Whether JSON comes, by the first byte that is not blank. */
static int is_json(struct record_reader *r, bool *json, struct err *e)
{
	struct record_field bytes = { 0 };
	size_t blank = 0;
	do {
		if (record_peek(r, blank + 1, &bytes, e) < 0)
			return -1;
		while (blank < bytes.len && strchr(" \t\r\n", bytes.s[blank]))
			blank++;
	} while (bytes.len && blank == bytes.len && !r->eof);
	*json = blank < bytes.len && bytes.s[blank] && strchr("{[\"", bytes.s[blank]);
	return 0;
}

/* The lines of the object that jq made; their numbers are not those of the input. */
static int read_lines_of(struct imageconfig *c, int fd, const char *name, struct err *e)
{
	AUTO_RECORD struct record_reader r;
	struct record_field line;
	int status;
	record_init(&r, fd, name);
	r.unnumbered = true;
	while ((status = record_next(&r, &line, e)) == 0 && line.s)
		if (*line.s != '#' && read_record(&r, &line, c, e) < 0)
			return -1;
	return status;
}

static int read_object(struct imageconfig *c, struct record_reader *in, struct err *e)
{
	static const char *const args[] = { "-s", NULL };
	AUTO_PROC struct proc p = PROC_NONE;
	struct record_field bytes = { 0 };
	do
		if (record_peek(in, bytes.len + 1, &bytes, e) < 0)
			return -1;
	while (!in->eof && bytes.len <= RECORD_MAX_LEN);
	if (bytes.len > RECORD_MAX_LEN)
		return err_set(e, 0, "%s: more than %u bytes of JSON", in->name, RECORD_MAX_LEN);
	if (!esc_is_utf8(bytes.s, bytes.len))
		return err_set(e, 0, "%s: expected JSON in UTF-8", in->name);
	if (jq_start_text(&p, jq_config, args, bytes.s, bytes.len, e) < 0 ||
	    read_lines_of(c, p.out, in->name, e) < 0)
		return -1;
	return jq_wait(&p, e) < 0 ? err_wrap(e, "%s", in->name) : 0;
}

int imageconfig_read(struct imageconfig *c, int fd, const char *name, bool *empty, struct err *e)
{
	AUTO_RECORD struct record_reader r;
	struct record_field line;
	bool json = false;
	int status;
	record_init(&r, fd, name);
	if (is_json(&r, &json, e) < 0)
		return -1;
	*empty = r.buf.len == 0;
	if (json)
		return read_object(c, &r, e);
	while ((status = record_next(&r, &line, e)) == 0 && line.s)
		if (read_record(&r, &line, c, e) < 0)
			return -1;
	return status;
}
