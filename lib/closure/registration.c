/* SPDX-License-Identifier: MIT */
#include "closure/registration.h"

#include <inttypes.h>
#include <string.h>

#include "closure/nixhash.h"
#include "closure/storepath.h"

/* One record; kept from record to record for its memory. */
struct entry {
	struct buf path;
	struct buf deriver;  /* empty: not known */
	struct buf refs;     /* each NUL-terminated */
	struct buf pointers; /* const char *: where each begins */
	uint64_t line;       /* where it begins */
	uint64_t count;
	uint64_t nar_size;
	char nar_hash[NIXHASH_SRI_LEN + 1];
};

static void entry_cleanup(struct entry *entry)
{
	buf_free(&entry->path);
	buf_free(&entry->deriver);
	buf_free(&entry->refs);
	buf_free(&entry->pointers);
}
#define AUTO_ENTRY __attribute__((cleanup(entry_cleanup)))

/* The next line of a record that has begun. */
static int next_line(struct record_reader *r, const struct entry *entry, const char *what,
		     struct record_field *line, struct err *e)
{
	if (record_next(r, line, e) < 0)
		return -1;
	if (!line->s)
		return record_err(r, e, "the input ends inside the record of '%s': expected %s",
				  entry->path.s, what);
	return 0;
}

static int read_hash(struct record_reader *r, struct entry *entry, struct err *e)
{
	struct record_field line;
	if (next_line(r, entry, "its NAR hash", &line, e) < 0)
		return -1;
	if (nixhash_sri(line.s, line.len, entry->nar_hash, e) < 0) {
		err_wrap(e, "NAR hash of '%s'", entry->path.s);
		return record_wrap(r, e);
	}
	return 0;
}

static int read_number(struct record_reader *r, const struct entry *entry, const char *what,
		       uint64_t max, uint64_t *value, struct err *e)
{
	struct record_field line;
	if (next_line(r, entry, what, &line, e) < 0)
		return -1;
	return record_number(r, &line, what, 0, max, value, e);
}

static int read_deriver(struct record_reader *r, struct entry *entry, struct err *e)
{
	struct record_field line;
	if (next_line(r, entry, "its deriver or an empty line", &line, e) < 0)
		return -1;
	if (line.len && storepath_check(line.s, NULL, e) < 0) {
		err_wrap(e, "deriver: expected a store path or an empty line");
		return record_wrap(r, e);
	}
	buf_clear(&entry->deriver);
	buf_add(&entry->deriver, line.s, line.len);
	return 0;
}

static int read_refs(struct record_reader *r, struct entry *entry, struct err *e)
{
	struct record_field line;
	buf_clear(&entry->refs);
	buf_clear(&entry->pointers);
	for (uint64_t i = 0; i < entry->count; i++) {
		if (next_line(r, entry, "another reference", &line, e) < 0)
			return -1;
		buf_add(&entry->refs, line.s, line.len + 1);
	}
	const char *s = entry->refs.s;
	for (uint64_t i = 0; i < entry->count; i++, s += strlen(s) + 1)
		buf_add(&entry->pointers, &s, sizeof s);
	return 0;
}

static int read_record(struct record_reader *r, bool with_nar, struct entry *entry, struct err *e)
{
	if (with_nar && (read_hash(r, entry, e) < 0 ||
			 read_number(r, entry, "NAR size", UINT64_MAX, &entry->nar_size, e) < 0))
		return -1;
	if (read_deriver(r, entry, e) < 0 ||
	    read_number(r, entry, "number of references", UINT32_MAX, &entry->count, e) < 0)
		return -1;
	return read_refs(r, entry, e);
}

static int add(struct graph_builder *b, const struct record_reader *r, const struct entry *entry,
	       bool with_nar, struct err *e)
{
	static const char *const none[1];
	const void *refs = entry->count ? (const void *)entry->pointers.s : (const void *)none;
	graph_origin(b, r->name, entry->line);
	if (graph_add(b, entry->path.s, with_nar ? entry->nar_hash : NULL, with_nar,
		      entry->nar_size, refs, (size_t)entry->count, e) < 0)
		return -1;
	return entry->deriver.len ? graph_deriver(b, entry->path.s, entry->deriver.s, e) : 0;
}

int registration_read(struct graph_builder *b, struct record_reader *r, bool with_nar,
		      struct err *e)
{
	AUTO_ENTRY struct entry entry = { 0 };
	struct record_field line;
	for (;;) {
		if (record_next(r, &line, e) < 0)
			return -1;
		if (!line.s)
			return 0;
		buf_clear(&entry.path);
		buf_add(&entry.path, line.s, line.len);
		entry.line = r->line;
		if (storepath_check(entry.path.s, NULL, e) < 0)
			return record_wrap(r, e);
		if (read_record(r, with_nar, &entry, e) < 0 || add(b, r, &entry, with_nar, e) < 0)
			return -1;
	}
}
