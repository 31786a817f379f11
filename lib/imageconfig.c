/* SPDX-License-Identifier: MIT */
#include "imageconfig.h"

#include <errno.h>
#include <stdbool.h>
#include <string.h>
#include <unistd.h>

#include "configkey.h"
#include "esc.h"
#include "jq.h"
#include "json-value.jq.h"
#include "json.h"
#include "machine.h"
#include "rec.h"

struct item {
	char *name;  /* of a map's element or an environment variable, or a JSON key; else NULL */
	char *value; /* NULL for the elements of a set */
};

struct items {
	struct item *list;
	size_t n, cap;
};

struct imageconfig {
	struct items values[CONFIGKEY_COUNT]; /* in the order of configkeys */
	struct items json;                    /* keys without lines of their own */
};

struct imageconfig *imageconfig_new(void)
{
	return xcalloc(1, sizeof(struct imageconfig));
}

static void item_free(struct item *item)
{
	free(item->name);
	free(item->value);
}

static void items_clear(struct items *l)
{
	for (size_t i = 0; i < l->n; i++)
		item_free(&l->list[i]);
	l->n = 0;
}

void imageconfig_free(struct imageconfig *c)
{
	if (!c)
		return;
	for (size_t i = 0; i < CONFIGKEY_COUNT; i++) {
		items_clear(&c->values[i]);
		free(c->values[i].list);
	}
	items_clear(&c->json);
	free(c->json.list);
	free(c);
}

void imageconfig_cleanup(struct imageconfig **c)
{
	imageconfig_free(*c);
}

static void append(struct items *l, struct item item)
{
	l->list = mem_grow(l->list, &l->cap, l->n + 1, sizeof *l->list);
	l->list[l->n++] = item;
}

/* Takes the strings. An element of the same name is replaced where it stands. */
static void put_named(struct items *l, char *name, char *value)
{
	for (size_t i = 0; i < l->n; i++)
		if (strcmp(l->list[i].name, name) == 0) {
			item_free(&l->list[i]);
			l->list[i] = (struct item){ name, value };
			return;
		}
	append(l, (struct item){ name, value });
}

/* Takes the checked value. */
static void put(struct imageconfig *c, const struct configkey *key, char *value)
{
	struct items *l = &c->values[key - configkeys];
	switch (key->kind) {
	case CONFIGKEY_LIST:
		append(l, (struct item){ NULL, value });
		break;
	case CONFIGKEY_ENV:
		put_named(l, xstrndup(value, strcspn(value, "=")), value);
		break;
	case CONFIGKEY_SET:
		put_named(l, value, NULL);
		break;
	case CONFIGKEY_TEXT:
	case CONFIGKEY_TIME:
	case CONFIGKEY_NUMBER:
	case CONFIGKEY_BOOL:
	case CONFIGKEY_MAP:
		items_clear(l);
		append(l, (struct item){ NULL, value });
		break;
	}
}

/* --- reading lines --- */

/* A line in the reading: its fields as values. */
struct line {
	const struct rec_reader *r;
	char *fields[3];
	size_t n;
};

static void line_free(struct line *l)
{
	for (size_t i = 0; i < l->n; i++)
		free(l->fields[i]);
}

