/* SPDX-License-Identifier: MIT */
#ifndef LAYERPIPE_IMAGEFILE_H
#define LAYERPIPE_IMAGEFILE_H

/*
 * The file an image lies in, or the directory: its members by name. Knows
 * nothing of images. A plain tar in a regular file is read in place, contents
 * only when they are asked for; a pipe, or a compressed tar, is put aside in
 * a spool (spool.h), decompressed. A directory is an OCI layout.
 *
 * Links in an archive lead to members of it only. In a directory they lead
 * within it or to the Nix store, and from a name that is a digest to any
 * regular file, since its bytes are compared.
 */

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "base/mem.h"
#include "tar/compress.h"

enum {
	IMAGEFILE_MAX_MEMBERS = 200000, /* more in one archive are an error */
	IMAGEFILE_MAX_LINKS = 16,       /* steps from a link to a file */
	IMAGEFILE_MAX_TEXT =
		4 << 20, /* bytes of a member that is read whole; skopeo's limit, too */
};

struct imagefile;

/* Where the contents of a member lie. */
struct imagefile_member {
	const char *name; /* its own, at the end of links; borrowed */
	int fd;           /* a regular file; borrowed */
	uint64_t offset;  /* in it */
	uint64_t size;
};

/*
 * Opens a file or directory and, for a file, reads its index: all headers,
 * checked as tarread.h does. "-" is standard input. Errors begin with the
 * file's name, too: no tar, no members, another archive behind the first,
 * members whose names are absolute or lead out, a size beyond the end of the file,
 * more or longer names than an image has.
 */
MUST_USE int imagefile_open(const char *path, struct imagefile **f, struct err *e);

/* The same of a descriptor, which is taken over, on failure too; messages call it name. */
MUST_USE int imagefile_open_fd(int fd, const char *name, struct imagefile **f, struct err *e);

void imagefile_free(struct imagefile *f);

/* What messages call it: the path, or "<stdin>". */
const char *imagefile_name(const struct imagefile *f);

/* What the file itself is compressed with. */
enum compress_kind imagefile_compression(const struct imagefile *f);

/* Whether there is something of that name, be it a link to nowhere. */
bool imagefile_has(const struct imagefile *f, const char *name);

/*
 * Finds a regular file by name: "./" and "//" in names do not count. Links,
 * hard and symbolic, are followed inside the archive. Errors: no such member,
 * a link that leads outside, to nothing or in a circle, two members of that
 * name, a name that is absolute or leads out, what is no regular file. They
 * begin with the file's name and name the member. In a directory each file
 * that is found stays open.
 */
MUST_USE int imagefile_find(struct imagefile *f, const char *name, struct imagefile_member *m,
			    struct err *e);

/* Appends the contents of a member of at most IMAGEFILE_MAX_TEXT bytes, none of them NUL. */
MUST_USE int imagefile_text(struct imagefile *f, const char *name, struct buf *b, struct err *e);

/* For __attribute__((cleanup)). */
void imagefile_cleanup(struct imagefile **f);
#define AUTO_IMAGEFILE __attribute__((cleanup(imagefile_cleanup)))

#endif
