/* SPDX-License-Identifier: MIT */
#ifndef LAYERPIPE_TARREAD_PARTS_H
#define LAYERPIPE_TARREAD_PARTS_H

/*
 * What the parts of tarread share. They call each other only downwards:
 * tarread.c, tarread_member.c, tarread_sparse.c, tarread_pax.c,
 * tarread_field.c, tarread_input.c.
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

enum { TARREAD_OLD_SPARSE = 'S' }; /* the type of GNU tar's old form */

/* Sparse files, and the current one. */
struct tarread_sparse {
	bool allowed;
	bool on;                      /* the current member is one */
	struct tarread_segment *list; /* its pieces */
	size_t n, cap;
	size_t at;      /* the piece that is read, or comes next */
	uint64_t place; /* in the file */
	uint64_t size;  /* of the file */
	uint64_t holes; /* bytes of them so far, in all members */
};

/* One read: as much as a pipe can be made to hold. Fuzz targets take less: it costs time. */
#ifndef TARREAD_CHUNK
#define TARREAD_CHUNK (1 << 20)
#endif

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
	struct tarread_sparse sparse;
	struct tarread_records own, global;
	const struct tarread_records *shown; /* what tarread_record() reads */
	struct buf long_name, long_link;
	bool has_name, has_link;
	struct buf ustar_name, ustar_link, uname, gname;
	struct tar_xattr *xattrs;
	size_t xattrs_cap;
	struct tar_entry entry;
};

/* --- tarread_input.c: the way through the input --- */

/* The next block, or NULL where the input ends in front of it. */
MUST_USE int tarread_block(struct tarread *r, const char **block, struct err *e);

/* Reads size bytes and their padding into b; more than TARREAD_MAX_HEADER are refused. */
MUST_USE int tarread_text(struct tarread *r, uint64_t size, struct buf *b, struct err *e);

/* A piece of what is stored of the current member, at most max bytes. */
MUST_USE int tarread_stored(struct tarread *r, uint64_t max, const void **data, size_t *len,
			    struct err *e);

/* Skips what is left of the current member and the zeros behind it, which an open end may lack. */
MUST_USE int tarread_skip(struct tarread *r, struct err *e);

/* Errors: the input ends here, or it is compressed; -1. */
int tarread_truncated(const struct tarread *r, struct err *e);
int tarread_compressed(const struct tarread *r, struct err *e);

/* --- tarread_field.c: the fields of a header block --- */

/* A number of at most width bytes; what says which. */
MUST_USE int tarread_signed(const struct tarread *r, const char *field, size_t width,
			    const char *what, int64_t *value, struct err *e);

/* The same where it must not be negative. */
MUST_USE int tarread_field(const struct tarread *r, const char *field, size_t width,
			   const char *what, uint64_t *value, struct err *e);

/* --- tarread_pax.c: extended headers --- */

/* Reads the records of an extended header of size bytes. */
MUST_USE int tarread_records_read(struct tarread *r, struct tarread_records *l, uint64_t size,
				  struct err *e);
void tarread_records_clear(struct tarread_records *l);
void tarread_records_free(struct tarread_records *l);

/* The record of that key, the last one of several; NULL: none. */
const struct tarread_pax *tarread_records_find(const struct tarread_records *l, const char *key);

/* Puts what the member's records say in place of what its header says. */
MUST_USE int tarread_pax_apply(struct tarread *r, struct err *e);

/* Whether the member's records say that it is sparse. */
bool tarread_pax_is_sparse(const struct tarread *r);

/* Reads a global header. */
MUST_USE int tarread_global(struct tarread *r, uint64_t size, struct err *e);

/* --- tarread_sparse.c: sparse files --- */

/* Reads the map of a sparse member, whose stored size r->left is. */
MUST_USE int tarread_sparse_member(struct tarread *r, const struct ustar *h, struct err *e);

/* The next piece of its contents. */
MUST_USE int tarread_sparse_data(struct tarread *r, const void **data, size_t *len, struct err *e);

/* --- tarread_member.c: members --- */

/* Reads what a header says of its member, and what went before it, into r->entry. */
MUST_USE int tarread_member(struct tarread *r, const struct ustar *h, struct err *e);

/* The size field of a header. */
MUST_USE int tarread_size(const struct tarread *r, const struct ustar *h, uint64_t *size,
			  struct err *e);

/* Reads a long name of GNU tar. */
MUST_USE int tarread_long(struct tarread *r, uint64_t size, struct buf *b, bool *has,
			  struct err *e);

#endif
