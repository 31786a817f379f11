/* SPDX-License-Identifier: MIT */
#ifndef LAYERPIPE_LAYERTREE_PART_H
#define LAYERPIPE_LAYERTREE_PART_H

/*
 * How a layertree looks to its own parts.
 *
 * Every name that a layer ever had is a node for good, and whether it is
 * there is a matter of numbers: layers count from 1, each node knows the last
 * one that touched it, and a floor that the layers of what is below it must
 * reach. To replace or hide a directory is to raise its floor: nothing below
 * it is looked at, be it a million names. What stands above a node counts,
 * too: the floors that layertree_floors() gives have that in them.
 */

#include "base/intern.h"
#include "base/nametree.h"
#include "layer/layertree.h"

/* What a file is, under whatever names. The first one of a tree is the directory by default. */
struct layertree_file {
	uint64_t offset; /* of its contents */
	uint64_t size;   /* a device: its numbers, the major one in the upper half */
	uint64_t uid;
	uint64_t gid;
	int64_t mtime;
	const char *link;         /* in strings */
	struct tar_xattr *xattrs; /* owned; names and values in strings */
	uint32_t nxattrs;
	uint32_t mtime_nsec;
	uint32_t uname; /* numbers in strings */
	uint32_t gname;
	uint16_t mode;
	char type; /* an enum tar_type but TAR_HARDLINK */
};

/* About the node of the same number. */
struct layertree_state {
	uint32_t touched; /* the last layer that has it, or something below it; 0: it is gone */
	uint32_t set;     /* the layer that says which file it is */
	uint32_t floor;   /* what is below it is there if a layer from this one on touched it */
};

struct layertree {
	struct nametree tree; /* each node's origin is the number of its file */
	struct layertree_state *states;
	struct layertree_file *files;
	size_t states_cap, files_cap;
	struct intern strings;
	uint32_t nfiles;
	uint32_t layers;
	uint64_t entries; /* that layers had so far */
	uint64_t text;    /* bytes that count for LAYERTREE_MAX_TEXT */
};

enum { LAYERTREE_DEFAULT = 0 }; /* the file that is the directory by default */

/* What an entry of a layer is; offset: where its contents lie. */
struct layertree_file layertree_file_of(struct layertree *t, const struct tar_entry *entry,
					uint64_t offset);

/* The same as an entry without a name, which the tree owns. */
struct tar_entry layertree_entry_of(const struct layertree *t, const struct layertree_file *file);

/* Whether a node is there, below a parent whose floor this is. */
static inline bool layertree_is_there(const struct layertree_state *s, uint32_t floor)
{
	return s->touched && s->touched >= floor;
}

#endif
