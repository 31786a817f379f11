/* SPDX-License-Identifier: MIT */
#include "image/imageconfig.h"

#include <string.h>

#include "base/machine.h"
#include "image/imageconfig_parts.h"

struct imageconfig *imageconfig_new(void)
{
	return xcalloc(1, sizeof(struct imageconfig));
}

static void item_free(struct item *item)
{
	free(item->name);
	free(item->value);
}

void imageconfig_reset(struct items *l)
{
	for (size_t i = 0; i < l->n; i++)
		item_free(&l->list[i]);
	l->n = 0;
	intern_free(&l->names);
}

void imageconfig_free(struct imageconfig *c)
{
	if (!c)
		return;
	for (size_t i = 0; i < CONFIGKEY_COUNT; i++) {
		imageconfig_reset(&c->values[i]);
		free(c->values[i].list);
	}
	imageconfig_reset(&c->json);
	free(c->json.list);
	free(c);
}

void imageconfig_cleanup(struct imageconfig **c)
{
	imageconfig_free(*c);
}

void imageconfig_append(struct items *l, struct item item)
{
	l->list = mem_grow(l->list, &l->cap, l->n + 1, sizeof *l->list);
	l->list[l->n++] = item;
}

void imageconfig_put_named(struct items *l, char *name, char *value)
{
	uint32_t at = intern_add(&l->names, name, strlen(name));
	if (at == l->n) {
		imageconfig_append(l, (struct item){ .name = name, .value = value });
		return;
	}
	item_free(&l->list[at]);
	l->list[at] = (struct item){ .name = name, .value = value };
}

void imageconfig_put(struct imageconfig *c, const struct configkey *key, char *value)
{
	struct items *l = &c->values[key - configkeys];
	switch (key->kind) {
	case CONFIGKEY_LIST:
		imageconfig_append(l, (struct item){ .value = value });
		break;
	case CONFIGKEY_ENV:
		imageconfig_put_named(l, xstrndup(value, strcspn(value, "=")), value);
		break;
	case CONFIGKEY_SET:
		imageconfig_put_named(l, value, NULL);
		break;
	case CONFIGKEY_TEXT:
	case CONFIGKEY_TIME:
	case CONFIGKEY_NUMBER:
	case CONFIGKEY_BOOL:
	case CONFIGKEY_MAP:
		imageconfig_reset(l);
		imageconfig_append(l, (struct item){ .value = value });
		break;
	}
}

void imageconfig_unset(struct items *l, const char *name)
{
	uint32_t at = intern_find(&l->names, name, strlen(name));
	if (at == INTERN_NONE)
		return;
	free(l->list[at].value);
	l->list[at].value = NULL;
}

/* --- defaults --- */