/* Splits "KEY TAB VALUE…" into n fields; usage tells what was expected. */
static int split(struct line *l, const struct rec_field *rec, size_t n, const char *usage,
		 struct err *e)
{
	struct rec_field f[3];
	if (rec_split(l->r, rec, f, n, e) < 0) {
		err_clear(e);
		return rec_err(l->r, e, "expected %s, separated by single tabs", usage);
	}
	for (size_t i = 0; i < n; i++) {
		if (rec_string(l->r, &f[i], "value", 0, &l->fields[i], e) < 0)
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
		return rec_err(l->r, e, "unknown key '%s': did you mean %s?", shown.s, near.s);
	return rec_err(l->r, e, "unknown key '%s': image-config(5) has the list",
		       shown.s ? shown.s : "");
}

static int read_reset(struct imageconfig *c, struct line *l, const struct rec_field *rec,
		      struct err *e)
{
	if (split(l, rec, 2, "reset and a key", e) < 0)
		return -1;
	const char *name = l->fields[1];
	const struct configkey *key = configkey_find(name);
	if (key) {
		items_clear(&c->values[key - configkeys]);
		return 0;
	}
	for (size_t i = 0; i < c->json.n; i++)
		if (strcmp(c->json.list[i].name, name) == 0) {
			item_free(&c->json.list[i]);
			c->json.list[i] = c->json.list[--c->json.n];
			return 0;
		}
	AUTO_BUF struct buf near = { 0 };
	configkey_near(name, &near);
	return configkey_is_name(name) && near.len == 0 ? 0 : unknown_key(l, name, e);
}

static int read_all(int fd, struct buf *b, struct err *e)
{
	enum { STEP = 16 << 10 };
	ssize_t n;
	do {
		char *to = buf_extend(b, STEP);
		n = read(fd, to, STEP);
		b->len -= STEP - (n > 0 ? (size_t)n : 0);
	} while (n > 0 || (n < 0 && errno == EINTR));
	return n < 0 ? err_set(e, errno, "cannot read from jq") : 0;
}

/* Has jq check one JSON value; *normal is it with sorted keys and without spaces. */
static int normalise(const char *text, char **normal, struct err *e)
{
	static const char *const args[] = { "-c", "-S", "-s", NULL };
	AUTO_PROC struct proc p = PROC_NONE;
	AUTO_BUF struct buf b = { 0 };
	if (jq_start_text(&p, jq_json_value, args, text, strlen(text), e) < 0 ||
	    read_all(p.out, &b, e) < 0 || jq_wait(&p, e) < 0)
		return -1;
	/* [VALUE] and a newline */
	*normal = xstrndup(b.s + 1, b.len - 3);
	return 0;
}

static int read_json(struct imageconfig *c, struct line *l, const struct rec_field *rec,
		     struct err *e)
{
	char *normal;
	if (split(l, rec, 3, "json, a key and a JSON value", e) < 0)
		return -1;
	const struct configkey *like = configkey_like(l->fields[1]);
	if (like)
		return rec_err(l->r, e, "json %s: expected lines '%s', which has a form of its own",
			       l->fields[1], like->name);
	if (!configkey_is_name(l->fields[1]))
		return rec_err(l->r, e,
			       "json: expected a key of letters, digits, '.', '_' and '-'");
	/* jq would put something else into the place of what is not */
	if (!esc_is_utf8(l->fields[2], strlen(l->fields[2])))
		return rec_err(l->r, e, "json %s: expected JSON in UTF-8", l->fields[1]);
	if (normalise(l->fields[2], &normal, e) < 0) {
		err_wrap(e, "json %s", l->fields[1]);
		return rec_wrap(l->r, e);
	}
	put_named(&c->json, STEAL(l->fields[1]), normal);
	return 0;
}

static int read_map(struct imageconfig *c, const struct configkey *key, struct line *l,
		    const struct rec_field *rec, struct err *e)
{
	AUTO_FREE char *usage = xasprintf("%s, a name and a value", key->name);
	AUTO_FREE char *name = NULL, *value = NULL;
	if (split(l, rec, 3, usage, e) < 0)
		return -1;
	if (configkey_check(key, l->fields[1], &name, e) < 0 ||
	    configkey_check(key, l->fields[2], &value, e) < 0)
		return rec_wrap(l->r, e);
	if (!*name)
		return rec_err(l->r, e, "%s: expected a name that is not empty", key->name);
	put_named(&c->values[key - configkeys], STEAL(name), STEAL(value));
	return 0;
}

static int read_value(struct imageconfig *c, const struct configkey *key, struct line *l,
		      const struct rec_field *rec, struct err *e)
{
	AUTO_FREE char *usage = xasprintf("%s and one value", key->name);
	char *normal;
	if (split(l, rec, 2, usage, e) < 0)
		return -1;
	if (configkey_check(key, l->fields[1], &normal, e) < 0)
		return rec_wrap(l->r, e);
	put(c, key, normal);
	return 0;
}

static int read_line(struct imageconfig *c, struct line *l, const struct rec_field *rec,
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
		return unknown_key(l, name, e);
	if (key->kind == CONFIGKEY_MAP)
		return read_map(c, key, l, rec, e);
	return read_value(c, key, l, rec, e);
}

int imageconfig_read(struct imageconfig *c, int fd, const char *name, struct err *e)
{
	struct rec_reader r;
	struct rec_field rec;
	int status;
	rec_init(&r, fd, name);
	while ((status = rec_next(&r, &rec, e)) == 0 && rec.s) {
		struct line l = { .r = &r };
		status = read_line(c, &l, &rec, e);
		line_free(&l);
		if (status < 0)
			break;
	}
	rec_free(&r);
	return status;
}

/* --- defaults --- */

/* The scalar's value; NULL where it is not set. */
static const char *get(const struct imageconfig *c, const char *name)
{
	const struct items *l = &c->values[configkey_find(name) - configkeys];
	return l->n && *l->list[0].value ? l->list[0].value : NULL;
}

/* Sets a scalar from an option, else from its default where it has no value yet. */
static int complete(struct imageconfig *c, const char *name, const char *option,
		    const char *otherwise, struct err *e)
{
	const struct configkey *key = configkey_find(name);
	char *normal;
	if (!option && get(c, name))
		return 0;
	if (configkey_check(key, option ? option : otherwise, &normal, e) < 0)
		return -1;
	put(c, key, normal);
	return 0;
}

static int check_option(const char *name, const char *value, struct err *e)
{
	AUTO_FREE char *normal = NULL;
	if (!value || configkey_check(configkey_find(name), value, &normal, e) == 0)
		return 0;
	/* the message begins with the key, which is the option's name too */
	AUTO_FREE char *msg = xstrdup(e->msg);
	return err_set(e, 0, "--%s", msg);
}

int imageconfig_check(const struct imageconfig_options *o, struct err *e)
{
	if (check_option("architecture", o->architecture, e) < 0 ||
	    check_option("os", o->os, e) < 0)
		return -1;
	return check_option("created", o->created, e);
}

int imageconfig_complete(struct imageconfig *c, const struct imageconfig_options *o, struct err *e)
{
	const char *host = NULL;
	if (!o->architecture && !get(c, "architecture") && machine_architecture(&host, e) < 0)
		return -1;
	if (complete(c, "created", o->created, IMAGECONFIG_CREATED, e) < 0 ||
	    complete(c, "os", o->os, "linux", e) < 0)
		return -1;
	return complete(c, "architecture", o->architecture, host, e);
}

/* --- writing --- */

static int by_name(const void *a, const void *b)
{
	const struct item *x = a, *y = b;
	return strcmp(x->name, y->name);
}

/* The items sorted by name; the caller frees the array, not the strings. */
static struct item *sorted(const struct items *l)
{
	struct item *copy = xcalloc(l->n, sizeof *copy);
	if (l->n)
		memcpy(copy, l->list, l->n * sizeof *copy);
	qsort(copy, l->n, sizeof *copy, by_name);
	return copy;
}

static void write_map(struct json *j, const struct items *l)
{
	AUTO_FREE struct item *items = sorted(l);
	json_open(j, '{');
	for (size_t i = 0; i < l->n; i++) {
		json_key(j, items[i].name);
		if (items[i].value)
			json_string(j, items[i].value, strlen(items[i].value));
		else
			json_raw(j, "{}");
	}
	json_close(j, '}');
}

static void write_list(struct json *j, const struct items *l)
{
	json_open(j, '[');
	for (size_t i = 0; i < l->n; i++)
		json_string(j, l->list[i].value, strlen(l->list[i].value));
	json_close(j, ']');
}

static void write_value(struct json *j, const struct configkey *key, const struct items *l)
{
	const char *value = l->list[0].value;
	switch (key->kind) {
	case CONFIGKEY_TEXT:
	case CONFIGKEY_TIME:
		json_string(j, value, strlen(value));
		break;
	case CONFIGKEY_NUMBER:
	case CONFIGKEY_BOOL:
		json_raw(j, value);
		break;
	case CONFIGKEY_LIST:
	case CONFIGKEY_ENV:
		write_list(j, l);
		break;
	case CONFIGKEY_SET:
	case CONFIGKEY_MAP:
		write_map(j, l);
		break;
	}
}

/* The keys of one place that have a value; an empty scalar is as good as none. */
static void write_keys(struct json *j, const struct imageconfig *c, enum configkey_place place)
{
	for (size_t i = 0; i < CONFIGKEY_COUNT; i++) {
		const struct configkey *key = &configkeys[i];
		const struct items *l = &c->values[i];
		bool scalar = key->kind == CONFIGKEY_TEXT || key->kind == CONFIGKEY_TIME;
		if (key->place != place || l->n == 0 || (scalar && !*l->list[0].value))
			continue;
		json_key(j, key->name);
		write_value(j, key, l);
	}
}

static void write_json_keys(struct json *j, const struct imageconfig *c)
{
	AUTO_FREE struct item *items = sorted(&c->json);
	for (size_t i = 0; i < c->json.n; i++) {
		json_key(j, items[i].name);
		json_raw(j, items[i].value);
	}
}

static void write_rootfs(struct json *j, const struct layerlist *layers)
{
	json_key(j, "rootfs");
	json_open(j, '{');
	json_member(j, "type", "layers");
	json_key(j, "diff_ids");
	json_open(j, '[');
	for (size_t i = 0; i < layers->n; i++)
		json_string(j, layers->layers[i].diffid, strlen(layers->layers[i].diffid));
	json_close(j, ']');
	json_close(j, '}');
}

static void write_history(struct json *j, const struct layerlist *layers, const char *created)
{
	json_key(j, "history");
	json_open(j, '[');
	for (size_t i = 0; i < layers->n; i++) {
		json_open(j, '{');
		if (created)
			json_member(j, "created", created);
		if (layers->layers[i].comment)
			json_member(j, "comment", layers->layers[i].comment);
		json_close(j, '}');
	}
	json_close(j, ']');
}

int imageconfig_write(const struct imageconfig *c, const struct layerlist *layers, struct buf *b,
		      struct err *e)
{
	struct json j = { 0 };
	json_open(&j, '{');
	write_keys(&j, c, CONFIGKEY_TOP);
	json_key(&j, "config");
	json_open(&j, '{');
	write_keys(&j, c, CONFIGKEY_CONFIG);
	write_json_keys(&j, c);
	json_close(&j, '}');
	write_rootfs(&j, layers);
	write_history(&j, layers, get(c, "created"));
	json_close(&j, '}');
	if (json_finish(&j, b, e) < 0)
		return -1;
	buf_addc(b, '\n');
	return 0;
}
