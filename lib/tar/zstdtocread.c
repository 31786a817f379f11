/* SPDX-License-Identifier: MIT */
#include "tar/zstdtocread.h"

#include <inttypes.h>
#include <string.h>

#include "base/num.h"
#include "base/source.h"

enum { HEADER = 8, FOOTER = 64 };

static const char sha256[] = "sha256:", footer_magic[] = "GNUlInUx";

/* --- bytes --- */

/* Exactly these bytes of the blob. */
static int read_at(const struct zstdtocread_blob *blob, uint64_t offset, void *data, size_t len,
		   struct err *e)
{
	struct source_part part;
	size_t got;
	source_part(&part, blob->fd, blob->name, blob->offset + offset, len);
	if (source_fill(&part.source, data, len, &got, e) < 0)
		return -1;
	return got == len
		       ? 0
		       : err_set(e, 0, "%s: the file became shorter while it was read", blob->name);
}

static uint64_t little(const unsigned char *s, size_t len)
{
	uint64_t value = 0;
	while (len--)
		value = value << 8 | s[len];
	return value;
}

/* Whether a skippable frame of that length begins there: 0x184D2A50 to 0x184D2A5F. */
static bool is_skippable(const unsigned char *header, uint64_t length)
{
	return little(header, 4) >> 4 == 0x184D2A5 && little(header + 4, 4) == length;
}

/* --- checks --- */

/* The part is all of a skippable frame, which begins behind from. */
static int check_part(const struct zstdtocread_blob *blob, const struct zstdtocread_part *part,
		      uint64_t from, const char *what, struct err *e)
{
	unsigned char header[HEADER];
	if (part->offset < HEADER || part->offset - HEADER < from || part->offset > blob->size ||
	    part->length > blob->size - part->offset || part->length == 0)
		return err_set(e, 0,
			       "%s: offset %" PRIu64 " and length %" PRIu64
			       ": expected a place in a blob of %" PRIu64
			       " bytes, behind byte %" PRIu64,
			       what, part->offset, part->length, blob->size, from);
	if (read_at(blob, part->offset - HEADER, header, HEADER, e) < 0)
		return -1;
	return is_skippable(header, part->length)
		       ? 0
		       : err_set(e, 0, "%s: expected a skippable frame of zstd at offset %" PRIu64,
				 what, part->offset - HEADER);
}

static int check_limits(const struct zstdtocread_part *table, struct err *e)
{
	if (table->length <= ZSTDTOCREAD_MOST && table->raw <= ZSTDTOCREAD_MOST)
		return 0;
	return err_set(e, 0,
		       "%" PRIu64 " bytes, decompressed %" PRIu64
		       ": at most %d allowed, as clients have it",
		       table->length, table->raw, ZSTDTOCREAD_MOST);
}

/* The table lies behind the frames, and the tar-split data behind the table. */
static int check_place(const struct zstdtocread_blob *blob, const struct zstdtocread_place *p,
		       struct err *e)
{
	if (check_limits(&p->table, e) < 0 || check_part(blob, &p->table, 0, "its place", e) < 0)
		return -1;
	if (p->split.length == 0 && p->split.offset == 0 && p->split.raw == 0)
		return 0;
	return check_part(blob, &p->split, p->table.offset + p->table.length,
			  "the place of the tar-split data", e);
}

/* --- annotations --- */

/* Numbers with a colon between each two. */
static int numbers(const char *text, uint64_t *to, size_t n, struct err *e)
{
	for (size_t i = 0; i < n; i++) {
		size_t len = strcspn(text, ":");
		if (num_parse(text, len, 10, 0, INT64_MAX, &to[i], e) < 0)
			return -1;
		text += len;
		if ((i + 1 < n) != (*text == ':'))
			return err_set(e, 0, "expected %zu numbers", n);
		text += *text == ':';
	}
	return 0;
}

static int read_position(const char *text, struct zstdtocread_part *part, struct err *e)
{
	uint64_t n[4];
	if (numbers(text, n, 4, e) < 0)
		return err_wrap(e, "manifest-position '%s'", text);
	if (n[3] != 1)
		return err_set(e, 0, "manifest-position '%s': expected a table of kind 1", text);
	*part = (struct zstdtocread_part){ n[0], n[1], n[2] };
	return 0;
}

static int read_split(const char *text, struct zstdtocread_part *part, struct err *e)
{
	uint64_t n[3];
	if (numbers(text, n, 3, e) < 0)
		return err_wrap(e, "tarsplit-position '%s'", text);
	*part = (struct zstdtocread_part){ n[0], n[1], n[2] };
	return 0;
}

static int read_checksum(const char *text, char hex[DIGEST_HEX_LEN + 1], struct err *e)
{
	const char *digits = digest_digits(text, strlen(text));
	if (!digits)
		return err_set(e, 0, "manifest-checksum '%s': expected %s and 64 hex digits", text,
			       sha256);
	memcpy(hex, digits, DIGEST_HEX_LEN);
	hex[DIGEST_HEX_LEN] = '\0';
	return 0;
}

/* --- the footer --- */

static int read_footer(const struct zstdtocread_blob *blob, struct zstdtocread_place *p,
		       struct err *e)
{
	unsigned char footer[HEADER + FOOTER];
	uint64_t n[7];
	if (blob->size < sizeof footer)
		return err_set(e, 0, "no footer: the blob is too short");
	if (read_at(blob, blob->size - sizeof footer, footer, sizeof footer, e) < 0)
		return -1;
	const unsigned char *magic = footer + sizeof footer - (sizeof footer_magic - 1);
	if (!is_skippable(footer, FOOTER) || memcmp(magic, footer_magic, sizeof footer_magic - 1))
		return err_set(e, 0, "no footer: expected the blob to end with '%s'", footer_magic);
	for (size_t i = 0; i < 7; i++)
		n[i] = little(footer + HEADER + 8 * i, 8);
	if (n[3] != 1)
		return err_set(e, 0, "the footer: expected a table of kind 1");
	p->table = (struct zstdtocread_part){ n[0], n[1], n[2] };
	p->split = (struct zstdtocread_part){ n[4], n[5], n[6] };
	return 0;
}

int zstdtocread_find(const struct zstdtocread_blob *blob, const char *checksum,
		     const char *position, const char *tarsplit, struct zstdtocread_place *place,
		     struct err *e)
{
	struct zstdtocread_place p = { .digest = "" };
	if (read_checksum(checksum, p.digest, e) < 0)
		return -1;
	if (!position) {
		if (read_footer(blob, &p, e) < 0)
			return -1;
	} else if (read_position(position, &p.table, e) < 0 ||
		   (tarsplit && read_split(tarsplit, &p.split, e) < 0)) {
		return -1;
	}
	if (check_place(blob, &p, e) < 0)
		return -1;
	*place = p;
	return 0;
}
