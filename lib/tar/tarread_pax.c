/* SPDX-License-Identifier: MIT */
#include <string.h>

#include "base/num.h"
#include "tar/tarread_parts.h"

enum { NSEC = 1000000000 };

void tarread_records_free(struct tarread_records *l)
{
	buf_free(&l->text);
	free(l->list);
}

void tarread_records_clear(struct tarread_records *l)
{
	buf_clear(&l->text);
	l->n = 0;
	l->present = false;
}

const struct tarread_pax *tarread_records_find(const struct tarread_records *l, const char *key)
{
	/* of equal keys the last one counts */
	for (size_t i = l->n; i-- > 0;)
		if (strcmp(l->list[i].key, key) == 0)
			return &l->list[i];
	return NULL;
}

/* Splits the record "LENGTH KEY=VALUE\n" at s, of which at most max bytes are there. */
static int split_record(struct tarread_records *l, char *s, size_t max, size_t *used)
{
	struct err ignored = { 0 };
	char *space = memchr(s, ' ', max < 20 ? max : 20);
	uint64_t len;
	if (!space || num_parse(s, (size_t)(space - s), 10, 1, max, &len, &ignored) < 0) {
		err_clear(&ignored);
		return -1;
	}
	char *key = space + 1, *end = s + len - 1;
	char *equals = key < end ? memchr(key, '=', (size_t)(end - key)) : NULL;
	if (!equals || equals == key || *end != '\n' || memchr(key, 0, (size_t)(equals - key)))
		return -1;
	*equals = *end = '\0';
	l->list = mem_grow(l->list, &l->cap, l->n + 1, sizeof *l->list);
	l->list[l->n++] = (struct tarread_pax){ key, equals + 1, (size_t)(end - equals - 1) };
	*used = len;
	return 0;
}

int tarread_records_read(struct tarread *r, struct tarread_records *l, uint64_t size, struct err *e)
{
	tarread_records_clear(l);
	if (tarread_text(r, size, &l->text, e) < 0)
		return -1;
	for (size_t at = 0, used; at < l->text.len; at += used)
		if (split_record(l, l->text.s + at, l->text.len - at, &used) < 0)
			return tarread_err(
				r, e, "bad pax record: expected 'LENGTH KEY=VALUE' and a newline");
	l->present = true;
	return 0;
}

const char *tarread_record(const struct tarread *r, const char *key, size_t *len)
{
	const struct tarread_pax *rec = tarread_records_find(r->shown, key);
	if (rec && len)
		*len = rec->len;
	return rec ? rec->value : NULL;
}

const char *tarread_record_key(const struct tarread *r, size_t n)
{
	return n < r->shown->n ? r->shown->list[n].key : NULL;
}

/* The record's text replaces *value; an empty one leaves the header's value, as POSIX has it. */
static int pax_text(const struct tarread *r, const char *key, const char **value, struct err *e)
{
	const struct tarread_pax *rec = tarread_records_find(&r->own, key);
	if (!rec || rec->len == 0)
		return 0;
	if (memchr(rec->value, 0, rec->len))
		return tarread_err(r, e, "pax record '%s' holds a NUL byte", key);
	*value = rec->value;
	return 0;
}

static int pax_natural(const struct tarread *r, const char *key, uint64_t *value, struct err *e)
{
	const struct tarread_pax *rec = tarread_records_find(&r->own, key);
	if (!rec || rec->len == 0)
		return 0;
	if (num_parse(rec->value, rec->len, 10, 0, INT64_MAX, value, e) < 0) {
		err_clear(e);
		return tarread_err(r, e, "bad pax record '%s': expected a decimal number", key);
	}
	return 0;
}

/* The first nine of n digits behind the point; one more where others than zeros follow, if up. */
static uint32_t nanoseconds(const char *digits, size_t n, bool up)
{
	uint32_t value = 0;
	for (size_t i = 0; i < 9; i++)
		value = value * 10 + (i < n ? (uint32_t)(digits[i] - '0') : 0);
	return value + (up && n > 9 && strspn(digits + 9, "0") < n - 9);
}

/* Seconds with an optional sign and fraction, rounded down to nanoseconds. */
static int pax_time(const struct tarread *r, const char *key, int64_t *value, uint32_t *nsec,
		    struct err *e)
{
	const struct tarread_pax *rec = tarread_records_find(&r->own, key);
	if (!rec || rec->len == 0)
		return 0;
	bool negative = rec->value[0] == '-';
	const char *digits = rec->value + negative;
	size_t whole = strspn(digits, "0123456789");
	const char *rest = digits + whole;
	size_t fraction = *rest == '.' ? strspn(rest + 1, "0123456789") : 0;
	size_t used = (size_t)(rest - rec->value) + (*rest == '.' ? 1 + fraction : 0);
	uint64_t v;
	if (used != rec->len || num_parse(digits, whole, 10, 0, INT64_MAX - 1, &v, e) < 0) {
		err_clear(e);
		return tarread_err(r, e, "bad pax record '%s': expected seconds", key);
	}
	uint32_t ns = nanoseconds(rest + 1, fraction, negative);
	*value = negative ? -(int64_t)v - (ns > 0) : (int64_t)v;
	*nsec = negative && ns ? NSEC - ns : ns;
	return 0;
}

static void pax_xattrs(struct tarread *r)
{
	static const char prefix[] = "SCHILY.xattr.";
	size_t n = 0;
	for (size_t i = 0; i < r->own.n; i++) {
		const struct tarread_pax *rec = &r->own.list[i];
		if (strncmp(rec->key, prefix, sizeof prefix - 1) != 0)
			continue;
		r->xattrs = mem_grow(r->xattrs, &r->xattrs_cap, n + 1, sizeof *r->xattrs);
		r->xattrs[n++] =
			(struct tar_xattr){ rec->key + sizeof prefix - 1, rec->value, rec->len };
	}
	r->entry.xattrs = r->xattrs;
	r->entry.nxattrs = n;
}

bool tarread_pax_is_sparse(const struct tarread *r)
{
	for (size_t i = 0; i < r->own.n; i++)
		if (strncmp(r->own.list[i].key, "GNU.sparse.", 11) == 0)
			return true;
	return false;
}

int tarread_pax_apply(struct tarread *r, struct err *e)
{
	struct tar_entry *t = &r->entry;
	if (pax_text(r, "path", &t->name, e) < 0 ||
	    pax_text(r, "GNU.sparse.name", &t->name, e) < 0 ||
	    pax_text(r, "linkpath", &t->link, e) < 0 || pax_text(r, "uname", &t->uname, e) < 0 ||
	    pax_text(r, "gname", &t->gname, e) < 0 || pax_natural(r, "uid", &t->uid, e) < 0 ||
	    pax_natural(r, "gid", &t->gid, e) < 0 || pax_natural(r, "size", &t->size, e) < 0 ||
	    pax_time(r, "mtime", &t->mtime, &t->mtime_nsec, e) < 0)
		return -1;
	pax_xattrs(r);
	return 0;
}
int tarread_global(struct tarread *r, uint64_t size, struct err *e)
{
	static const char *const keys[] = { "path", "linkpath", "size",  "uid",
					    "gid",  "uname",    "gname", "mtime" };
	if (tarread_records_read(r, &r->global, size, e) < 0)
		return -1;
	for (size_t i = 0; i < sizeof keys / sizeof *keys; i++)
		if (tarread_records_find(&r->global, keys[i]))
			return tarread_err(r, e, "global header sets '%s': not supported", keys[i]);
	r->shown = &r->global;
	return 0;
}
