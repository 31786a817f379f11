/* SPDX-License-Identifier: MIT */
#include "tar/tarpush.h"

#include <string.h>

#include "tar/tarread.h"
#include "tar/ustar.h"

enum place { HEADERS, CONTENTS, BEHIND, LOST };

/*
 * Headers are collected, up to that of a member, and read by a tarread whose source has nothing
 * else. Of contents it sees one byte, since it reads the last byte of what it skips.
 */
struct tarpush {
	const struct tarpush_parts *parts;
	void *context;
	enum place place;
	struct source source; /* gives collected, from at on */
	struct buf collected;
	size_t at;
	uint64_t wanted; /* bytes of headers or contents that come before something is decided */
	bool extended;   /* an extended header has come; a second one is not understood */
	struct tarread *reader;
};

static int read_collected(struct source *s, void *data, size_t len, size_t *got, struct err *e)
{
	struct tarpush *p = (struct tarpush *)((char *)s - offsetof(struct tarpush, source));
	(void)e;
	*got = p->collected.len - p->at < len ? p->collected.len - p->at : len;
	memcpy(data, p->collected.s + p->at, *got);
	p->at += *got;
	return 0;
}

static int skip_contents(struct source *s, uint64_t len, struct err *e)
{
	(void)s;
	(void)len;
	(void)e;
	return 0;
}

struct tarpush *tarpush_new(const struct tarpush_parts *parts, void *context)
{
	struct tarpush *p = xcalloc(1, sizeof *p);
	p->parts = parts;
	p->context = context;
	p->source = (struct source){ "layer", read_collected, skip_contents };
	p->reader = tarread_from(&p->source);
	p->wanted = TAR_BLOCK;
	return p;
}

/* --- what is understood --- */

static bool is_known_record(const char *key)
{
	static const char *const known[] = { "path", "linkpath", "uid",   "gid",
					     "size", "mtime",    "uname", "gname" };
	static const char xattr[] = "SCHILY.xattr.";
	for (size_t i = 0; i < sizeof known / sizeof *known; i++)
		if (strcmp(key, known[i]) == 0)
			return true;
	return strncmp(key, xattr, sizeof xattr - 1) == 0;
}

/* Whether the field says nothing: readers differ in whether they look at it. */
static bool is_zero(const char *field, size_t width)
{
	uint64_t value = 0;
	return tarread_number(field, width, &value) == 0 && value == 0;
}

/* GNU tar puts other times where ustar has more of the name, and star puts them behind that. */
static bool is_plain(const struct tarpush *p, const struct ustar *h)
{
	const char *key;
	bool file = h->typeflag == TAR_FILE;
	bool link = h->typeflag == TAR_HARDLINK || h->typeflag == TAR_SYMLINK;
	bool device = h->typeflag == TAR_CHAR || h->typeflag == TAR_BLOCKDEV;
	for (size_t i = 0; (key = tarread_record_key(p->reader, i)); i++)
		if (!is_known_record(key) || (!file && strcmp(key, "size") == 0))
			return false;
	return h->typeflag >= TAR_FILE && h->typeflag <= TAR_FIFO &&
	       (memcmp(h->magic, "ustar", sizeof h->magic) == 0 ||
		memcmp(h->prefix, tar_zeros, sizeof h->prefix) == 0) &&
	       memcmp(h->pad, tar_zeros, sizeof h->pad) == 0 &&
	       (file || is_zero(h->size, sizeof h->size)) &&
	       (link || !*tarread_entry(p->reader)->link) &&
	       (device || (is_zero(h->devmajor, sizeof h->devmajor) &&
			   is_zero(h->devminor, sizeof h->devminor)));
}

/* --- headers --- */

