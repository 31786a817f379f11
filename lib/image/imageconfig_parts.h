/* SPDX-License-Identifier: MIT */
#ifndef LAYERPIPE_IMAGECONFIG_PARTS_H
#define LAYERPIPE_IMAGECONFIG_PARTS_H

/* How a configuration looks to its own parts. */

#include <stdbool.h>
#include <stddef.h>

#include "base/intern.h"
#include "image/configkey.h"

struct item {
	char *name;  /* of a map's element or an environment variable, or a JSON key; else NULL */
	char *value; /* NULL for the elements of a set; JSON for an entry of the history */
	bool empty;  /* the entry describes no layer */
};

struct items {
	struct item *list;
	size_t n, cap;
	struct intern names; /* of items with names: a name's number is its place in the list */
};

struct imageconfig {
	struct items values[CONFIGKEY_COUNT]; /* in the order of configkeys */
	struct items json;                    /* keys without lines of their own */
};

static inline const struct items *imageconfig_items(const struct imageconfig *c, const char *name)
{
	return &c->values[configkey_find(name) - configkeys];
}

/* The scalar's value; NULL where it is not set. */
static inline const char *imageconfig_get(const struct imageconfig *c, const char *name)
{
	const struct items *l = imageconfig_items(c, name);
	return l->n && *l->list[0].value ? l->list[0].value : NULL;
}

/* The functions below take the strings. */

/* An element of the same name is replaced where it stands. */
void imageconfig_put_named(struct items *l, char *name, char *value);

/* The checked value of a key that is no map. */
void imageconfig_put(struct imageconfig *c, const struct configkey *key, char *value);

void imageconfig_append(struct items *l, struct item item);

void imageconfig_reset(struct items *l);
/* Takes the value of the one of that name, where there is one. */
void imageconfig_unset(struct items *l, const char *name);

#endif
