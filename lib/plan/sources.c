/* SPDX-License-Identifier: MIT */
#include "plan/sources.h"

#include <string.h>

#include "base/intern.h"
#include "closure/storepath.h"

/*
 * Measured on 16 closures of a distribution, whose sources are known: of the
 * pairs of paths that these numbers put together 97 % are right, and 97 % are
 * found.
 */
enum { STEM = 4, SHORT_VERSION = 3, LONG_VERSION = 10 };

/* --- what a name says --- */

static bool is_digit(char c)
{
	return c >= '0' && c <= '9';
}

/* A part of a name between two dashes. */
struct part {
	const char *s;
	size_t len;
};

static struct part next_part(const char *s)
{
	return (struct part){ s, strcspn(s, "-") };
}

static size_t count_dots(const struct part *p)
{
	size_t n = 0;
	for (size_t i = 0; i < p->len && p->s[i] != '+'; i++)
		n += p->s[i] == '.';
	return n;
}

/*
 * Finds the last parts in a row that begin with a digit. The version begins
 * at the one with the most dots, as in "3-1.20.1-2"; where none has a dot, at
 * the first.
 */
static struct part find_version(const char *name)
{
	struct part version = { 0 };
	size_t dots = 0;
	bool in_row = false;
	for (const char *s = name + strcspn(name, "-"); *s;) {
		struct part p = next_part(s + 1);
		if (is_digit(*p.s)) {
			size_t more = count_dots(&p);
			if (!in_row || more > dots) {
				version.s = p.s;
				dots = more;
			}
			version.len = (size_t)(p.s + p.len - version.s);
		}
		in_row = is_digit(*p.s);
		s = p.s + p.len;
	}
	return version;
}

/* The name without what says only in which language it is written, such as "python3.12-". */
static const char *skip_language(const char *name)
{
	static const char *const languages[] = { "lua", "ocaml", "perl", "php", "python", "ruby" };
	for (size_t i = 0; i < sizeof languages / sizeof *languages; i++) {
		size_t len = strlen(languages[i]);
		if (strncmp(name, languages[i], len) != 0)
			continue;
		len += strspn(name + len, "0123456789.");
		return name[len] == '-' ? name + len + 1 : name;
	}
	return name;
}

struct sources_name sources_parse(const char *name)
{
	struct part version = find_version(name);
	struct sources_name parsed = { .stem = skip_language(name), .name_len = strlen(name) };
	if (version.s) {
		parsed.version = version.s;
		parsed.version_len = version.len;
		parsed.name_len = (size_t)(version.s - name) - 1;
		const char *plus = memchr(version.s, '+', version.len);
		parsed.release_len = plus ? (size_t)(plus - version.s) : version.len;
	}
	if (parsed.stem >= name + parsed.name_len)
		parsed.stem = name;
	if (strncmp(parsed.stem, "lib", 3) == 0 && parsed.stem + 3 < name + parsed.name_len)
		parsed.stem += 3;
	parsed.stem_len = parsed.name_len - (size_t)(parsed.stem - name);
	return parsed;
}

/* --- paths with something in common --- */

struct finder {
	uint32_t *parent; /* of each path: another one of its source, itself at the end */
	struct intern keys;
	uint32_t *first; /* by number of the key: the path that had it first */
	size_t cap;
};

static uint32_t find_root(struct finder *f, uint32_t path)
{
	while (f->parent[path] != path)
		path = f->parent[path] = f->parent[f->parent[path]];
	return path;
}

/* Puts the path together with the others that have this key. */
static void add_key(struct finder *f, uint32_t path, const struct buf *key)
{
	uint32_t number = f->keys.n;
	uint32_t found = intern_add(&f->keys, key->s, key->len);
	if (found == number) {
		f->first = mem_grow(f->first, &f->cap, (size_t)number + 1, sizeof *f->first);
		f->first[number] = path;
		return;
	}
	f->parent[find_root(f, path)] = find_root(f, f->first[found]);
}

/* A path whose deriver is known goes by that alone. */
static void add_deriver(struct finder *f, uint32_t path, const char *deriver)
{
	AUTO_BUF struct buf key = { 0 };
	buf_addf(&key, "deriver\t%s", deriver);
	add_key(f, path, &key);
}

static void add_keys(struct finder *f, uint32_t path, const char *name)
{
	AUTO_BUF struct buf key = { 0 };
	struct sources_name n = sources_parse(name);
	if (!n.version)
		return;
	/* outputs of one derivation */
	buf_addf(&key, "name\t%.*s\t%.*s", (int)n.name_len, name, (int)n.release_len, n.version);
	add_key(f, path, &key);
	buf_clear(&key);
	if (n.release_len >= SHORT_VERSION) {
		buf_addf(&key, "stem\t%.*s\t%.*s", n.stem_len < STEM ? (int)n.stem_len : STEM,
			 n.stem, (int)n.release_len, n.version);
		add_key(f, path, &key);
		buf_clear(&key);
	}
	if (n.version_len >= LONG_VERSION) {
		buf_addf(&key, "version\t%.*s", (int)n.version_len, n.version);
		add_key(f, path, &key);
	}
}

/* Numbers the sources as they come. */
static struct sources number_sources(struct finder *f, uint32_t n)
{
	struct sources s = { .of = xcalloc(n, sizeof *s.of) };
	AUTO_FREE uint32_t *numbers = xcalloc(n, sizeof *numbers); /* from 1 */
	for (uint32_t i = 0; i < n; i++) {
		uint32_t root = find_root(f, i);
		if (!numbers[root])
			numbers[root] = ++s.n;
		s.of[i] = numbers[root] - 1;
	}
	return s;
}

struct sources sources_find(const struct graph *g)
{
	struct finder f = { .parent = xcalloc(g->n, sizeof *f.parent) };
	for (uint32_t i = 0; i < g->n; i++)
		f.parent[i] = i;
	for (uint32_t i = 0; i < g->n; i++) {
		if (g->paths[i].deriver)
			add_deriver(&f, i, g->paths[i].deriver);
		else
			add_keys(&f, i, storepath_name(g->paths[i].path));
	}
	struct sources s = number_sources(&f, g->n);
	free(f.parent);
	free(f.first);
	intern_free(&f.keys);
	return s;
}

void sources_free(struct sources *s)
{
	free(s->of);
	*s = (struct sources){ 0 };
}
