/* SPDX-License-Identifier: MIT */
#ifndef LAYERPIPE_MTREE_H
#define LAYERPIPE_MTREE_H

/* File trees as text: the lines of layerpipe-mtree(5). */

#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "base/intern.h"
#include "base/mem.h"
#include "base/out.h"
#include "tar/tar.h"

/* Bits of mtree_entry.has. */
enum mtree_key {
	MTREE_TYPE = 1 << 0,
	MTREE_MODE = 1 << 1,
	MTREE_UID = 1 << 2,
	MTREE_GID = 1 << 3,
	MTREE_UNAME = 1 << 4,
	MTREE_GNAME = 1 << 5,
	MTREE_SIZE = 1 << 6,
	MTREE_TIME = 1 << 7,
	MTREE_LINK = 1 << 8,
	MTREE_CONTENTS = 1 << 9,
	MTREE_DEVICE = 1 << 10,
};

/* Strings belong to the mtree, or for mtree_write() to the caller. */
struct mtree_entry {
	const char *path;   /* "." or names with single slashes: no leading "./" */
	unsigned has;       /* the keys below that are set */
	enum tar_type type; /* not TAR_HARDLINK, TAR_PAX, TAR_PAX_GLOBAL */
	unsigned mode;
	uint64_t uid;
	uint64_t gid;
	const char *uname;
	const char *gname;
	uint64_t size;
	int64_t time;  /* seconds */
	uint32_t nsec; /* and what is to be added to them, below a second */
	const char *link;
	const char *contents;
	uint32_t devmajor;
	uint32_t devminor;
	struct tar_xattr *xattrs; /* sorted by name */
	size_t nxattrs;
	uint64_t line; /* where it stands in the input; 0: added as a missing parent */
};

/* Sorted: each directory before what is in it, names in byte order. Starts as { 0 }. */
struct mtree {
	struct mtree_entry *entries;
	size_t n;
	size_t cap;
	struct intern strings;
};

/*
 * Reads all lines, sorts them, refuses a path that stands there twice or below
 * one that is no directory, and adds the parents that are missing ("." aside)
 * as directories of which nothing but the type is known.
 */
MUST_USE int mtree_read(int fd, const char *name, struct mtree *m, struct err *e);

/* The same for a tree that is only looked at: a file of any size may lack contents=. */
MUST_USE int mtree_read_listing(int fd, const char *name, struct mtree *m, struct err *e);

/* Adds the parents that are missing to sorted entries of which none is there twice. */
void mtree_complete(struct mtree *m);

/* Writes one line: the path and the keys that are set. */
MUST_USE int mtree_write(const struct mtree_entry *entry, struct out *o, struct err *e);

/* Appends a word with \ooo for bytes that are not printable ASCII, for space, #, = and \. */
void mtree_escape(struct buf *b, const char *s);

/* Appends what the word means; refuses a NUL and an escape that layerpipe-mtree(5) does not have.
 */
MUST_USE int mtree_unescape(struct buf *b, const char *s, size_t len, struct err *e);

/* The order of paths: names in byte order, a directory right before what is in it. */
int mtree_compare(const char *a, const char *b);

void mtree_free(struct mtree *m);
#define AUTO_MTREE __attribute__((cleanup(mtree_free)))

#endif
