/* SPDX-License-Identifier: MIT */
#include <string.h>

#include "tar/tarread_parts.h"

#define NUMBER(h, field, value, e)                                                                 \
	tarread_signed(r, (h)->field, sizeof(h)->field, #field, (value), (e))
#define NATURAL(h, field, value, e)                                                                \
	tarread_field(r, (h)->field, sizeof(h)->field, #field, (value), (e))

static const char *text(struct buf *b, const char *field, size_t width)
{
	buf_clear(b);
	buf_add(b, field, strnlen(field, width));
	return b->s;
}

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
