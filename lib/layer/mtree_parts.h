/* SPDX-License-Identifier: MIT */
#ifndef LAYERPIPE_MTREE_PARTS_H
#define LAYERPIPE_MTREE_PARTS_H

/* What the parts of the mtree reader share. */

#include <stdbool.h>
#include <string.h>

#include "base/record.h"
#include "layer/mtree.h"

struct mtree_reader {
	struct record_reader rec;
	struct mtree *m;
	struct mtree_entry defaults; /* what /set said */
	struct buf line;             /* a record whose lines end in \ are joined here */
	struct buf word;
	bool listing; /* files need no contents= */
};

static inline bool mtree_same(const char *name, const char *s, size_t len)
{
	return strlen(name) == len && memcmp(name, s, len) == 0;
}

/* The next word of the line, len 0 at its end; *line is moved behind it. */
struct record_field mtree_word(struct record_field *line);

/* The word's meaning, kept; never empty. */
MUST_USE int mtree_text(struct mtree_reader *r, const char *s, size_t len, const char **value,
			struct err *e);

/* The words KEY=VALUE of an entry or, where set is given, of a /set. */
MUST_USE int mtree_read_pairs(struct mtree_reader *r, struct mtree_entry *entry,
			      struct record_field *line, bool set, struct err *e);
MUST_USE int mtree_read_unset(struct mtree_reader *r, struct record_field *line, struct err *e);

/* Sorts, checks and completes what was read. name: the input. */
MUST_USE int mtree_finish(struct mtree *m, const char *name, struct err *e);

#endif