/* Sets a scalar from an option, else from its default where it has no value yet. */
static int complete(struct imageconfig *c, const char *name, const char *option,
		    const char *otherwise, struct err *e)
{
	const struct configkey *key = configkey_find(name);
	char *normal;
	if (!option && imageconfig_get(c, name))
		return 0;
	if (configkey_check(key, option ? option : otherwise, &normal, e) < 0)
		return -1;
	imageconfig_put(c, key, normal);
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

/* What options say of the platform; strings owned. */
struct platform {
	char *architecture, *os, *variant;
};

static void platform_free(struct platform *p)
{
	free(p->architecture);
	free(p->os);
	free(p->variant);
}
#define AUTO_PLATFORM __attribute__((cleanup(platform_free)))

static bool is_variant(const char *s)
{
	return *s == 'v' && s[1] >= '0' && s[1] <= '9';
}

/* Takes [OS/]ARCH[/VARIANT] apart: of two parts the second is a variant if it looks like one. */
static int split_platform(const char *text, struct platform *p, struct err *e)
{
	const char *first = strchr(text, '/'), *last = strrchr(text, '/');
	bool variant = first && (first != last || is_variant(last + 1));
	bool os = first && (first != last || !variant);
	const char *arch = os ? first + 1 : text;
	if (strchr(arch, '/') && !variant)
		return err_set(e, 0, "expected [OS/]ARCH[/VARIANT], found '%s'", text);
	p->os = os ? xstrndup(text, (size_t)(first - text)) : NULL;
	p->architecture = xstrndup(arch, variant ? (size_t)(last - arch) : strlen(arch));
	p->variant = variant ? xstrdup(last + 1) : NULL;
	return 0;
}

/* What an option of its own says, which must not be something else than what there is. */
static int join(char **there, const char *name, const char *option, struct err *e)
{
	if (option && *there && strcmp(option, *there) != 0)
		return err_set(e, 0, "--%s: '%s' contradicts the '%s' of --architecture", name,
			       option, *there);
	if (option && !*there)
		*there = xstrdup(option);
	return 0;
}

static int read_platform(const struct imageconfig_options *o, struct platform *p, struct err *e)
{
	if (o->architecture && split_platform(o->architecture, p, e) < 0)
		return err_wrap(e, "--architecture");
	if (join(&p->os, "os", o->os, e) < 0)
		return -1;
	return join(&p->variant, "variant", o->variant, e);
}

/* A word of any kind may be one, but not what others than Go call a machine, or Nix a system. */
static int check_machine(const char *value, struct err *e)
{
	const char *system = value ? strstr(value, "-linux") : NULL;
	AUTO_FREE char *machine =
		value ? xstrndup(value, system ? (size_t)(system - value) : strlen(value)) : NULL;
	const char *platform = machine ? machine_platform(machine) : NULL;
	if (platform && strcmp(platform, value) != 0)
		return err_set(e, 0, "expected '%s', as Go names it, found '%s'", platform, value);
	const char *near = value ? machine_near(value) : NULL;
	if (near)
		return err_set(e, 0, "Go has no machine '%s': did you mean %s?", value, near);
	return 0;
}

static int check_architecture(const char *value, struct err *e)
{
	if (check_machine(value, e) < 0)
		return err_wrap(e, "--architecture");
	return check_option("architecture", value, e);
}

int imageconfig_read_platform(const char *text, char **platform, struct err *e)
{
	AUTO_PLATFORM struct platform p = { 0 };
	if (split_platform(text, &p, e) < 0 || check_machine(p.architecture, e) < 0)
		return -1;
	if (!*p.architecture || strchr(p.architecture, '/'))
		return err_set(e, 0, "expected [OS/]ARCH[/VARIANT], found '%s'", text);
	*platform = xasprintf("%s/%s%s%s", p.os ? p.os : "linux", p.architecture,
			      p.variant ? "/" : "", p.variant ? p.variant : "");
	return 0;
}

int imageconfig_check(const struct imageconfig_options *o, struct err *e)
{
	AUTO_PLATFORM struct platform p = { 0 };
	if (read_platform(o, &p, e) < 0 || check_architecture(p.architecture, e) < 0 ||
	    check_option("os", p.os, e) < 0 || check_option("variant", p.variant, e) < 0)
		return -1;
	return check_option("created", o->created, e);
}

/* Another machine has other variants. */
static void drop_variant(struct imageconfig *c, const char *architecture)
{
	const char *lines = imageconfig_get(c, "architecture");
	if (architecture && lines && strcmp(architecture, lines) != 0)
		imageconfig_reset(&c->values[configkey_find("variant") - configkeys]);
}

int imageconfig_complete(struct imageconfig *c, const struct imageconfig_options *o, struct err *e)
{
	AUTO_PLATFORM struct platform p = { 0 };
	AUTO_FREE char *host = NULL;
	if (read_platform(o, &p, e) < 0)
		return -1;
	if (!p.architecture && !imageconfig_get(c, "architecture") &&
	    machine_architecture(&host, e) < 0)
		return -1;
	drop_variant(c, p.architecture);
	if (complete(c, "created", o->created, IMAGECONFIG_CREATED, e) < 0 ||
	    complete(c, "os", p.os, "linux", e) < 0 ||
	    complete(c, "architecture", p.architecture, host, e) < 0)
		return -1;
	return p.variant ? complete(c, "variant", p.variant, NULL, e) : 0;
}

struct imageconfig_platform imageconfig_platform(const struct imageconfig *c)
{
	return (struct imageconfig_platform){ imageconfig_get(c, "architecture"),
					      imageconfig_get(c, "os"),
					      imageconfig_get(c, "variant") };
}
