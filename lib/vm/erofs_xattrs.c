/* SPDX-License-Identifier: MIT */
#include "vm/erofs_xattrs.h"

#include <endian.h>
#include <errno.h>
#include <linux/posix_acl.h>
#include <linux/posix_acl_xattr.h>
#include <stdbool.h>
#include <string.h>

#include "tar/overlay.h"
#include "vm/erofs_format.h"

static const char user[] = "user.", acl_default[] = "system.posix_acl_default";

/* What names begin with, and the number that stands for it. */
static const struct prefix {
	const char *text;
	uint8_t number;
	bool whole; /* it is all of the name: a list of access rights, acl(5) */
} prefixes[] = { { user, 1, false },
		 { "system.posix_acl_access", 2, true },
		 { acl_default, 3, true },
		 { "trusted.", 4, false },
		 { "security.", 6, false } };

static const struct prefix *find_prefix(const char *name)
{
	for (size_t i = 0; i < sizeof prefixes / sizeof *prefixes; i++) {
		const struct prefix *p = &prefixes[i];
		size_t len = strlen(p->text);
		if (strncmp(name, p->text, len) == 0 && (!p->whole || !name[len]))
			return p;
	}
	return NULL;
}

enum {
	ACL_ALWAYS = ACL_USER_OBJ | ACL_GROUP_OBJ | ACL_OTHER,
	ACL_NAMED = ACL_USER | ACL_GROUP,
	ACL_TAGS = ACL_ALWAYS | ACL_NAMED | ACL_MASK,
	ACL_PERMISSIONS = ACL_READ | ACL_WRITE | ACL_EXECUTE,
};

/* Whether it can follow one with the tag last: they ascend, and only users and groups recur. */
static bool is_acl_entry(const struct posix_acl_xattr_entry *entry, unsigned last)
{
	unsigned tag = le16toh(entry->e_tag), named = tag & ACL_NAMED;
	if (!(tag & ACL_TAGS) || tag & (tag - 1) || tag < last || (tag == last && !named))
		return false;
	return !(le16toh(entry->e_perm) & ~ACL_PERMISSIONS) &&
	       !(named && le32toh(entry->e_id) == (uint32_t)ACL_UNDEFINED_ID);
}

/* Linux, fs/posix_acl.c: posix_acl_from_xattr(), posix_acl_valid(). */
static bool is_acl(const struct tar_xattr *x)
{
	struct posix_acl_xattr_header h;
	struct posix_acl_xattr_entry entry;
	unsigned last = 0, seen = 0;
	if (x->len < sizeof h || (x->len - sizeof h) % sizeof entry)
		return false;
	memcpy(&h, x->value, sizeof h);
	for (size_t at = sizeof h; at < x->len; at += sizeof entry) {
		memcpy(&entry, (const char *)x->value + at, sizeof entry);
		if (!is_acl_entry(&entry, last))
			return false;
		last = le16toh(entry.e_tag);
		seen |= last;
	}
	return le32toh(h.a_version) == POSIX_ACL_XATTR_VERSION &&
	       (seen & ACL_ALWAYS) == ACL_ALWAYS && (seen & ACL_MASK || !(seen & ACL_NAMED));
}

static int check_acl(const struct tar_entry *entry, const struct tar_xattr *x)
{
	if (entry->type == TAR_SYMLINK)
		return ENOTSUP;
	if (!is_acl(x))
		return EINVAL;
	return strcmp(x->name, acl_default) == 0 && entry->type != TAR_DIR ? EACCES : 0;
}

/* errno of the kernel, were one to set it. */
static int check(const struct tar_entry *entry, const struct tar_xattr *x, const struct prefix *p)
{
	if (!p)
		return ENOTSUP;
	if (x->len > EROFS_VALUE_MAX)
		return E2BIG;
	if (p->whole)
		return check_acl(entry, x);
	if (strcmp(p->text, user) == 0 && entry->type != TAR_FILE && entry->type != TAR_DIR)
		return EPERM;
	if (!x->name[strlen(p->text)])
		return EINVAL;
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
	if (b->len - start > sizeof header + EROFS_XATTRS_MAX)
		return err_set(e, E2BIG, "cannot set the attributes of '%s'", path);
	return 0;
}
