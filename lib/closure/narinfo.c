/* SPDX-License-Identifier: MIT */
#include "closure/narinfo.h"

#include <inttypes.h>
#include <string.h>

#include "base/num.h"
#include "closure/nixhash.h"
#include "closure/storepath.h"

/* One record; kept from record to record for its memory. */
struct entry {
	struct buf path;    /* empty: none has begun */
	struct buf deriver; /* whole path; empty: not known */
	struct buf refs;    /* whole paths, each NUL-terminated */
	struct buf pointers;
	size_t nrefs;
	uint64_t line; /* where it begins */
	uint64_t nar_size;
	char nar_hash[NIXHASH_SRI_LEN + 1];
	bool has_hash, has_size, has_refs;
};

static void entry_cleanup(struct entry *entry)
{
	buf_free(&entry->path);
	buf_free(&entry->deriver);
	buf_free(&entry->refs);
	buf_free(&entry->pointers);
}
#define AUTO_ENTRY __attribute__((cleanup(entry_cleanup)))

static int begin(struct entry *entry, const struct record_reader *r, const char *path,
		 struct err *e)
{
	buf_clear(&entry->path);
	buf_adds(&entry->path, path);
	buf_clear(&entry->deriver);
	buf_clear(&entry->refs);
	entry->nrefs = 0;
	entry->line = r->line;
	entry->has_hash = entry->has_size = entry->has_refs = false;
	return storepath_check(path, NULL, e);
}

/* Names, separated by spaces; they lie where the path itself does. */
static void set_refs(struct entry *entry, const char *names)
{
	size_t dir = (size_t)(storepath_hash(entry->path.s) - entry->path.s);
	for (const char *s = names + strspn(names, " "); *s; s += strspn(s, " ")) {
		size_t len = strcspn(s, " ");
		buf_add(&entry->refs, entry->path.s, dir);
		buf_add(&entry->refs, s, len);
		buf_addc(&entry->refs, '\0');
		entry->nrefs++;
		s += len;
	}
}

/* A name, which lies where the path itself does. Old caches have other words for an unknown one. */
static void set_deriver(struct entry *entry, const char *name)
{
	struct err e = { 0 };
	size_t dir = (size_t)(storepath_hash(entry->path.s) - entry->path.s);
	buf_clear(&entry->deriver);
	buf_add(&entry->deriver, entry->path.s, dir);
	buf_adds(&entry->deriver, name);
	if (storepath_check(entry->deriver.s, NULL, &e) < 0)
		buf_clear(&entry->deriver);
	err_clear(&e);
}

static int once(bool *seen, struct err *e)
{
	if (*seen)
		return err_set(e, 0, "given twice in one record");
	*seen = true;
	return 0;
}

/* Takes the value of a key that matters; other keys are skipped. */
static int set(struct entry *entry, const struct record_reader *r, const char *key,
	       const char *value, struct err *e)
{
	size_t len = strlen(value);
	if (strcmp(key, "StorePath") == 0)
		return begin(entry, r, value, e);
	if (strcmp(key, "NarHash") == 0)
		return once(&entry->has_hash, e) < 0 ? -1
						     : nixhash_sri(value, len, entry->nar_hash, e);
	if (strcmp(key, "NarSize") == 0)
		return once(&entry->has_size, e) < 0
			       ? -1
			       : num_parse(value, len, 10, 0, UINT64_MAX, &entry->nar_size, e);
	if (strcmp(key, "Deriver") == 0)
		set_deriver(entry, value);
	if (strcmp(key, "References") == 0) {
		if (once(&entry->has_refs, e) < 0)
			return -1;
		set_refs(entry, value);
	}
	return 0;
}

/*
 * Splits "Key: value": the line becomes the key, the value is returned; NULL
 * where it is no such line. An empty value may have lost the space before it.
 */
static const char *split(char *line)
{
	char *colon = strchr(line, ':');
	if (!colon || colon == line || (colon[1] && colon[1] != ' '))
		return NULL;
	*colon = '\0';
	return colon[1] ? colon + 2 : colon + 1;
}

static int read_line(struct entry *entry, const struct record_reader *r, char *line, struct err *e)
{
	const char *value = split(line);
	if (!value)
		return record_err(r, e, "expected 'Key: value', found '%s'", line);
	if (entry->path.len == 0 && strcmp(line, "StorePath") != 0)
		return record_err(r, e, "expected a record to begin with 'StorePath: ', found '%s'",
				  line);
	if (set(entry, r, line, value, e) < 0) {
		err_wrap(e, "%s", line);
		return record_wrap(r, e);
	}
	return 0;
}

static const char *missing_key(const struct entry *entry)
{
	return !entry->has_hash ? "NarHash" : !entry->has_size ? "NarSize" : "References";
}

/* Hands over the record that ends here, if one has begun. */
static int finish(struct graph_builder *b, const struct record_reader *r, struct entry *entry,
		  struct err *e)
{
	if (entry->path.len == 0)
		return 0;
	if (!entry->has_hash || !entry->has_size || !entry->has_refs)
		return err_set(e, 0, "%s:%" PRIu64 ": the record of '%s' has no %s", r->name,
			       entry->line, entry->path.s, missing_key(entry));
	static const char *const none[1];
	buf_clear(&entry->pointers);
	const char *s = entry->refs.s;
	for (size_t i = 0; i < entry->nrefs; i++, s += strlen(s) + 1)
		buf_add(&entry->pointers, &s, sizeof s);
	const void *refs = entry->nrefs ? (const void *)entry->pointers.s : (const void *)none;
	graph_origin(b, r->name, entry->line);
	int result = graph_add(b, entry->path.s, entry->nar_hash, true, entry->nar_size, refs,
			       entry->nrefs, e);
	if (result == 0 && entry->deriver.len)
		result = graph_deriver(b, entry->path.s, entry->deriver.s, e);
	buf_clear(&entry->path);
	return result;
}

int narinfo_read(struct graph_builder *b, struct record_reader *r, struct err *e)
{
	AUTO_ENTRY struct entry entry = { 0 };
	struct record_field line;
	for (;;) {
		if (record_next(r, &line, e) < 0)
			return -1;
		bool ends = !line.s || line.len == 0 || strncmp(line.s, "StorePath:", 10) == 0;
		if (ends && finish(b, r, &entry, e) < 0)
			return -1;
		if (!line.s)
			return 0;
		if (line.len && read_line(&entry, r, line.s, e) < 0)
			return -1;
	}
}
