/* SPDX-License-Identifier: MIT */
#ifndef LAYERPIPE_LAYERTREE_H
#define LAYERPIPE_LAYERTREE_H

/*
 * The file tree that layers make on top of each other: OCI image
 * specification, "Image Layer Filesystem Changeset". Only in memory: nothing
 * is unpacked, no name becomes a path of the host.
 *
 * - A directory over a directory takes over its attributes; whatever else is
 *   put over something replaces it, with all that is below it.
 * - ".wh.NAME" hides NAME of lower layers, ".wh..wh..opq" all that lower
 *   layers have in its directory; both wherever in their layer they stand,
 *   and never what their own layer has. They make no directories. Other names
 *   that begin with ".wh..wh." are notes of old tools and are left out, but a
 *   hard link finds them; ".wh." alone is an error.
 * - A hard link is one more name of the file that its target is then, of this
 *   layer or a lower one, be it hidden by a whiteout of this layer; a target
 *   that is not there is an error. On the way to the target links lead where
 *   they do in a root file system.
 * - Names: a leading "/" and "./" do not count; ".." takes the part before it
 *   away, and out of the root it is an error. A name twice in one layer is an
 *   error unless both are directories.
 * - An entry below a symbolic link that its own layer made before goes where
 *   the link leads; so does a whiteout. Directories that are missing there are
 *   made, but one that is something else is an error, as it is below what its
 *   own layer has as a file. Below what a lower layer has as no directory, be
 *   it a link, a directory takes its place. Such a directory, as a parent that
 *   no layer describes, is 0755, 0:0, time 0.
 * - A sparse file is what it is when its holes are filled with zeros.
 * - An entry for the root gives its attributes (else 0755, 0:0, time 0).
 *
 * About 200 bytes an entry, besides names, links and attributes.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "base/mem.h"
#include "base/source.h"
#include "layer/mtree.h"
#include "tar/tar.h"
#include "tar/tarread.h"

enum {
	LAYERTREE_MAX_ENTRIES = 8000000, /* more are an error */
	LAYERTREE_MAX_TEXT =
		1 << 30, /* bytes of names, links, attributes, paths of missing parents */
};

struct layertree;

struct layertree *layertree_new(void);
void layertree_free(struct layertree *t);

/*
 * Lays one more layer on top, a whole layer tar: source is read to its end.
 * base is added to the offsets of contents within it: where the source lies
 * in what layertree_file() shall speak of. Errors begin with the source's
 * name and the offset of the header.
 */
MUST_USE int layertree_add(struct layertree *t, struct source *s, uint64_t base, struct err *e);

/* Layers added so far. */
uint32_t layertree_layers(const struct layertree *t);

/* What a path leads to, names with slashes between them. No link is followed: what is below one, or
 * below a file, is missing. */
enum layertree_kind { LAYERTREE_MISSING, LAYERTREE_DIR, LAYERTREE_OTHER };
enum layertree_kind layertree_look(const struct layertree *t, const char *path);

/* One name of the tree; all borrowed until the next call. */
struct layertree_entry {
	const char *path;     /* "." or names with single slashes, no leading "./" */
	struct tar_entry tar; /* name and link as they stand in a tar of "./" names; see below */
	uint64_t offset;      /* of its contents, base included; 0 unless it is TAR_FILE */
	const struct tarread_segment
		*segments; /* of a sparse file: what is stored there; NULL: all */
	size_t nsegments;
	uint32_t layer; /* the layer that has the name, from 0 */
	uint32_t file;  /* a number that names of one file share; not of a directory */
};

/*
 * Calls fn for each name of the merged tree: a directory before what is in
 * it, names in byte order (mtree_compare()). Of several names of one file the
 * first is the file; each other one has type TAR_HARDLINK and that first
 * one's path as link. Names of tar begin with "./", and a hard link's target
 * does; a symbolic link's is as its layer has it. Stops where fn returns -1.
 */
typedef int layertree_fn(const struct layertree_entry *entry, void *context, struct err *e);
MUST_USE int layertree_each(const struct layertree *t, layertree_fn *fn, void *context,
			    struct err *e);

/* The same, but each further name of a file is a file of its own. */
MUST_USE int layertree_each_name(const struct layertree *t, layertree_fn *fn, void *context,
				 struct err *e);

/*
 * Calls fn for the contents of an entry, from front to end: with the offset of
 * bytes that are stored, or, for zeros that are not, with LAYERTREE_ZEROS.
 * Nothing is called for what is no file or empty.
 */
#define LAYERTREE_ZEROS UINT64_MAX
typedef int layertree_contents_fn(void *context, uint64_t offset, uint64_t size, struct err *e);
MUST_USE int layertree_contents(const struct layertree_entry *entry, layertree_contents_fn *fn,
				void *context, struct err *e);

/*
 * Writes the tree as lines of layerpipe-mtree(5), "." first. A further name
 * of a file is a file of its own there (the format has no hard links).
 */
MUST_USE int layertree_mtree(const struct layertree *t, struct out *o, struct err *e);

/* For __attribute__((cleanup)). */
void layertree_cleanup(struct layertree **t);
#define AUTO_LAYERTREE __attribute__((cleanup(layertree_cleanup)))

#endif
