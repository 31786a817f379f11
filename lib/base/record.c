/* SPDX-License-Identifier: MIT */
#include "base/record.h"

#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <string.h>
#include <unistd.h>

#include "base/esc.h"
#include "base/num.h"

enum { CHUNK = 64 << 10 };

void record_init(struct record_reader *r, int fd, const char *name)
{
	*r = (struct record_reader){ .fd = fd, .name = name };
}

void record_free(struct record_reader *r)
{
	buf_free(&r->buf);
}

int record_err(const struct record_reader *r, struct err *e, const char *fmt, ...)
{
	va_list ap;
	va_start(ap, fmt);
	AUTO_FREE char *msg = xvasprintf(fmt, ap);
	va_end(ap);
	err_set(e, 0, "%s", msg);
	return record_wrap(r, e);
}

int record_wrap(const struct record_reader *r, struct err *e)
{
	return r->unnumbered ? err_wrap(e, "%s", r->name)
			     : err_wrap(e, "%s:%" PRIu64, r->name, r->line);
}

/* Moves the unread bytes to the front, then reads more behind them. */
static int fill(struct record_reader *r, struct err *e)
{
	if (r->start) {
		memmove(r->buf.s, r->buf.s + r->start, r->buf.len - r->start);
		r->buf.len -= r->start;
		r->scanned -= r->start;
		r->start = 0;
	}
	char *to = buf_extend(&r->buf, CHUNK);
	ssize_t n;
	do
		n = read(r->fd, to, CHUNK);
	while (n < 0 && errno == EINTR);
	int saved = errno;
	r->buf.len -= CHUNK - (n > 0 ? (size_t)n : 0);
	if (n < 0)
		return err_set(e, saved, "cannot read '%s'", r->name);
	r->eof = n == 0;
	return 0;
}

/* What begins like this is in none of the line formats. */
static bool is_json(const struct record_reader *r)
{
	return r->buf.len > r->start && memchr("{[", r->buf.s[r->start], 2);
}

int record_next(struct record_reader *r, struct record_field *rec, struct err *e)
{
	char *lf = NULL;
	r->line++;
	for (;;) {
		if (r->buf.len > r->scanned)
			lf = memchr(r->buf.s + r->scanned, '\n', r->buf.len - r->scanned);
		r->scanned = r->buf.len;
		size_t len = lf ? (size_t)(lf - r->buf.s) - r->start : r->buf.len - r->start;
		if (len > RECORD_MAX_LEN)
			return record_err(r, e, "record too long: expected at most %u bytes",
					  RECORD_MAX_LEN);
		if (lf || r->eof)
			break;
		if (fill(r, e) < 0)
			return -1;
	}
	if (r->line == 1 && is_json(r))
		return record_err(r, e, "found JSON, expected lines%s%s%s", r->maker ? " (" : "",
				  r->maker ? r->maker : "", r->maker ? ")" : "");
	if (!lf) {
		if (r->buf.len > r->start)
			return record_err(r, e,
					  "last line is cut short: expected a newline at its end");
		*rec = (struct record_field){ NULL, 0 };
		return 0;
	}
	char *s = r->buf.s + r->start;
	size_t len = (size_t)(lf - s);
	if (memchr(s, '\0', len))
		return record_err(r, e, "NUL byte: not allowed in a line");
	*lf = '\0';
	*rec = (struct record_field){ s, len };
	r->start += len + 1;
	r->scanned = r->start;
	return 0;
}

int record_each(int fd, const char *name, record_fn *fn, void *context, struct err *e)
{
	struct record_reader r;
	struct record_field rec;
	int status;
	record_init(&r, fd, name);
	while ((status = record_next(&r, &rec, e)) == 0 && rec.s)
		if ((status = fn(&r, &rec, context, e)) < 0)
			break;
	record_free(&r);
	return status;
}

int record_peek(struct record_reader *r, size_t want, struct record_field *bytes, struct err *e)
{
	while (!r->eof && r->buf.len - r->start < want)
		if (fill(r, e) < 0)
			return -1;
	*bytes = (struct record_field){ r->buf.s + r->start, r->buf.len - r->start };
	return 0;
}

int record_split(const struct record_reader *r, const struct record_field *rec,
		 struct record_field *fields, size_t n, struct err *e)
{
	size_t found = 1;
	for (size_t i = 0; i < rec->len; i++)
		found += rec->s[i] == '\t';
	if (found != n)
		return record_err(r, e, "expected %zu fields separated by single tabs, found %zu",
				  n, found);
	char *s = rec->s, *end = rec->s + rec->len;
	for (size_t i = 0; i < n; i++) {
		char *tab = i + 1 < n ? memchr(s, '\t', (size_t)(end - s)) : end;
		fields[i] = (struct record_field){ s, (size_t)(tab - s) };
		s = tab + 1;
	}
	return 0;
}

int record_string(const struct record_reader *r, const struct record_field *f, const char *what,
		  int absent_ok, char **value, struct err *e)
{
	if (esc_is_absent(f->s, f->len)) {
		if (!absent_ok)
			return record_err(r, e, "%s: expected a value, found -", what);
		*value = NULL;
		return 0;
	}
	AUTO_BUF struct buf b = { 0 };
	if (esc_value(&b, f->s, f->len, e) < 0) {
		err_wrap(e, "%s", what);
		return record_wrap(r, e);
	}
	*value = b.s ? STEAL(b.s) : xstrdup("");
	return 0;
}

int record_number(const struct record_reader *r, const struct record_field *f, const char *what,
		  uint64_t min, uint64_t max, uint64_t *value, struct err *e)
{
	if (num_parse(f->s, f->len, 10, min, max, value, e) < 0) {
		err_wrap(e, "%s", what);
		return record_wrap(r, e);
	}
	return 0;
}
