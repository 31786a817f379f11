/* SPDX-License-Identifier: MIT */
#include "image/image_config.h"

#include <string.h>

#include "base/esc.h"
#include "image/configkey.h"
#include "image/image_json.h"

/* --- lines --- */

/* s NULL: absent */
static void add_field(struct buf *b, const char *s)
{
	buf_addc(b, '\t');
	if (s)
		esc_field(b, s, strlen(s));
	else
		buf_addc(b, '-');
}

static void add_line(struct buf *b, const char *key, const char *first, const char *second)
{
	buf_adds(b, key);
	add_field(b, first);
	if (second)
		add_field(b, second);
	buf_addc(b, '\n');
}

/* A line of a key and a string. */
static int add_text(struct buf *b, const char *key, json_t *v, struct err *e)
{
	const char *s = NULL;
	if (image_json_string(v, key, &s, e) < 0)
		return -1;
	add_line(b, key, s, NULL);
	return 0;
}

/* A number or a boolean, as it is in JSON. */
static int add_plain(struct buf *b, const char *key, json_t *v, bool right, const char *expected,
		     struct err *e)
{
	AUTO_BUF struct buf text = { 0 };
	if (!right)
		return image_json_wrong(v, key, expected, e);
	image_json_add(&text, v);
	add_line(b, key, text.s, NULL);
	return 0;
}

/* Docker takes one string for a list of one. */
static int add_list(struct buf *b, const char *key, json_t *v, struct err *e)
{
	size_t k;
	json_t *item;
	if (json_is_string(v))
		return add_text(b, key, v, e);
	if (image_json_list(v, key, e) < 0)
		return -1;
	json_array_foreach (v, k, item)
		if (add_text(b, key, item, e) < 0)
			return -1;
	return 0;
}

static int read_value(const char *key, const char *name, json_t *v, const char **s, struct err *e)
{
	AUTO_BUF struct buf what = { 0 };
	AUTO_JSON json_t *shown = json_string(name);
	buf_addf(&what, "%s ", key);
	image_json_show(&what, shown);
	return image_json_string(v, what.s, s, e);
}

/* The names of an object; with a value: their strings as well. */
static int add_map(struct buf *b, const char *key, json_t *v, bool with_value, struct err *e)
{
	const char *name, *s = NULL;
	json_t *value;
	if (image_json_object(v, key, e) < 0)
		return -1;
	json_object_foreach (v, name, value) {
		if (with_value && read_value(key, name, value, &s, e) < 0)
			return -1;
		add_line(b, key, name, s);
	}
	return 0;
}

static int add_key(struct buf *b, const struct configkey *key, json_t *v, struct err *e)
{
	switch (key->kind) {
	case CONFIGKEY_NUMBER:
		return add_plain(b, key->name, v, json_is_number(v), "a number", e);
	case CONFIGKEY_BOOL:
		return add_plain(b, key->name, v, json_is_boolean(v), "true or false", e);
	case CONFIGKEY_LIST:
	case CONFIGKEY_ENV:
		return add_list(b, key->name, v, e);
	case CONFIGKEY_SET:
		return add_map(b, key->name, v, false, e);
	case CONFIGKEY_MAP:
		return add_map(b, key->name, v, true, e);
	case CONFIGKEY_TEXT:
	case CONFIGKEY_TIME:
		break;
	}
	return add_text(b, key->name, v, e);
}

/* Go, and so every client, reads keys in any mixture of capitals. */
static const struct configkey *find_key(const char *name, enum configkey_place place)
{
	const struct configkey *key = configkey_like(name);
	return key && key->place == place ? key : NULL;
}

/* --- the platform, keys at the top, and those of the config object --- */

static void take_platform(struct image *i, const char *key, json_t *v)
{
	static const char *const keys[] = { "os", "architecture", "variant" };
	char **to[] = { &i->os, &i->architecture, &i->variant };
	for (size_t k = 0; k < 3; k++)
		if (strcmp(key, keys[k]) == 0 && !*to[k])
			*to[k] = xstrdup(image_json_text(v));
}

static int add_tops(struct image *i, json_t *doc, struct err *e)
{
	const char *name;
	json_t *v;
	json_object_foreach (doc, name, v) {
		const struct configkey *key = find_key(name, CONFIGKEY_TOP);
		if (!key || image_json_is_empty(v))
			continue;
		if (add_key(&i->config, key, v, e) < 0)
			return -1;
		take_platform(i, key->name, v);
	}
	return 0;
}

