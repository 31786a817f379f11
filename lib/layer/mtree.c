/* SPDX-License-Identifier: MIT */
#include "layer/mtree.h"

#include <stdbool.h>
#include <string.h>

#include "base/base64.h"

/* --- words --- */

static const char letters[] = "abfnrtvs#\\";
static const char meanings[] = "\a\b\f\n\r\t\v #\\";

void mtree_escape(struct buf *b, const char *s)
{
	for (; *s; s++) {
		unsigned char c = (unsigned char)*s;
		if (c <= ' ' || c >= 0x7f || strchr("#=\\", c))
			buf_addf(b, "\\%03o", c);
		else
			buf_addc(b, *s);
	}
}

/* Three octal digits of a byte that is not NUL; 0 where there are none. */
static unsigned octal(const char *s, size_t len)
{
	unsigned value = 0;
	for (size_t i = 0; i < 3; i++) {
		if (i >= len || s[i] < '0' || s[i] > '7')
			return 0;
		value = value * 8 + (unsigned)(s[i] - '0');
	}
	return value <= 0xff ? value : 0;
}

int mtree_unescape(struct buf *b, const char *s, size_t len, struct err *e)
{
	for (size_t i = 0; i < len; i++) {
		if (s[i] != '\\') {
			buf_addc(b, s[i]);
			continue;
		}
		const char *letter =
			i + 1 < len ? memchr(letters, s[i + 1], sizeof letters - 1) : NULL;
		unsigned value = octal(s + i + 1, len - i - 1);
		if (!letter && !value)
			return err_set(e, 0,
				       "bad escape in '%.*s': expected \\ooo (001 to 377) or one "
				       "of \\a \\b \\f \\n \\r \\s \\t \\v \\# \\\\",
				       (int)(len < 200 ? len : 200), s);
		buf_addc(b, letter ? meanings[letter - letters] : (char)value);
		i += letter ? 1 : 3;
	}
	return 0;
}

int mtree_compare(const char *a, const char *b)
{
	while (*a && *a == *b) {
		a++;
		b++;
	}
	/* the end of a name comes before any byte of a longer one */
	int x = *a == '/' ? 1 : *a ? 2 + (unsigned char)*a : 0;
	int y = *b == '/' ? 1 : *b ? 2 + (unsigned char)*b : 0;
	return x - y;
}

/* --- writing --- */

static const char *type_name(enum tar_type type)
{
	static const char *const names[] = { "file", NULL, "link", "char", "block", "dir", "fifo" };
	return names[type - TAR_FILE];
}

static void put_word(struct buf *b, const struct mtree_entry *entry, enum mtree_key key,
		     const char *name, const char *value)
{
	if (!(entry->has & key))
		return;
	buf_addf(b, " %s=", name);
	mtree_escape(b, value);
}

static void put_number(struct buf *b, const struct mtree_entry *entry, enum mtree_key key,
		       const char *name, uint64_t value)
{
	if (entry->has & key)
		buf_addf(b, " %s=%llu", name, (unsigned long long)value);
}

static void put_xattrs(struct buf *b, const struct mtree_entry *entry)
{
	for (size_t i = 0; i < entry->nxattrs; i++) {
		buf_adds(b, " xattr.");
		mtree_escape(b, entry->xattrs[i].name);
		buf_addc(b, '=');
		base64_encode(b, entry->xattrs[i].value, entry->xattrs[i].len);
	}
}

int mtree_write(const struct mtree_entry *entry, struct out *o, struct err *e)
{
	AUTO_BUF struct buf b = { 0 };
	buf_adds(&b, strcmp(entry->path, ".") == 0 ? "" : "./");
	mtree_escape(&b, entry->path);
	if (entry->has & MTREE_TYPE)
		buf_addf(&b, " type=%s", type_name(entry->type));
	if (entry->has & MTREE_MODE)
		buf_addf(&b, " mode=%04o", entry->mode);
	put_number(&b, entry, MTREE_UID, "uid", entry->uid);
	put_number(&b, entry, MTREE_GID, "gid", entry->gid);
	put_word(&b, entry, MTREE_UNAME, "uname", entry->uname);
	put_word(&b, entry, MTREE_GNAME, "gname", entry->gname);
	put_number(&b, entry, MTREE_SIZE, "size", entry->size);
	if (entry->has & MTREE_TIME)
		buf_addf(&b, entry->nsec ? " time=%lld.%09u" : " time=%lld.%u",
			 (long long)entry->time, entry->nsec);
	if (entry->has & MTREE_DEVICE)
		buf_addf(&b, " device=linux,%u,%u", entry->devmajor, entry->devminor);
	put_word(&b, entry, MTREE_LINK, "link", entry->link);
	put_word(&b, entry, MTREE_CONTENTS, "contents", entry->contents);
	put_xattrs(&b, entry);
	buf_addc(&b, '\n');
	return out_write(o, b.s, b.len, e);
}

void mtree_free(struct mtree *m)
{
	for (size_t i = 0; i < m->n; i++)
		free(m->entries[i].xattrs);
	free(m->entries);
	intern_free(&m->strings);
}
