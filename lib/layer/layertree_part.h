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
#include "tar/tarread.h"

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

/* Where the contents of a sparse file lie. */
struct layertree_sparse {
	uint32_t file;                    /* its number */
	struct tarread_segment *segments; /* owned */
	size_t n;
};

struct layertree {
	struct nametree tree; /* each node's origin is the number of its file */
	struct layertree_state *states;
	struct layertree_file *files;
	size_t states_cap, files_cap;
	struct layertree_sparse *sparse; /* those that are, by number */
	size_t nsparse, sparse_cap;
	struct intern strings;
	uint32_t nfiles;
	uint32_t layers;
	uint64_t entries; /* that layers had so far */
	uint64_t text;    /* bytes that count for LAYERTREE_MAX_TEXT */
};

enum { LAYERTREE_DEFAULT = 0 }; /* the file that is the directory by default */

/* Notes that the last file added is sparse; segments are copied. */
void layertree_add_sparse(struct layertree *t, const struct tarread_segment *segments, size_t n);

/* What was noted of a file, or NULL. */
const struct layertree_sparse *layertree_find_sparse(const struct layertree *t, uint32_t file);

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

static inline bool layertree_is_dir(const struct layertree *t, uint32_t node)
{
	return t->files[t->tree.nodes[node].origin].type == TAR_DIR;
}

static inline bool layertree_is_link(const struct layertree *t, uint32_t node)
{
	return t->files[t->tree.nodes[node].origin].type == TAR_SYMLINK;
}

/* --- one layer as it is read --- */

/* A directory on the way to the last entry. */
struct layertree_step {
	uint32_t node;
	uint32_t floor; /* of what is below it, with all above counted */
	size_t end;     /* of its name in the way */
	size_t path;    /* bytes of its path, which links may have led elsewhere */
};

/*
 * What is hidden when the layer is at its end: until then links find what lower layers have,
 * wherever in the layer the whiteout stands.
 */
enum layertree_hiding { LAYERTREE_WHITEOUT, LAYERTREE_OPAQUE, LAYERTREE_NOTE };
struct layertree_hidden {
	uint32_t node;
	enum layertree_hiding kind;
};

/* Where a link of the layer leads, which need not be found out again. */
struct layertree_lead {
	uint32_t link; /* 0: none */
	struct layertree_step to;
};

enum { LAYERTREE_LEADS = 64 };

struct layertree_reading {
	struct layertree *t;
	struct tarread *tar;
	uint64_t base;
	uint32_t layer;               /* its number, from 1 */
	struct buf name;              /* the entry's: each component with a NUL behind it */
	struct buf way;               /* the last entry's directory, likewise */
	struct layertree_step *steps; /* that directory's, the root first */
	size_t nsteps, steps_cap;
	struct layertree_hidden *hidden;
	size_t nhidden, hidden_cap;
	struct layertree_lead leads[LAYERTREE_LEADS]; /* by the link's number */
	bool has_leads;
};

/* A new node's state: it is not there. */
void layertree_add_state(struct layertree *t, uint32_t node);

/* Whether a name of a layer hides another, and whether it is a note that is left out. */
bool layertree_is_whiteout(const char *name);
bool layertree_is_note(const char *name);

/*
 * Takes a name apart: each component with a NUL behind it; nothing for the
 * root. ".." goes up as clients have it, by the text alone.
 */
MUST_USE int layertree_split(const struct layertree_reading *r, const char *name, struct buf *b,
			     struct err *e);

/* Where the last component begins. */
size_t layertree_leaf(const struct buf *parts);

/* The limits of layertree.h. */
MUST_USE int layertree_too_many(const struct layertree_reading *r, struct err *e);
MUST_USE int layertree_spend(struct layertree_reading *r, size_t bytes, struct err *e);

/* The node of a name, a new one where there was none ever. */
MUST_USE int layertree_node(struct layertree_reading *r, uint32_t parent, const char *name,
			    uint32_t *node, struct err *e);

void layertree_hide(struct layertree_reading *r, uint32_t node, enum layertree_hiding kind);

/* The node that is there at this point, NAMETREE_NONE: none is. No link is followed. */
uint32_t layertree_find_node(const struct layertree *t, const struct buf *parts);

/* The step from a directory into another one in it. */
struct layertree_step layertree_below(const struct layertree *t, const struct layertree_step *top,
				      uint32_t node);

/* Makes a node in the directory top one by default. */
MUST_USE int layertree_make_missing(struct layertree_reading *r, const struct layertree_step *top,
				    uint32_t node, struct err *e);

/* Starts at the root. */
void layertree_start(struct layertree_reading *r);

/*
 * Goes to the directory of the entry, where the name's leaf is; what it
 * shares with the last entry's is not walked again. Links of the layer itself
 * are followed, and what is missing is made.
 */
MUST_USE int layertree_walk_to(struct layertree_reading *r, size_t leaf, struct err *e);

/* The directory that a link in the directory dir leads to; what is missing is made. */
MUST_USE int layertree_enter_link(struct layertree_reading *r, const struct layertree_step *dir,
				  uint32_t link, struct layertree_step *step, struct err *e);

/* Forgets where links lead, as something that they may pass is replaced. */
void layertree_forget_leads(struct layertree_reading *r);

/*
 * The directory that the first len bytes of a name lead to, by links of any
 * layer; its node is NAMETREE_NONE where there is none.
 */
MUST_USE int layertree_follow(struct layertree_reading *r, const struct buf *parts, size_t len,
			      struct layertree_step *step, struct err *e);

#endif
