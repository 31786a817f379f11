/* SPDX-License-Identifier: MIT */
#include "closure/closure.h"

#include <errno.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/jq.h"
#include "base/out.h"
#include "base/record.h"
#include "closure-graph.jq.h"
#include "closure/narinfo.h"
#include "closure/nixhash.h"
#include "closure/registration.h"
#include "closure/storepath.h"

enum { PEEK = 16 << 10, PEEK_LINES = 3, SHOWN = 60, COPY = 64 << 10 };

static const char *const names[] = {
	[CLOSURE_AUTO] = "auto",   [CLOSURE_GRAPH] = "graph",
	[CLOSURE_TEXT] = "text",   [CLOSURE_REGISTRATION] = "registration",
	[CLOSURE_JSON] = "json",   [CLOSURE_NARINFO] = "narinfo",
	[CLOSURE_PATHS] = "paths",
};

int closure_form(const char *name, enum closure_form *form)
{
	for (size_t i = 0; i < sizeof names / sizeof *names; i++)
		if (strcmp(names[i], name) == 0) {
			*form = (enum closure_form)i;
			return 0;
		}
	return -1;
}

/* --- finding out the form --- */

/* The first lines of an input; one that does not end there is as far as it was read. */
struct head {
	struct record_field lines[PEEK_LINES];
	size_t n;
};

static struct head first_lines(const struct record_field *bytes)
{
	struct head h = { .n = 0 };
	for (char *s = bytes->s, *end = s + bytes->len; s < end && h.n < PEEK_LINES; h.n++) {
		char *lf = memchr(s, '\n', (size_t)(end - s));
		h.lines[h.n] = (struct record_field){ s, (size_t)((lf ? lf : end) - s) };
		s = lf ? lf + 1 : end;
	}
	return h;
}

static bool begins_json(const struct record_field *bytes)
{
	size_t i = 0;
	while (i < bytes->len && memchr(" \t\r\n", bytes->s[i], 4))
		i++;
	return i < bytes->len && (bytes->s[i] == '{' || bytes->s[i] == '[');
}

static bool begins_narinfo(const struct record_field *line)
{
	return line->len > 10 && memcmp(line->s, "StorePath:", 10) == 0;
}

static bool is_number(const struct record_field *line)
{
	return line->len > 0 && strspn(line->s, "0123456789") == line->len;
}

static bool is_hash(const struct record_field *line)
{
	char sri[NIXHASH_SRI_LEN + 1];
	struct err e = { 0 };
	bool is = nixhash_sri(line->s, line->len, sri, &e) == 0;
	err_clear(&e);
	return is;
}

/*
 * An input that begins with a path: what the second and third line are
 * tells the forms apart. CLOSURE_AUTO where it is none of them.
 */
static enum closure_form path_form(const struct head *h)
{
	const struct record_field *second = &h->lines[1], *third = &h->lines[2];
	bool path2 = h->n > 1 && second->len && *second->s == '/';
	bool path3 = h->n > 2 && third->len && *third->s == '/';
	if (memchr(h->lines[0].s, '\t', h->lines[0].len))
		return CLOSURE_GRAPH;
	if (h->n == 1 || (path2 && (h->n == 2 || path3)))
		return CLOSURE_PATHS;
	if (h->n > 2 && (second->len == 0 || path2) && is_number(third))
		return CLOSURE_TEXT;
	return is_hash(second) ? CLOSURE_REGISTRATION : CLOSURE_AUTO;
}

static int unknown_form(const struct record_reader *r, const struct head *h, struct err *e)
{
	size_t i = h->lines[0].len && *h->lines[0].s == '/' ? 1 : 0;
	size_t len = h->lines[i].len < SHOWN ? h->lines[i].len : SHOWN;
	return err_set(e, 0,
		       "%s:%zu: cannot tell what this is: expected closure-graph lines, "
		       "a registration, an exportReferencesGraph file, JSON, narinfo or store "
		       "paths, found '%.*s'",
		       r->name, i + 1, (int)len, h->lines[i].s);
}

static int find_form(const struct closure_reader *c, struct record_reader *r,
		     enum closure_form *form, struct err *e)
{
	struct record_field bytes;
	if (record_peek(r, PEEK, &bytes, e) < 0)
		return -1;
	struct head h = first_lines(&bytes);
	*form = CLOSURE_AUTO;
	if (h.n == 0)
		*form = c->paths ? CLOSURE_PATHS : CLOSURE_GRAPH; /* of no path */
	else if (begins_json(&bytes))
		*form = CLOSURE_JSON;
	else if (begins_narinfo(&h.lines[0]))
		*form = CLOSURE_NARINFO;
	else if (*bytes.s == '/')
		*form = path_form(&h);
	return *form == CLOSURE_AUTO ? unknown_form(r, &h, e) : 0;
}