/* The member whose headers were collected; false: it is not understood. */
static bool read_member(struct tarpush *p, const struct ustar *h, struct tar_entry *entry)
{
	struct err ignored = { 0 };
	enum tarread_event event = TARREAD_EOF;
	uint64_t mode = 0;
	bool good = tarread_next(p->reader, &event, &ignored) == 0 && event == TARREAD_ENTRY &&
		    is_plain(p, h) && tarread_number(h->mode, sizeof h->mode, &mode) == 0 &&
		    mode <= UINT32_MAX;
	err_clear(&ignored);
	if (!good)
		return false;
	*entry = *tarread_entry(p->reader);
	entry->mode = (unsigned)mode;
	return true;
}

static int member(struct tarpush *p, const struct ustar *h, struct err *e)
{
	struct tar_entry entry;
	p->place = LOST;
	if (!read_member(p, h, &entry))
		return 0;
	p->place = entry.size ? CONTENTS : HEADERS;
	p->wanted = entry.size ? entry.size : TAR_BLOCK;
	buf_clear(&p->collected);
	p->at = 0;
	p->extended = false;
	if (entry.size)
		buf_addc(&p->collected, 0);
	return p->parts->member(p->context, &entry, e);
}

/* An extended header comes before the one that it is about. */
static void extended(struct tarpush *p, const struct ustar *h)
{
	uint64_t size = 0;
	if (p->extended || !tarread_is_header(h) ||
	    tarread_number(h->size, sizeof h->size, &size) < 0 || size > TARREAD_MAX_HEADER)
		p->place = LOST;
	else
		p->wanted = size + tar_padding(size) + TAR_BLOCK;
	p->extended = true;
}

/* Looks at the block that was collected last. */
static int header(struct tarpush *p, struct err *e)
{
	struct ustar h;
	memcpy(&h, p->collected.s + p->collected.len - sizeof h, sizeof h);
	if (memcmp(&h, tar_zeros, sizeof h) == 0) {
		p->place = BEHIND;
		return 0;
	}
	if (h.typeflag != TAR_PAX)
		return member(p, &h, e);
	extended(p, &h);
	return 0;
}

/* --- the ways through --- */

static int take_headers(struct tarpush *p, const char *data, size_t len, struct err *e)
{
	if (p->parts->between(p->context, data, len, e) < 0)
		return -1;
	buf_add(&p->collected, data, len);
	p->wanted -= len;
	return p->wanted ? 0 : header(p, e);
}

/* What was collected begins with the padding. */
static int take_contents(struct tarpush *p, const char *data, size_t len, struct err *e)
{
	const struct tar_entry *entry = tarread_entry(p->reader);
	p->wanted -= len;
	if (p->wanted == 0) {
		p->place = HEADERS;
		p->wanted = tar_padding(entry->size) + TAR_BLOCK;
	}
	return p->parts->contents(p->context, data, len, e);
}

static int take_rest(struct tarpush *p, const char *data, size_t len, struct err *e)
{
	for (size_t i = 0; p->place == BEHIND && i < len; i++)
		if (data[i])
			p->place = LOST;
	return p->parts->between(p->context, data, len, e);
}

static int take(struct tarpush *p, const char *data, size_t len, struct err *e)
{
	if (p->place == HEADERS)
		return take_headers(p, data, len, e);
	return p->place == CONTENTS ? take_contents(p, data, len, e) : take_rest(p, data, len, e);
}

int tarpush_write(struct tarpush *p, const void *data, size_t len, struct err *e)
{
	for (const char *from = data; len;) {
		bool all = p->place == BEHIND || p->place == LOST || p->wanted > len;
		size_t n = all ? len : (size_t)p->wanted;
		if (take(p, from, n, e) < 0)
			return -1;
		from += n;
		len -= n;
	}
	return 0;
}

bool tarpush_understood(const struct tarpush *p)
{
	return p->place != LOST;
}

bool tarpush_ended(const struct tarpush *p)
{
	return p->place == BEHIND;
}

void tarpush_free(struct tarpush *p)
{
	if (!p)
		return;
	tarread_free(p->reader);
	buf_free(&p->collected);
	free(p);
}
