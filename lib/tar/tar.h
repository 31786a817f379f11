/* SPDX-License-Identifier: MIT */
#ifndef LAYERPIPE_TAR_H
#define LAYERPIPE_TAR_H

/*
 * Writing tar headers: ustar, with a pax extended header in front where a
 * value does not fit (POSIX.1-2017 pax, "ustar Interchange Format" and "pax
 * Extended Header"). The bytes are those that Python's tarfile writes in its
 * PAX format, which nixpkgs' store layers are made of; they are frozen.
 */

#include <stddef.h>
#include <stdint.h>

#include "base/mem.h"

enum { TAR_BLOCK = 512, TAR_RECORD = 10240 };

enum tar_type {
	TAR_FILE = '0',
	TAR_HARDLINK = '1',
	TAR_SYMLINK = '2',
	TAR_CHAR = '3',
	TAR_BLOCKDEV = '4',
	TAR_DIR = '5',
	TAR_FIFO = '6',
	TAR_PAX = 'x',
	TAR_PAX_GLOBAL = 'g',
};

struct tar_xattr {
	const char *name;
	const void *value;
	size_t len;
};

/* All pointers are borrowed. */
struct tar_entry {
	enum tar_type type;
	const char *name; /* any bytes; a directory gets its trailing slash here */
	const char *link; /* target of a symlink or hard link, else NULL */
	const char *uname;
	const char *gname; /* NULL is the empty name */
	unsigned mode;     /* permission bits, 07777 */
	uint64_t uid;
	uint64_t gid;
	uint64_t size;       /* bytes of contents; 0 unless TAR_FILE */
	int64_t mtime;       /* seconds since the epoch, rounded down */
	uint32_t mtime_nsec; /* and what is to be added to them, below a second */
	uint32_t devmajor;
	uint32_t devminor;              /* devices only */
	const struct tar_xattr *xattrs; /* sorted by name */
	size_t nxattrs;
	const struct buf *records; /* further pax records, written first; NULL: none */
};

/* Appends the header of one entry, extended header included. A multiple of TAR_BLOCK. */
void tar_header(struct buf *b, const struct tar_entry *entry);

/* Appends one pax record, "LENGTH KEY=VALUE\n". */
void tar_pax_record(struct buf *b, const char *key, const void *value, size_t len);

/* Appends a whole extended header (TAR_PAX or TAR_PAX_GLOBAL) that holds the records. */
void tar_pax_header(struct buf *b, enum tar_type type, const struct buf *records);

/* Zero bytes that follow size bytes of contents, up to the next block. */
static inline size_t tar_padding(uint64_t size)
{
	return (size_t)(-size & (TAR_BLOCK - 1));
}

/* Zero bytes that end an archive of size bytes: two blocks, then up to a multiple of TAR_RECORD. */
static inline size_t tar_trailer(uint64_t size)
{
	uint64_t end = size + (uint64_t)2 * TAR_BLOCK;
	return (size_t)(end - size + (TAR_RECORD - end % TAR_RECORD) % TAR_RECORD);
}

/* At least TAR_RECORD + 2 * TAR_BLOCK zero bytes, for padding and trailers. */
extern const char tar_zeros[TAR_RECORD + 2 * TAR_BLOCK];

#endif