static int add_config(struct buf *b, json_t *config, struct err *e)
{
	const char *name;
	json_t *v;
	json_object_foreach (config, name, v) {
		const struct configkey *key = find_key(name, CONFIGKEY_CONFIG);
		AUTO_BUF struct buf text = { 0 };
		if (key && !image_json_is_empty(v) && add_key(b, key, v, e) < 0)
			return -1;
		if (key || !image_json_is_there(v) || !configkey_is_name(name))
			continue;
		buf_adds(&text, "");
		image_json_add(&text, v);
		add_line(b, "json", name, text.s);
	}
	return 0;
}

/* --- history --- */

static bool makes_layer(json_t *entry)
{
	return !json_is_true(json_object_get(entry, "empty_layer"));
}

/* *fits: the entries tell of that many layers */
static int check_history(json_t *history, size_t nlayers, bool *fits, struct err *e)
{
	size_t k, n = 0;
	json_t *entry;
	if (image_json_list(history, "history", e) < 0)
		return -1;
	json_array_foreach (history, k, entry) {
		if (image_json_object(entry, "history", e) < 0)
			return -1;
		n += makes_layer(entry);
	}
	*fits = n == nlayers;
	return 0;
}

/* NULL where it says nothing */
static int history_text(json_t *entry, const char *key, const char **s, struct err *e)
{
	json_t *v = json_object_get(entry, key);
	AUTO_FREE char *what = xasprintf("history: %s", key);
	*s = NULL;
	return image_json_is_empty(v) ? 0 : image_json_string(v, what, s, e);
}

static int copy_text(json_t *entry, const char *key, char **to, struct err *e)
{
	const char *s;
	if (history_text(entry, key, &s, e) < 0)
		return -1;
	*to = s ? xstrdup(s) : NULL;
	return 0;
}

static int name_layers(struct image *i, json_t *history, struct err *e)
{
	size_t k, n = 0;
	json_t *entry;
	json_array_foreach (history, k, entry) {
		if (!makes_layer(entry) || n == i->nlayers)
			continue;
		struct image_layer *layer = &i->layers[n++];
		if (copy_text(entry, "comment", &layer->comment, e) < 0 ||
		    copy_text(entry, "created_by", &layer->created_by, e) < 0)
			return -1;
	}
	return 0;
}

static int add_history(struct buf *b, json_t *history, struct err *e)
{
	static const char *const keys[] = { "created", "author", "created_by", "comment" };
	size_t n;
	json_t *entry;
	json_array_foreach (history, n, entry) {
		buf_adds(b, "history");
		for (size_t k = 0; k < sizeof keys / sizeof *keys; k++) {
			const char *s;
			if (history_text(entry, keys[k], &s, e) < 0)
				return -1;
			add_field(b, s);
		}
		add_field(b, makes_layer(entry) ? NULL : "true");
		buf_addc(b, '\n');
	}
	return 0;
}

/* --- the whole --- */

static int read_diffids(json_t *list, struct image *i, size_t *n, struct err *e)
{
	size_t k;
	json_t *v;
	if (image_json_list(list, "diff_ids", e) < 0)
		return -1;
	json_array_foreach (list, k, v) {
		const char *s = NULL;
		if (image_json_digest(v, "diff_ids", &s, e) < 0)
			return -1;
		if (k < i->nlayers)
			i->layers[k].diffid = xstrdup(s);
	}
	*n = json_array_size(list);
	return 0;
}

int image_config_read(json_t *doc, struct image *i, size_t *ndiffids, struct err *e)
{
	json_t *rootfs = json_object_get(doc, "rootfs"), *history;
	json_t *config = json_object_get(doc, "config");
	bool fits = false;
	if (image_json_object(doc, "configuration", e) < 0 ||
	    image_json_object(rootfs, "rootfs", e) < 0 ||
	    read_diffids(json_object_get(rootfs, "diff_ids"), i, ndiffids, e) < 0)
		return -1;
	history = json_object_get(doc, "history");
	if (check_history(history, *ndiffids, &fits, e) < 0)
		return -1;
	history = fits ? history : NULL;
	if (name_layers(i, history, e) < 0 || add_tops(i, doc, e) < 0)
		return -1;
	if (image_json_is_there(config) && image_json_object(config, "config", e) < 0)
		return -1;
	return add_config(&i->config, config, e) < 0 ? -1 : add_history(&i->config, history, e);
}
