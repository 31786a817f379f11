/* SPDX-License-Identifier: MIT */
#include <string.h>

#include "base/jsonwrite.h"
#include "image/imageconfig.h"
#include "image/imageconfig_parts.h"

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

static void write_map(struct jsonwrite *j, const struct items *l)
{
	AUTO_FREE struct item *items = sorted(l);
	jsonwrite_open(j, '{');
	for (size_t i = 0; i < l->n; i++) {
		jsonwrite_key(j, items[i].name);
		if (items[i].value)
			jsonwrite_string(j, items[i].value, strlen(items[i].value));
		else
			jsonwrite_raw(j, "{}");
	}
	jsonwrite_close(j, '}');
}

static void write_list(struct jsonwrite *j, const struct items *l)
{
	jsonwrite_open(j, '[');
	for (size_t i = 0; i < l->n; i++)
		jsonwrite_string(j, l->list[i].value, strlen(l->list[i].value));
	jsonwrite_close(j, ']');
}

static void write_value(struct jsonwrite *j, const struct configkey *key, const struct items *l)
{
	const char *value = l->list[0].value;
	switch (key->kind) {
	case CONFIGKEY_TEXT:
	case CONFIGKEY_TIME:
		jsonwrite_string(j, value, strlen(value));
		break;
	case CONFIGKEY_NUMBER:
	case CONFIGKEY_BOOL:
		jsonwrite_raw(j, value);
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
static void write_keys(struct jsonwrite *j, const struct imageconfig *c, enum configkey_place place)
{
	for (size_t i = 0; i < CONFIGKEY_COUNT; i++) {
		const struct configkey *key = &configkeys[i];
		const struct items *l = &c->values[i];
		bool scalar = key->kind == CONFIGKEY_TEXT || key->kind == CONFIGKEY_TIME;
		if (key->place != place || l->n == 0 || (scalar && !*l->list[0].value))
			continue;
		jsonwrite_key(j, key->name);
		write_value(j, key, l);
	}
}

static void write_json_keys(struct jsonwrite *j, const struct imageconfig *c)
{
	AUTO_FREE struct item *items = sorted(&c->json);
	for (size_t i = 0; i < c->json.n; i++) {
		if (!items[i].value)
			continue;
		jsonwrite_key(j, items[i].name);
		jsonwrite_raw(j, items[i].value);
	}
}

static void write_rootfs(struct jsonwrite *j, const struct layerlist *layers)
{
	jsonwrite_key(j, "rootfs");
	jsonwrite_open(j, '{');
	jsonwrite_member(j, "type", "layers");
	jsonwrite_key(j, "diff_ids");
	jsonwrite_open(j, '[');
	for (size_t i = 0; i < layers->n; i++)
		jsonwrite_string(j, layers->layers[i].diffid, strlen(layers->layers[i].diffid));
	jsonwrite_close(j, ']');
	jsonwrite_close(j, '}');
}

/* How many layers the history describes: its entries but those of no layer. */
static size_t described(const struct items *history)
{
	size_t n = 0;
	for (size_t i = 0; i < history->n; i++)
		n += !history->list[i].empty;
	return n;
}

static void write_history(struct jsonwrite *j, const struct items *history,
			  const struct layerlist *layers, const char *created)
{
	jsonwrite_key(j, "history");
	jsonwrite_open(j, '[');
	for (size_t i = 0; i < history->n; i++)
		jsonwrite_raw(j, history->list[i].value);
	for (size_t i = described(history); i < layers->n; i++) {
		jsonwrite_open(j, '{');
		if (created)
			jsonwrite_member(j, "created", created);
		if (layers->layers[i].comment)
			jsonwrite_member(j, "comment", layers->layers[i].comment);
		jsonwrite_close(j, '}');
	}
	jsonwrite_close(j, ']');
}

int imageconfig_write(const struct imageconfig *c, const struct layerlist *layers, struct buf *b,
		      struct err *e)
{
	const struct items *history = imageconfig_items(c, "history");
	struct jsonwrite j = { 0 };
	if (described(history) > layers->n)
		return err_set(e, 0, "history describes %zu layers, but the image has %zu",
			       described(history), layers->n);
	jsonwrite_open(&j, '{');
	write_keys(&j, c, CONFIGKEY_TOP);
	jsonwrite_key(&j, "config");
	jsonwrite_open(&j, '{');
	write_keys(&j, c, CONFIGKEY_CONFIG);
	write_json_keys(&j, c);
	jsonwrite_close(&j, '}');
	write_rootfs(&j, layers);
	write_history(&j, history, layers, imageconfig_get(c, "created"));
	jsonwrite_close(&j, '}');
	if (jsonwrite_finish(&j, b, e) < 0)
		return -1;
	buf_addc(b, '\n');
	return 0;
}
