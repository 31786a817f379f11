/* SPDX-License-Identifier: MIT */
#include "erofs_xattrs.h"

#include <endian.h>
#include <errno.h>
#include <linux/posix_acl_xattr.h>
#include <stdbool.h>
#include <string.h>

#include "erofs_format.h"
#include "overlay.h"

/* What names begin with, and the number that stands for it. */
static const struct prefix {
	const char *text;
	uint8_t number;
	bool whole; /* it is all of the name: a list of access rights, acl(5) */
} prefixes[] = { { "user.", 1, false },
		 { "system.posix_acl_access", 2, true },
		 { "system.posix_acl_default", 3, true },
		 { "trusted.", 4, false },
		 { "security.", 6, false } };

static const struct prefix *find_prefix(const char *name)
{
	for (size_t i = 0; i < sizeof prefixes / sizeof *prefixes; i++) {
		const struct prefix *p = &prefixes[i];
		size_t len = strlen(p->text);
		if (strncmp(name, p->text, len) == 0 && (name[len] == '\0') == p->whole)
			return p;
	}
	return NULL;
}

static bool is_acl(const struct tar_xattr *x)
{
	struct posix_acl_xattr_header h;
	if (x->len < sizeof h || (x->len - sizeof h) % sizeof(struct posix_acl_xattr_entry))
		return false;
	memcpy(&h, x->value, sizeof h);
	return le32toh(h.a_version) == POSIX_ACL_XATTR_VERSION;
}

/* errno of the kernel, were one to set it. */
static int check(const struct tar_entry *entry, const struct tar_xattr *x, const struct prefix *p)
{
	if (!p)
		return ENOTSUP;
	if (p->whole && entry->type == TAR_SYMLINK)
		return ENOTSUP;
	if (p->whole && !is_acl(x))
		return EINVAL;
	if (strncmp(x->name, "user.", 5) == 0 && entry->type != TAR_FILE && entry->type != TAR_DIR)
		return EPERM;
	if (x->len > EROFS_VALUE_MAX)
		return E2BIG;
	return strlen(x->name) > EROFS_NAME_MAX ? ERANGE : 0;
}

static void pad(struct buf *b)
{
	buf_add(b, "\0\0\0", -b->len % EROFS_XATTR_ALIGN);
}

static void put(struct buf *b, const struct tar_xattr *x, const struct prefix *p)
{
	const char *name = x->name + strlen(p->text);
	const struct erofs_xattr header = { .name_len = (uint8_t)strlen(name),
					    .prefix = p->number,
					    .value_len = htole16((uint16_t)x->len) };
	buf_add(b, &header, sizeof header);
	buf_adds(b, name);
	buf_add(b, x->value, x->len);
	pad(b);
}

int erofs_xattrs(struct buf *b, const struct tar_entry *entry, const char *path, struct err *e)
{
	static const struct erofs_xattrs header;
	size_t start = b->len;
	for (size_t i = 0; i < entry->nxattrs; i++) {
		const struct tar_xattr *x = &entry->xattrs[i];
		if (overlay_is_private(x->name))
			continue;
		const struct prefix *p = find_prefix(x->name);
		int code = check(entry, x, p);
		if (code)
			return err_set(e, code, "cannot set '%s' of '%s'", x->name, path);
		if (b->len == start)
			buf_add(b, &header, sizeof header);
		put(b, x, p);
	}
	if (b->len - start > EROFS_XATTRS_MAX)
		return err_set(e, E2BIG, "cannot set the attributes of '%s'", path);
	return 0;
}
