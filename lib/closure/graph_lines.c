/* SPDX-License-Identifier: MIT */

/* The lines of closure-graph(5): the part of graph.h that reads and writes them. */

#include <inttypes.h>
#include <string.h>

#include "base/esc.h"
#include "closure/graph.h"
#include "closure/nixhash.h"

enum { PATH, NAR_SIZE, NAR_HASH, REFERENCES, DERIVER, FIELDS };

/* What one line holds; kept from line to line for its memory. */
struct line {
	struct buf refs;     /* values, each NUL-terminated */
	struct buf pointers; /* const char *: where each begins */
	size_t nrefs;
};

static void line_cleanup(struct line *l)
{
	buf_free(&l->refs);
	buf_free(&l->pointers);
}
#define AUTO_LINE __attribute__((cleanup(line_cleanup)))

/* Splits at each single space; a space inside a path is written \x20. */
static int split_refs(struct line *l, const char *s, size_t len, struct err *e)
{
	buf_clear(&l->refs);
	l->nrefs = 0;
	for (const char *end = s + len, *next; s <= end; s = next + 1, l->nrefs++) {
		next = memchr(s, ' ', (size_t)(end - s));
		if (!next)
			next = end;
		if (next == s)
			return err_set(e, 0, "expected paths separated by single spaces");
		if (esc_value(&l->refs, s, (size_t)(next - s), e) < 0)
			return -1;
		buf_addc(&l->refs, '\0');
	}
	return 0;
}

static void point_at_refs(struct line *l)
{
	buf_clear(&l->pointers);
	const char *s = l->refs.s;
	for (size_t i = 0; i < l->nrefs; i++, s += strlen(s) + 1)
		buf_add(&l->pointers, &s, sizeof s);
}

/* *refs: NULL where they are not known. */
static int parse_refs(struct line *l, const struct record_field *f, const char *const **refs,
		      struct err *e)
{
	static const char *const none[1];
	*refs = NULL;
	l->nrefs = 0;
	if (esc_is_absent(f->s, f->len))
		return 0;
	*refs = none;
	if (f->len == 2 && memcmp(f->s, "\\e", 2) == 0)
		return 0;
	if (split_refs(l, f->s, f->len, e) < 0)
		return err_wrap(e, "references");
	point_at_refs(l);
	*refs = (const char *const *)(const void *)l->pointers.s;
	return 0;
}

/* *hash: sri, or NULL where it is not known. */
static int parse_hash(const struct record_field *f, char sri[NIXHASH_SRI_LEN + 1],
		      const char **hash, struct err *e)
{
	*hash = NULL;
	if (esc_is_absent(f->s, f->len))
		return 0;
	if (nixhash_sri(f->s, f->len, sri, e) < 0)
		return err_wrap(e, "nar-hash");
	*hash = sri;
	return 0;
}

/* Splits a line with or without the last field, which can be left out. */
static int split(const struct record_reader *r, const struct record_field *rec,
		 struct record_field *f, struct err *e)
{
	size_t tabs = 0;
	for (size_t i = 0; i < rec->len; i++)
		tabs += rec->s[i] == '\t';
	f[DERIVER] = (struct record_field){ NULL, 0 };
	return record_split(r, rec, f, tabs >= DERIVER ? FIELDS : DERIVER, e);
}

static int read_deriver(struct graph_builder *b, const struct record_reader *r, const char *path,
			const struct record_field *f, struct err *e)
{
	AUTO_FREE char *deriver = NULL;
	if (!f->s)
		return 0;
	if (record_string(r, f, "deriver", 1, &deriver, e) < 0)
		return -1;
	return deriver ? graph_deriver(b, path, deriver, e) : 0;
}

static int read_record(struct graph_builder *b, const struct record_reader *r,
		       const struct record_field *rec, bool numbered, struct line *l, struct err *e)
{
	struct record_field f[FIELDS];
	char sri[NIXHASH_SRI_LEN + 1];
	const char *hash, *const *refs;
	uint64_t size = 0;
	AUTO_FREE char *path = NULL;
	if (split(r, rec, f, e) < 0 || record_string(r, &f[PATH], "path", 0, &path, e) < 0)
		return -1;
	bool has_size = !esc_is_absent(f[NAR_SIZE].s, f[NAR_SIZE].len);
	if (has_size && record_number(r, &f[NAR_SIZE], "nar-size", 0, UINT64_MAX, &size, e) < 0)
		return -1;
	if (parse_hash(&f[NAR_HASH], sri, &hash, e) < 0 ||
	    parse_refs(l, &f[REFERENCES], &refs, e) < 0)
		return numbered ? record_wrap(r, e) : err_wrap(e, "%s: '%s'", r->name, path);
	if (graph_add(b, path, hash, has_size, size, refs, l->nrefs, e) < 0)
		return -1;
	return read_deriver(b, r, path, &f[DERIVER], e);
}

int graph_read_records(struct graph_builder *b, struct record_reader *r, bool numbered,
		       struct err *e)
{
	AUTO_LINE struct line l = { 0 };
	struct record_field rec;
	for (;;) {
		if (record_next(r, &rec, e) < 0)
			return -1;
		if (!rec.s)
			return 0;
		graph_origin(b, r->name, numbered ? r->line : 0);
		if (read_record(b, r, &rec, numbered, &l, e) < 0)
			return -1;
	}
}

int graph_read(struct graph_builder *b, int fd, const char *name, struct err *e)
{
	struct record_reader r;
	record_init(&r, fd, name);
	r.maker = "closure-graph makes lines of a closure in JSON";
	int result = graph_read_records(b, &r, true, e);
	record_free(&r);
	return result;
}

/* Appends a reference: as a field, but for spaces, which separate. */
static void format_ref(struct buf *b, const char *path)
{
	for (const char *space; (space = strchr(path, ' ')); path = space + 1) {
		if (space > path)
			esc_field(b, path, (size_t)(space - path));
		buf_adds(b, "\\x20");
	}
	esc_field(b, path, strlen(path));
}

static void format_refs(struct buf *b, const struct graph *g, const struct graph_path *p)
{
	if (p->nrefs == 0)
		buf_adds(b, p->has_refs ? "\\e" : "-");
	for (uint32_t i = 0; i < p->nrefs; i++) {
		if (i)
			buf_addc(b, ' ');
		format_ref(b, g->paths[p->refs[i]].path);
	}
}

static void format(struct buf *b, const struct graph *g, const struct graph_path *p)
{
	esc_field(b, p->path, strlen(p->path));
	if (p->has_size)
		buf_addf(b, "\t%" PRIu64, p->nar_size);
	else
		buf_adds(b, "\t-");
	buf_addf(b, "\t%s\t", p->nar_hash ? p->nar_hash : "-");
	format_refs(b, g, p);
	if (p->deriver) {
		buf_addc(b, '\t');
		esc_field(b, p->deriver, strlen(p->deriver));
	}
	buf_addc(b, '\n');
}

int graph_write(const struct graph *g, struct out *o, struct err *e)
{
	AUTO_BUF struct buf line = { 0 };
	for (uint32_t i = 0; i < g->n; i++) {
		buf_clear(&line);
		format(&line, g, &g->paths[i]);
		if (out_write(o, line.s, line.len, e) < 0)
			return -1;
	}
	return 0;
}
