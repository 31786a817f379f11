/* SPDX-License-Identifier: MIT */
#include "closure/narinfo.h"

#include <inttypes.h>
#include <string.h>

#include "base/num.h"
#include "closure/nixhash.h"
#include "closure/storepath.h"

/* One record; kept from record to record for its memory. */
struct record {
	struct buf path; /* empty: none has begun */
	struct buf refs; /* whole paths, each NUL-terminated */
	struct buf pointers;
	size_t nrefs;
	uint64_t line; /* where it begins */
	uint64_t nar_size;
	char nar_hash[NIXHASH_SRI_LEN + 1];
	bool has_hash, has_size, has_refs;
};

static void record_cleanup(struct record *rec)
{
	buf_free(&rec->path);
	buf_free(&rec->refs);
	buf_free(&rec->pointers);
}
#define AUTO_RECORD __attribute__((cleanup(record_cleanup)))

static int begin(struct record *rec, const struct rec_reader *r, const char *path, struct err *e)
{
	buf_clear(&rec->path);
	buf_adds(&rec->path, path);
	buf_clear(&rec->refs);
	rec->nrefs = 0;
	rec->line = r->line;
	rec->has_hash = rec->has_size = rec->has_refs = false;
	return storepath_check(path, NULL, e);
}

/* Names, separated by spaces; they lie where the path itself does. */
static void set_refs(struct record *rec, const char *names)
{
	size_t dir = (size_t)(storepath_hash(rec->path.s) - rec->path.s);
	for (const char *s = names + strspn(names, " "); *s; s += strspn(s, " ")) {
		size_t len = strcspn(s, " ");
		buf_add(&rec->refs, rec->path.s, dir);
		buf_add(&rec->refs, s, len);
		buf_addc(&rec->refs, '\0');
		rec->nrefs++;
		s += len;
	}
}

static int once(bool *seen, struct err *e)
{
	if (*seen)
		return err_set(e, 0, "it stands twice in one record");
	*seen = true;
	return 0;
}

/* Takes the value of a key that matters; other keys are skipped. */
static int set(struct record *rec, const struct rec_reader *r, const char *key, const char *value,
	       struct err *e)
{
	size_t len = strlen(value);
	if (strcmp(key, "StorePath") == 0)
		return begin(rec, r, value, e);
	if (strcmp(key, "NarHash") == 0)
		return once(&rec->has_hash, e) < 0 ? -1 : nixhash_sri(value, len, rec->nar_hash, e);
	if (strcmp(key, "NarSize") == 0)
		return once(&rec->has_size, e) < 0
			       ? -1
			       : num_parse(value, len, 10, 0, UINT64_MAX, &rec->nar_size, e);
	if (strcmp(key, "References") == 0) {
		if (once(&rec->has_refs, e) < 0)
			return -1;
		set_refs(rec, value);
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

static int read_line(struct record *rec, const struct rec_reader *r, char *line, struct err *e)
{
	const char *value = split(line);
	if (!value)
		return rec_err(r, e, "expected 'Key: value', found '%s'", line);
	if (rec->path.len == 0 && strcmp(line, "StorePath") != 0)
		return rec_err(r, e, "expected a record to begin with 'StorePath: ', found '%s'",
			       line);
	if (set(rec, r, line, value, e) < 0) {
		err_wrap(e, "%s", line);
		return rec_wrap(r, e);
	}
	return 0;
}

static const char *missing_key(const struct record *rec)
{
	return !rec->has_hash ? "NarHash" : !rec->has_size ? "NarSize" : "References";
}

/* Hands over the record that ends here, if one has begun. */
static int finish(struct graph_builder *b, const struct rec_reader *r, struct record *rec,
		  struct err *e)
{
	if (rec->path.len == 0)
		return 0;
	if (!rec->has_hash || !rec->has_size || !rec->has_refs)
		return err_set(e, 0, "%s:%" PRIu64 ": the record of '%s' has no %s", r->name,
			       rec->line, rec->path.s, missing_key(rec));
	static const char *const none[1];
	buf_clear(&rec->pointers);
	const char *s = rec->refs.s;
	for (size_t i = 0; i < rec->nrefs; i++, s += strlen(s) + 1)
		buf_add(&rec->pointers, &s, sizeof s);
	const void *refs = rec->nrefs ? (const void *)rec->pointers.s : (const void *)none;
	graph_origin(b, r->name, rec->line);
	int result =
		graph_add(b, rec->path.s, rec->nar_hash, true, rec->nar_size, refs, rec->nrefs, e);
	buf_clear(&rec->path);
	return result;
}

int narinfo_read(struct graph_builder *b, struct rec_reader *r, struct err *e)
{
	AUTO_RECORD struct record rec = { 0 };
	struct rec_field line;
	for (;;) {
		if (rec_next(r, &line, e) < 0)
			return -1;
		bool ends = !line.s || line.len == 0 || strncmp(line.s, "StorePath:", 10) == 0;
		if (ends && finish(b, r, &rec, e) < 0)
			return -1;
		if (!line.s)
			return 0;
		if (line.len && read_line(&rec, r, line.s, e) < 0)
			return -1;
	}
}
