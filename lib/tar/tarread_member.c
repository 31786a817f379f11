/* SPDX-License-Identifier: MIT */
#include <string.h>

#include "base/num.h"
#include "tar/tarread_parts.h"

/* --- fields of the block --- */

/* A base-256 number, two's complement, as GNU tar and star write it. */
static int base256(const char *field, size_t width, int64_t *value)
{
	const unsigned char *f = (const unsigned char *)field;
	bool negative = f[0] & 0x40;
	uint64_t v = negative ? UINT64_MAX : 0;
	for (size_t i = 0; i < width; i++) {
		unsigned byte = i ? f[i] : (f[0] & 0x7fU) | (negative ? 0x80U : 0);
		if (v >> 55 != (negative ? 0x1ff : 0))
			return -1;
		v = v << 8 | byte;
	}
	*value = (int64_t)v;
	return (*value < 0) == negative ? 0 : -1;
}

/* Octal digits; spaces may stand before, a NUL or spaces behind; nothing is 0. */
static int octal(const char *field, size_t width, int64_t *value)
{
	size_t from = 0, to;
	while (from < width && field[from] == ' ')
		from++;
	for (to = from; to < width && field[to] && field[to] != ' ';)
		to++;
	for (size_t i = to; i < width; i++)
		if (field[i] && field[i] != ' ')
			return -1;
	struct err ignored = { 0 };
	uint64_t v = 0;
	if (to > from && num_parse(field + from, to - from, 8, 0, INT64_MAX, &v, &ignored) < 0) {
		err_clear(&ignored);
		return -1;
	}
	*value = (int64_t)v;
	return 0;
}

static int any_number(const char *field, size_t width, int64_t *value)
{
	bool binary = (unsigned char)field[0] & 0x80;
	return binary ? base256(field, width, value) : octal(field, width, value);
}

int tarread_number(const char *field, size_t width, uint64_t *value)
{
	int64_t v = 0;
	if (any_number(field, width, &v) < 0 || v < 0)
		return -1;
	*value = (uint64_t)v;
	return 0;
}

static int number(const struct tarread *r, const char *field, size_t width, const char *what,
		  int64_t *value, struct err *e)
{
	if (any_number(field, width, value) < 0)
		return tarread_err(r, e, "bad %s: expected an octal or base-256 number", what);
	return 0;
}

int tarread_field(const struct tarread *r, const char *field, size_t width, const char *what,
		  uint64_t *value, struct err *e)
{
	int64_t v = 0;
	if (number(r, field, width, what, &v, e) < 0)
		return -1;
	if (v < 0)
		return tarread_err(r, e, "bad %s: it is negative", what);
	*value = (uint64_t)v;
	return 0;
}

#define NUMBER(h, field, value, e) number(r, (h)->field, sizeof(h)->field, #field, (value), (e))
#define NATURAL(h, field, value, e)                                                                \
	tarread_field(r, (h)->field, sizeof(h)->field, #field, (value), (e))

static const char *text(struct buf *b, const char *field, size_t width)
{
	buf_clear(b);
	buf_add(b, field, strnlen(field, width));
	return b->s;
}

int tarread_is_header(const void *block)
{
	const struct ustar *h = block;
	int64_t sum;
	return octal(h->chksum, sizeof h->chksum, &sum) == 0 && sum == ustar_sum(h);
}
/* --- members --- */

static void set_names(struct tarread *r, const struct ustar *h)
{
	struct tar_entry *t = &r->entry;
	bool posix = memcmp(h->magic, "ustar", 6) == 0;
	if (posix && h->prefix[0]) {
		text(&r->ustar_name, h->prefix, sizeof h->prefix);
		buf_addc(&r->ustar_name, '/');
		buf_add(&r->ustar_name, h->name, strnlen(h->name, sizeof h->name));
		t->name = r->ustar_name.s;
	} else {
		t->name = text(&r->ustar_name, h->name, sizeof h->name);
	}
	t->link = text(&r->ustar_link, h->linkname, sizeof h->linkname);
	bool named = memcmp(h->magic, "ustar", 5) == 0;
	t->uname = text(&r->uname, h->uname, named ? sizeof h->uname : 0);
	t->gname = text(&r->gname, h->gname, named ? sizeof h->gname : 0);
	if (r->has_name)
		t->name = r->long_name.s;
	if (r->has_link)
		t->link = r->long_link.s;
}

static int set_numbers(struct tarread *r, const struct ustar *h, struct err *e)
{
	struct tar_entry *t = &r->entry;
	uint64_t mode = 0, major = 0, minor = 0;
	if (NATURAL(h, mode, &mode, e) < 0 || NATURAL(h, uid, &t->uid, e) < 0 ||
	    NATURAL(h, gid, &t->gid, e) < 0 || NATURAL(h, size, &t->size, e) < 0 ||
	    NUMBER(h, mtime, &t->mtime, e) < 0)
		return -1;
	bool device = t->type == TAR_CHAR || t->type == TAR_BLOCKDEV;
	if (device && (NATURAL(h, devmajor, &major, e) < 0 || NATURAL(h, devminor, &minor, e) < 0))
		return -1;
	if (major > UINT32_MAX || minor > UINT32_MAX)
		return tarread_err(r, e, "bad device number");
	t->mode = (unsigned)(mode & 07777);
	t->devmajor = (uint32_t)major;
	t->devminor = (uint32_t)minor;
	return 0;
}
/* The type, the historic ways to say "regular file" and "directory" included; 0: unknown. */
static int member_type(const struct ustar *h)
{
	size_t len = strnlen(h->name, sizeof h->name);
	switch (h->typeflag) {
	case '\0':
		return len && h->name[len - 1] == '/' ? TAR_DIR : TAR_FILE;
	case '7':
	case TARREAD_OLD_SPARSE:
		return TAR_FILE;
	default:
		return h->typeflag >= TAR_FILE && h->typeflag <= TAR_FIFO ? h->typeflag : 0;
	}
}

int tarread_member(struct tarread *r, const struct ustar *h, struct err *e)
{
	int type = member_type(h);
	if (!type)
		return tarread_err(r, e, "type '%c': not supported", h->typeflag);
	r->entry = (struct tar_entry){ .type = (enum tar_type)type };
	set_names(r, h);
	if (set_numbers(r, h, e) < 0 || tarread_pax_apply(r, e) < 0)
		return -1;
	if (!*r->entry.name)
		return tarread_err(r, e, "member without a name");
	if (type != TAR_FILE)
		r->entry.size = 0;
	r->left = r->entry.size;
	r->padding = tar_padding(r->entry.size);
	r->shown = &r->own;
	r->has_name = r->has_link = false;
	r->sparse.on = false;
	if (h->typeflag == TARREAD_OLD_SPARSE || tarread_pax_is_sparse(r))
		return tarread_sparse_member(r, h, e);
	return 0;
}

int tarread_long(struct tarread *r, uint64_t size, struct buf *b, bool *has, struct err *e)
{
	if (*has)
		return tarread_err(r, e, "two long names for one member");
	if (tarread_text(r, size, b, e) < 0)
		return -1;
	if (b->len && b->s[b->len - 1] == '\0')
		b->len--;
	if (b->len == 0 || memchr(b->s, 0, b->len))
		return tarread_err(r, e, "bad long name: expected bytes that are not NUL");
	*has = true;
	return 0;
}

int tarread_size(const struct tarread *r, const struct ustar *h, uint64_t *size, struct err *e)
{
	return NATURAL(h, size, size, e);
}
