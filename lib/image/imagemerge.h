/* SPDX-License-Identifier: MIT */
#ifndef LAYERPIPE_IMAGEMERGE_H
#define LAYERPIPE_IMAGEMERGE_H

/*
 * The images of several files as one docker-archive (dockerarchive.h) or OCI layout (ocilayout.h).
 * Configurations stay as they are, so image IDs do too. A layer is named by
 * its diff ID in an archive, so that equal ones are stored once and others never share a
 * name, and is not compressed there.
 */

#include <stddef.h>

#include <stdint.h>

#include "base/err.h"
#include "base/mem.h"
#include "base/progress.h"
#include "image/ocilayout.h"
#include "tar/compress.h"

/* Bytes of all configurations together, which are kept in memory. */
#define IMAGEMERGE_MAX_CONFIGS ((size_t)32 << 20)

struct imagemerge;

struct imagemerge *imagemerge_new(void);

/* The images will be in an OCI layout: a name can stand for one of each platform. */
void imagemerge_for_layout(struct imagemerge *m);

/*
 * The NAME or NAME:TAG (borrowed) for images of files added from now on that
 * have no name of this form: one with a tag alone gets NAME and its tag,
 * another one NAME:TAG, the tag being latest where none is given.
 */
MUST_USE int imagemerge_name(struct imagemerge *m, const char *name, struct err *e);

/*
 * Adds the images of a file or directory (imagefile.h); "-" is standard
 * input. An image that was added before gets the names it has here, too. A
 * name that another image has, and a name that is no NAME:TAG, are errors;
 * so is a file without images. After an error the merge is only to be freed.
 */
MUST_USE int imagemerge_add(struct imagemerge *m, const char *path, struct err *e);

/* What the file added last is compressed with, gzip where that is xz. */
enum compress_kind imagemerge_compression(const struct imagemerge *m);

/* How many different layers there are. */
size_t imagemerge_layers(const struct imagemerge *m);

/* How many layers come into a layout: each is copied once for each way it is compressed in, and is
 * compressed once for all images that have no blob of it. */
size_t imagemerge_blobs(const struct imagemerge *m);

/* The bytes of the different layers together; 0 where some are compressed, as those tell no size.
 */
uint64_t imagemerge_bytes(const struct imagemerge *m);

/*
 * Writes the docker-archive, its end included; compress_finish() is the caller's.
 * Each layer is read once, one that is compressed twice, and checked against
 * its diff ID. On failure the archive has neither manifest nor end.
 */
MUST_USE int imagemerge_write(struct imagemerge *m, struct compress *to, struct progress *progress,
			      struct err *e);

/*
 * Puts the images into an OCI layout, after imagemerge_for_layout(), and commits it. An image of an
 * OCI layout or archive keeps its manifest and its blobs, byte for byte; those of layers may be
 * absent. Of an image that comes several times the copy with most layers is taken. Layers of any
 * other image are compressed. Several images of one name become an index.
 */
MUST_USE int imagemerge_write_layout(struct imagemerge *m, struct ocilayout *layout,
				     enum compress_kind kind, unsigned jobs,
				     struct progress *progress, struct err *e);

void imagemerge_free(struct imagemerge *m);

/* For __attribute__((cleanup)). */
void imagemerge_cleanup(struct imagemerge **m);
#define AUTO_IMAGEMERGE __attribute__((cleanup(imagemerge_cleanup)))

#endif
