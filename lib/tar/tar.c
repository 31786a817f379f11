/* SPDX-License-Identifier: MIT */
#include "tar/tar.h"

#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "base/esc.h"
#include "tar/ustar.h"

enum { NSEC = 1000000000 };

const char tar_zeros[TAR_RECORD + 2 * TAR_BLOCK];

/* Writes width - 1 octal digits and a NUL. */
static void octal(char *field, size_t width, uint64_t value)
{
	field[width - 1] = '\0';
	for (size_t i = width - 1; i-- > 0; value >>= 3)
		field[i] = (char)('0' + (value & 7));
}

static bool fits(size_t width, uint64_t value)
{
	return value >> (3 * (width - 1)) == 0;
}

static bool is_ascii(const char *s, size_t len)
{
	for (size_t i = 0; i < len; i++)
		if ((unsigned char)s[i] >= 0x80)
			return false;
	return true;
}

/* Fills the field with s cut to its width, one '?' for each character that is not ASCII. */
static void text(char *field, size_t width, const char *s, size_t len)
{
	for (size_t from = 0, to = 0; from < len && to < width; to++) {
		size_t n = esc_utf8(s + from, len - from);
		field[to] = n == 1 ? s[from] : '?';
		from += n ? n : 1;
	}
}

static void finish(struct ustar *h)
{
	memcpy(h->magic, "ustar", 6);
	memcpy(h->version, "00", 2);
	h->chksum[7] = ' ';
	octal(h->chksum, 7, ustar_sum(h));
}

void tar_pax_record(struct buf *b, const char *key, const void *value, size_t len)
{
	/* the length counts its own digits */
	size_t rest = strlen(key) + len + 3, total = 0, next = rest;
	while (next != total) {
		total = next;
		next = rest + (size_t)snprintf(NULL, 0, "%zu", total);
	}
	buf_addf(b, "%zu %s=", total, key);
	buf_add(b, value, len);
	buf_addc(b, '\n');
}

void tar_pax_header(struct buf *b, enum tar_type type, const struct buf *records)
{
	struct ustar h = { .name = "././@PaxHeader", .typeflag = (char)type };
	octal(h.mode, sizeof h.mode, 0);
	octal(h.uid, sizeof h.uid, 0);
	octal(h.gid, sizeof h.gid, 0);
	octal(h.size, sizeof h.size, records->len);
	octal(h.mtime, sizeof h.mtime, 0);
	finish(&h);
	buf_add(b, &h, sizeof h);
	buf_add(b, records->s, records->len);
	buf_add(b, tar_zeros, tar_padding(records->len));
}

/* The pax records of one entry; binary: a value in them is not UTF-8. */
struct records {
	struct buf b;
	bool binary;
};

static void put_text(struct records *r, char *field, size_t width, const char *key, const char *s,
		     size_t len)
{
	bool ascii = is_ascii(s, len);
	if (!ascii || len > width) {
		r->binary = r->binary || !(ascii || esc_is_utf8(s, len));
		tar_pax_record(&r->b, key, s, len);
	}
	if (ascii)
		memcpy(field, s, len < width ? len : width);
	else
		text(field, width, s, len);
}

static void put_number(struct records *r, char *field, size_t width, const char *key,
		       uint64_t value)
{
	char decimal[24];
	if (!fits(width, value)) {
		int n = snprintf(decimal, sizeof decimal, "%" PRIu64, value);
		tar_pax_record(&r->b, key, decimal, (size_t)n);
		value = 0;
	}
	octal(field, width, value);
}

/* Seconds and a fraction in decimal, whose sign is that of both. */
static size_t decimal_time(char *decimal, size_t size, int64_t mtime, uint32_t nsec)
{
	bool negative = mtime < 0;
	uint64_t seconds = negative ? -(uint64_t)mtime - (nsec > 0) : (uint64_t)mtime;
	uint32_t fraction = negative && nsec ? NSEC - nsec : nsec;
	size_t n = (size_t)snprintf(decimal, size, "%s%" PRIu64 ".%09" PRIu32, negative ? "-" : "",
				    seconds, fraction);
	while (decimal[n - 1] == '0')
		n--;
	return decimal[n - 1] == '.' ? n - 1 : n;
}

static void put_mtime(struct records *r, struct ustar *h, int64_t mtime, uint32_t nsec)
{
	char decimal[40];
	bool field = mtime >= 0 && fits(sizeof h->mtime, (uint64_t)mtime);
	if (!field || nsec)
		tar_pax_record(&r->b, "mtime", decimal,
			       decimal_time(decimal, sizeof decimal, mtime, nsec));
	octal(h->mtime, sizeof h->mtime, field ? (uint64_t)mtime : 0);
}

static void put_xattrs(struct records *r, const struct tar_entry *entry)
{
	for (size_t i = 0; i < entry->nxattrs; i++) {
		const struct tar_xattr *x = &entry->xattrs[i];
		AUTO_FREE char *key = xasprintf("SCHILY.xattr.%s", x->name);
		tar_pax_record(&r->b, key, x->value, x->len);
	}
}

static void put_name(struct records *r, struct ustar *h, const struct tar_entry *entry)
{
	size_t len = strlen(entry->name);
	if (entry->type != TAR_DIR || (len && entry->name[len - 1] == '/')) {
		put_text(r, h->name, sizeof h->name, "path", entry->name, len);
		return;
	}
	AUTO_FREE char *name = xasprintf("%s/", entry->name);
	put_text(r, h->name, sizeof h->name, "path", name, len + 1);
}

static void put_optional(struct records *r, char *field, size_t width, const char *key,
			 const char *s)
{
	if (s)
		put_text(r, field, width, key, s, strlen(s));
}

void tar_header(struct buf *b, const struct tar_entry *entry)
{
	struct ustar h = { .typeflag = (char)entry->type };
	struct records r = { 0 };
	if (entry->records)
		buf_add(&r.b, entry->records->s, entry->records->len);
	put_name(&r, &h, entry);
	put_optional(&r, h.linkname, sizeof h.linkname, "linkpath", entry->link);
	put_optional(&r, h.uname, sizeof h.uname, "uname", entry->uname);
	put_optional(&r, h.gname, sizeof h.gname, "gname", entry->gname);
	octal(h.mode, sizeof h.mode, entry->mode & 07777);
	put_number(&r, h.uid, sizeof h.uid, "uid", entry->uid);
	put_number(&r, h.gid, sizeof h.gid, "gid", entry->gid);
	put_number(&r, h.size, sizeof h.size, "size", entry->size);
	put_mtime(&r, &h, entry->mtime, entry->mtime_nsec);
	put_xattrs(&r, entry);
	if (entry->type == TAR_CHAR || entry->type == TAR_BLOCKDEV) {
		octal(h.devmajor, sizeof h.devmajor, entry->devmajor);
		octal(h.devminor, sizeof h.devminor, entry->devminor);
	}
	if (r.b.len) {
		AUTO_BUF struct buf records = { 0 };
		if (r.binary)
			tar_pax_record(&records, "hdrcharset", "BINARY", 6);
		buf_add(&records, r.b.s, r.b.len);
		tar_pax_header(b, TAR_PAX, &records);
	}
	finish(&h);
	buf_add(b, &h, sizeof h);
	buf_free(&r.b);
}
