/* SPDX-License-Identifier: MIT */
#ifndef LAYERPIPE_TARREAD_PARTS_H
#define LAYERPIPE_TARREAD_PARTS_H

/*
 * What the parts of tarread share: the input and the way through it are
 * tarread.c's, extended headers tarread_pax.c's, members tarread_member.c's.
 */

#include <stdbool.h>

#include "tar/tarread.h"
#include "tar/ustar.h"

/* A record of an extended header. */
struct tarread_pax {
	const char *key, *value; /* into the text, NUL-terminated */
	size_t len;
};

/* The records of one extended header. */
struct tarread_records {
	struct buf text;
	struct tarread_pax *list;
	size_t n, cap;
	bool present;
};

struct tarread {
	struct source *source;
	struct source_fd fd; /* the source where a descriptor was given */
	const char *name;
	/* Two buffers in turn, so that the piece given out last stays as it is. */
	char *buffers[2];
	int current;
	size_t start, end; /* what is unread in the current buffer */
	uint64_t offset;   /* of the byte at start */
	uint64_t header;   /* offset of the last header */
	uint64_t left;     /* contents not given out yet */
	size_t padding;    /* zeros behind them */
	bool in_archive;
	bool open_end; /* it may end without zero blocks */
	struct tarread_records own, global;
	const struct tarread_records *shown; /* what tarread_record() reads */
	struct buf long_name, long_link;
	bool has_name, has_link;
	struct buf ustar_name, ustar_link, uname, gname;
	struct tar_xattr *xattrs;
	size_t xattrs_cap;
	struct tar_entry entry;
};

/* Reads size bytes and their padding into b; more than TARREAD_MAX_HEADER are refused. */
MUST_USE int tarread_text(struct tarread *r, uint64_t size, struct buf *b, struct err *e);

/* Reads the records of an extended header of size bytes. */
MUST_USE int tarread_records_read(struct tarread *r, struct tarread_records *l, uint64_t size,
				  struct err *e);
void tarread_records_clear(struct tarread_records *l);
void tarread_records_free(struct tarread_records *l);

/* The record of that key, the last one of several; NULL: none. */
const struct tarread_pax *tarread_records_find(const struct tarread_records *l, const char *key);

/* Puts what the member's records say in place of what its header says. */
MUST_USE int tarread_pax_apply(struct tarread *r, struct err *e);

/* Reads what a header says of its member, and what went before it, into r->entry. */
MUST_USE int tarread_member(struct tarread *r, const struct ustar *h, struct err *e);

/* The size field of a header. */
MUST_USE int tarread_size(const struct tarread *r, const struct ustar *h, uint64_t *size,
			  struct err *e);

/* Reads a long name of GNU tar. */
MUST_USE int tarread_long(struct tarread *r, uint64_t size, struct buf *b, bool *has,
			  struct err *e);

/* Reads a global header. */
MUST_USE int tarread_global(struct tarread *r, uint64_t size, struct err *e);

#endif
