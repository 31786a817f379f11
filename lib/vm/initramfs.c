/* SPDX-License-Identifier: MIT */
#include "vm/initramfs.h"

#include <string.h>
#include <sys/stat.h>

enum { ALIGN = 4 };

/* What is not 0 in a header. */
struct entry {
	const char *name;
	mode_t mode;
	size_t size;
	unsigned major, minor;
};

static int pad(struct initramfs *i, size_t len, struct err *e)
{
	return out_write(i->out, "\0\0\0", -len % ALIGN, e);
}

static int put_header(struct initramfs *i, const struct entry *n, struct err *e)
{
	AUTO_BUF struct buf b = { 0 };
	size_t name_len = strlen(n->name) + 1;
	unsigned links = S_ISDIR(n->mode) ? 2 : 1;
	/* magic, inode, mode, uid, gid, links, mtime, size, device, rdevice, name size, checksum */
	buf_addf(&b, "070701%08x%08x%08x%08x%08x%08x%08x%08x%08x%08x%08x%08x%08x", ++i->entries,
		 (unsigned)n->mode, 0U, 0U, links, 0U, (unsigned)n->size, 0U, 0U, n->major,
		 n->minor, (unsigned)name_len, 0U);
	buf_add(&b, n->name, name_len);
	return out_write(i->out, b.s, b.len, e) < 0 ? -1 : pad(i, b.len, e);
}

int initramfs_dir(struct initramfs *i, const char *name, struct err *e)
{
	const struct entry n = { .name = name, .mode = S_IFDIR | 0755 };
	return put_header(i, &n, e);
}

int initramfs_device(struct initramfs *i, const char *name, unsigned major, unsigned minor,
		     struct err *e)
{
	const struct entry n = {
		.name = name, .mode = S_IFCHR | 0600, .major = major, .minor = minor
	};
	return put_header(i, &n, e);
}

int initramfs_file(struct initramfs *i, const char *name, const void *data, size_t len,
		   struct err *e)
{
	const struct entry n = { .name = name, .mode = S_IFREG | 0755, .size = len };
	if (len > UINT32_MAX)
		return err_set(e, 0, "'%s' is too large for an initramfs", name);
	if (put_header(i, &n, e) < 0 || out_write(i->out, data, len, e) < 0)
		return -1;
	return pad(i, len, e);
}

int initramfs_end(struct initramfs *i, struct err *e)
{
	const struct entry n = { .name = "TRAILER!!!" };
	return put_header(i, &n, e);
}