/* --- JSON --- */

/* Writes what was read ahead, and the rest of the input, to a file in memory. */
static int spool(const struct record_reader *r, const struct record_field *ahead, int to,
		 struct err *e)
{
	AUTO_FREE char *chunk = xmalloc(COPY);
	const char *from = ahead->s;
	size_t len = ahead->len;
	for (;;) {
		if (out_write_fd(to, from, len) < 0)
			return err_set(e, errno, "cannot keep '%s'", r->name);
		ssize_t n = read(r->fd, chunk, COPY);
		if (n == 0)
			return 0;
		if (n < 0 && errno != EINTR)
			return err_set(e, errno, "cannot read '%s'", r->name);
		from = chunk;
		len = n < 0 ? 0 : (size_t)n;
	}
}

/* Gives back what was read ahead: by seeking, or in a copy (owned by *copy) where that fails. */
static int rewind_input(struct record_reader *r, int *fd, int *copy, struct err *e)
{
	struct record_field ahead;
	if (record_peek(r, 0, &ahead, e) < 0)
		return -1;
	*fd = r->fd;
	if (ahead.len == 0 || lseek(r->fd, -(off_t)ahead.len, SEEK_CUR) >= 0)
		return 0;
	*copy = *fd = memfd_create("json", MFD_CLOEXEC);
	if (*fd < 0)
		return err_set(e, errno, "cannot keep '%s'", r->name);
	if (spool(r, &ahead, *fd, e) < 0)
		return -1;
	return lseek(*fd, 0, SEEK_SET) < 0 ? err_set(e, errno, "cannot keep '%s'", r->name) : 0;
}

static int read_json_from(const struct closure_reader *c, int fd, const char *name, struct err *e)
{
	AUTO_PROC struct proc jq = PROC_NONE;
	const char *args[] = { "--arg", "store_dir", c->store_dir, c->key ? "--arg" : NULL,
			       "key",   c->key,      NULL };
	if (jq_start(&jq, jq_closure_graph, args, fd, e) < 0)
		return err_wrap(e, "%s", name);
	struct record_reader lines;
	record_init(&lines, jq.out, name);
	int result = graph_read_records(c->graph, &lines, false, e);
	record_free(&lines);
	if (result < 0)
		return -1;
	return jq_wait(&jq, e) < 0 ? err_wrap(e, "%s", name) : 0;
}

static int read_json(const struct closure_reader *c, struct record_reader *r, struct err *e)
{
	AUTO_CLOSE int copy = -1;
	int fd;
	if (rewind_input(r, &fd, &copy, e) < 0)
		return -1;
	return read_json_from(c, fd, r->name, e);
}

/* --- reading --- */

static int read_paths(const struct closure_reader *c, struct record_reader *r, struct err *e)
{
	struct record_field line;
	for (;;) {
		if (record_next(r, &line, e) < 0)
			return -1;
		if (!line.s)
			return 0;
		if (storepath_check(line.s, c->store_dir, e) < 0)
			return record_wrap(r, e);
		intern_add(c->paths, line.s, line.len);
	}
}

static int check_wanted(const struct closure_reader *c, enum closure_form form, const char *name,
			struct err *e)
{
	if (form == CLOSURE_PATHS && !c->paths)
		return err_set(e, 0,
			       "%s: these are bare store paths: what they refer to is not known "
			       "(closure-graph --scan reads their files for it, and so does a "
			       "pipeline without --closure)",
			       name);
	if (form != CLOSURE_PATHS && c->paths)
		return err_set(e, 0,
			       "%s: expected bare store paths to scan, one a line; this is of the "
			       "form '%s'",
			       name, names[form]);
	return 0;
}

static int read_form(const struct closure_reader *c, struct record_reader *r, struct err *e)
{
	enum closure_form form = c->form;
	if (form == CLOSURE_AUTO && find_form(c, r, &form, e) < 0)
		return -1;
	if (check_wanted(c, form, r->name, e) < 0)
		return -1;
	switch (form) {
	case CLOSURE_AUTO:
	case CLOSURE_GRAPH:
		return graph_read_records(c->graph, r, true, e);
	case CLOSURE_REGISTRATION:
		return registration_read(c->graph, r, true, e);
	case CLOSURE_TEXT:
		return registration_read(c->graph, r, false, e);
	case CLOSURE_JSON:
		return read_json(c, r, e);
	case CLOSURE_NARINFO:
		return narinfo_read(c->graph, r, e);
	case CLOSURE_PATHS:
		return read_paths(c, r, e);
	}
	return 0;
}

int closure_read(const struct closure_reader *c, int fd, const char *name, struct err *e)
{
	struct record_reader r;
	record_init(&r, fd, name);
	int result = read_form(c, &r, e);
	record_free(&r);
	return result;
}
