/* SPDX-License-Identifier: MIT */
#include "closure/registration.h"

#include <inttypes.h>
#include <string.h>

#include "closure/nixhash.h"
#include "closure/storepath.h"

/* One record; kept from record to record for its memory. */
struct record {
	struct buf path;
	struct buf refs;     /* each NUL-terminated */
	struct buf pointers; /* const char *: where each begins */
	uint64_t line;       /* where it begins */
	uint64_t count;
	uint64_t nar_size;
	char nar_hash[NIXHASH_SRI_LEN + 1];
};

static void record_cleanup(struct record *rec)
{
	buf_free(&rec->path);
	buf_free(&rec->refs);
	buf_free(&rec->pointers);
}
#define AUTO_RECORD __attribute__((cleanup(record_cleanup)))

/* The next line of a record that has begun. */
static int next_line(struct rec_reader *r, const struct record *rec, const char *what,
		     struct rec_field *line, struct err *e)
{
	if (rec_next(r, line, e) < 0)
		return -1;
	if (!line->s)
		return rec_err(r, e, "the input ends inside the record of '%s': expected %s",
			       rec->path.s, what);
	return 0;
}

static int read_hash(struct rec_reader *r, struct record *rec, struct err *e)
{
	struct rec_field line;
	if (next_line(r, rec, "its NAR hash", &line, e) < 0)
		return -1;
	if (nixhash_sri(line.s, line.len, rec->nar_hash, e) < 0) {
		err_wrap(e, "NAR hash of '%s'", rec->path.s);
		return rec_wrap(r, e);
	}
	return 0;
}

static int read_number(struct rec_reader *r, const struct record *rec, const char *what,
		       uint64_t max, uint64_t *value, struct err *e)
{
	struct rec_field line;
	if (next_line(r, rec, what, &line, e) < 0)
		return -1;
	return rec_number(r, &line, what, 0, max, value, e);
}

static int read_deriver(struct rec_reader *r, const struct record *rec, struct err *e)
{
	struct rec_field line;
	if (next_line(r, rec, "its deriver or an empty line", &line, e) < 0)
		return -1;
	if (line.len && storepath_check(line.s, NULL, e) < 0) {
		err_wrap(e, "deriver: expected a store path or an empty line");
		return rec_wrap(r, e);
	}
	return 0;
}

static int read_refs(struct rec_reader *r, struct record *rec, struct err *e)
{
	struct rec_field line;
	buf_clear(&rec->refs);
	buf_clear(&rec->pointers);
	for (uint64_t i = 0; i < rec->count; i++) {
		if (next_line(r, rec, "another reference", &line, e) < 0)
			return -1;
		buf_add(&rec->refs, line.s, line.len + 1);
	}
	const char *s = rec->refs.s;
	for (uint64_t i = 0; i < rec->count; i++, s += strlen(s) + 1)
		buf_add(&rec->pointers, &s, sizeof s);
	return 0;
}

static int read_record(struct rec_reader *r, bool with_nar, struct record *rec, struct err *e)
{
	if (with_nar && (read_hash(r, rec, e) < 0 ||
			 read_number(r, rec, "NAR size", UINT64_MAX, &rec->nar_size, e) < 0))
		return -1;
	if (read_deriver(r, rec, e) < 0 ||
	    read_number(r, rec, "number of references", UINT32_MAX, &rec->count, e) < 0)
		return -1;
	return read_refs(r, rec, e);
}

static int add(struct graph_builder *b, const struct rec_reader *r, const struct record *rec,
	       bool with_nar, struct err *e)
{
	static const char *const none[1];
	const void *refs = rec->count ? (const void *)rec->pointers.s : (const void *)none;
	graph_origin(b, r->name, rec->line);
	return graph_add(b, rec->path.s, with_nar ? rec->nar_hash : NULL, with_nar, rec->nar_size,
			 refs, (size_t)rec->count, e);
}

int registration_read(struct graph_builder *b, struct rec_reader *r, bool with_nar, struct err *e)
{
	AUTO_RECORD struct record rec = { 0 };
	struct rec_field line;
	for (;;) {
		if (rec_next(r, &line, e) < 0)
			return -1;
		if (!line.s)
			return 0;
		buf_clear(&rec.path);
		buf_add(&rec.path, line.s, line.len);
		rec.line = r->line;
		if (storepath_check(rec.path.s, NULL, e) < 0)
			return rec_wrap(r, e);
		if (read_record(r, with_nar, &rec, e) < 0 || add(b, r, &rec, with_nar, e) < 0)
			return -1;
	}
}
