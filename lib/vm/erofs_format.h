/* SPDX-License-Identifier: MIT */
#ifndef LAYERPIPE_EROFS_FORMAT_H
#define LAYERPIPE_EROFS_FORMAT_H

/*
 * The parts of an EROFS, as they lie on disk: Linux, fs/erofs/erofs_fs.h. For
 * erofs.c and erofs_xattrs.c only. Numbers are little-endian; what layerpipe
 * does not use is zero.
 */

#include <stdint.h>

enum {
	EROFS_BLOCK_BITS = 12,
	EROFS_BLOCK = 1 << EROFS_BLOCK_BITS,
	EROFS_SUPER_AT = 1024, /* where the superblock is */
	EROFS_SLOT = 32,       /* an inode's number times this is its place */
	EROFS_NAME_MAX = 255,
	EROFS_VALUE_MAX = UINT16_MAX, /* bytes of an attribute's value */
	EROFS_XATTR_ALIGN = 4,
	EROFS_XATTRS_MAX = 0xfffe * EROFS_XATTR_ALIGN, /* bytes behind the header of attributes */
};

#define EROFS_MAGIC 0xe0f5e1e2U

/* Of an inode: the long form, with its contents in blocks, or right behind it and its attributes.
 */
enum { EROFS_LONG = 1, EROFS_IN_BLOCKS = EROFS_LONG | 0 << 1, EROFS_INLINE = EROFS_LONG | 2 << 1 };

/* What a directory says of the type of a file in it. */
enum erofs_type {
	EROFS_FILE = 1,
	EROFS_DIR,
	EROFS_CHAR,
	EROFS_BLOCKDEV,
	EROFS_FIFO,
	EROFS_SYMLINK = 7,
};

struct erofs_super {
	uint32_t magic, checksum, features;
	uint8_t block_bits, slots;
	uint16_t root;
	uint64_t inodes, time;
	uint32_t time_nsec, blocks, inodes_at, xattrs_at;
	uint8_t uuid[16], label[16];
	uint32_t needed_features;
	uint16_t algorithms, devices, device_slots;
	uint8_t rest[38];
};
_Static_assert(sizeof(struct erofs_super) == 128, "the size of a superblock");

struct erofs_inode {
	uint16_t format, xattr_count, mode, reserved;
	uint64_t size;
	uint32_t place; /* the first of its blocks; a device's numbers */
	uint32_t number, uid, gid;
	uint64_t mtime;
	uint32_t mtime_nsec, links;
	uint8_t rest[16];
};
_Static_assert(sizeof(struct erofs_inode) == 64, "the size of an inode");

/* A block of a directory: these, then their names, in byte order. */
struct erofs_dirent {
	uint32_t inode, inode_high;
	uint16_t name_at; /* from the start of the block */
	uint8_t type, reserved;
};
_Static_assert(sizeof(struct erofs_dirent) == 12, "the size of a directory's entry");

struct erofs_xattrs {
	uint32_t reserved;
	uint8_t shared, rest[7];
};
_Static_assert(sizeof(struct erofs_xattrs) == 12, "the size of a header of attributes");

/* In front of a name without its prefix, and a value. */
struct erofs_xattr {
	uint8_t name_len, prefix;
	uint16_t value_len;
};
_Static_assert(sizeof(struct erofs_xattr) == 4, "the size of an attribute's header");

#endif
