/* SPDX-License-Identifier: MIT */
#ifndef LAYERPIPE_IMAGE_H
#define LAYERPIPE_IMAGE_H

/*
 * The images in a file: a docker-archive (manifest.json; Docker Image
 * Specification v1.2 and what docker, podman and skopeo write), an OCI image
 * layout (index.json; OCI Image Layout Specification), or what skopeo's dir:
 * writes, as archive or directory. Where both are there, manifest.json counts.
 *
 * Errors begin with the file's name, and those about a layer say which one.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/digest.h"
#include "base/err.h"
#include "base/mem.h"
#include "base/source.h"
#include "image/imagefile.h"
#include "layer/layerlist.h"
#include "tar/zstdtocread.h"

enum { IMAGE_MAX_LAYERS = 4096, IMAGE_MAX_IMAGES = 4096 };

/* One image of a file, as the file's index has it; all owned by the imageset. */
struct image_entry {
	char **names; /* "NAME:TAG" as they stand there; maybe none */
	size_t nnames;
	/* private */
	char *config; /* docker-archive: names of members */
	char **layers;
	size_t nlayers;
	struct image_descriptor *manifests; /* OCI: one a platform, mostly just one */
	size_t nmanifests;
	bool flat; /* skopeo's dir: form */
};

/* What an OCI index says of an image, or of an index within. */
struct image_descriptor {
	char *digest;
	char *platform; /* "linux/amd64", maybe with a variant; NULL: not given */
};

struct imageset {
	struct image_entry *entries;
	size_t n;
	/* private */
	size_t cap;
	struct buf skipped; /* what else an index names, and why it is no image */
	size_t nskipped;
};

/*
 * Reads which images there are. No manifest at all is an error that says what
 * was expected; an empty one is not. What in an OCI index is no image, such as
 * a signature, is left out, and messages tell of it: by what the index says,
 * and of several images also by what their manifests say. An OCI index within the index stands for
 * the image of this machine's platform in it, or for its only one; images
 * whose manifests are not in the file do not count.
 */
MUST_USE int imageset_read(struct imagefile *f, struct imageset *s, struct err *e);

/* The same from the index.json alone, which must be there. */
MUST_USE int imageset_read_index(struct imagefile *f, struct imageset *s, struct err *e);

/*
 * The number of the image that a NAME or NAME:TAG stands for, the tag being
 * latest where none is given; name NULL: the first. Names are compared as
 * docker shows them: "docker.io/library/x" is "x". The error lists the names
 * that there are.
 */
MUST_USE int imageset_find(const struct imageset *s, const struct imagefile *f, const char *name,
			   size_t *entry, struct err *e);

void imageset_free(struct imageset *s);
#define AUTO_IMAGESET __attribute__((cleanup(imageset_free)))

/* What a manifest says of the table of a layer, zstdtocread.h, as it is; each NULL where absent. */
struct image_table {
	char *checksum, *position, *tarsplit;
};

/* A layer of an image. Strings belong to the image. */
struct image_layer {
	struct imagefile_member blob; /* as it is stored */
	char *diffid;                 /* "sha256:HEX" as the configuration has it */
	char *digest;     /* "sha256:HEX" of the blob where a manifest has it, or NULL */
	char *media_type; /* of the blob where a manifest has it, or NULL */
	char *comment;    /* from the history, or NULL */
	char *created_by; /* the same: the command that made it */
	struct image_table table;
	enum compress_kind compression;
	bool absent;   /* its blob is not in the file; size is that of the blob */
	uint64_t size; /* bytes of the layer tar; for a compressed one image_layer_size() sets it */
};

/* Starts as { 0 }, or with absent_ok, platform and alone_ok. */
struct image {
	struct imagefile *file; /* borrowed */
	bool absent_ok; /* an OCI image may lack blobs of layers; whoever reads one gets an error */
	const char *platform; /* the one to take, OS/ARCH[/VARIANT]; NULL: this machine's; borrowed
			       */
	bool alone_ok;        /* an image that is the only one can be for another platform */
	struct buf json;      /* the configuration, its bytes */
	struct buf config;    /* the same as lines, image-config(5), history included */
	struct buf manifest;  /* of an OCI image manifest its bytes, else empty */
	char *os, *architecture, *variant; /* as the configuration has them, or NULL */
	struct image_layer *layers;
	size_t nlayers;
	/* private */
	bool flat;  /* skopeo's dir: form */
	bool alone; /* there was no choice between platforms */
};

/*
 * Reads the image's configuration and finds its layers. Checked: as many
 * layers as diff IDs, the digest of a configuration or manifest that a
 * manifest or index names by its digest, that it is for the platform that was asked for, a tar
 * header or a known compression at the start of each layer. A history that does not fit the layers
 * is left out of the lines.
 */
MUST_USE int image_read(struct imagefile *f, const struct imageset *s, size_t entry,
			struct image *i, struct err *e);

/*
 * Where the image is one of a manifest.json, which tells of no tables, and the file has an
 * index.json as well: takes them from the image there that has the same configuration, if there is
 * one.
 */
MUST_USE int image_find_tables(struct image *i, struct err *e);

/* What the image is for, OS/ARCH[/VARIANT]; the caller frees it. */
char *image_platform(const struct image *i);

void image_free(struct image *i);
#define AUTO_IMAGE __attribute__((cleanup(image_free)))

/* Reads a layer, decompressed, in order. */
struct image_reader;

/* layer counts from 0. The image must outlive the reader. A layer that is absent is an error. */
MUST_USE int image_layer_open(const struct image *i, size_t layer, struct image_reader **r,
			      struct err *e);

/*
 * The bytes of the layer tar. Reading to the end checks the digest of what
 * was decompressed against the diff ID, and that of the blob where it is
 * known; skipping instead leaves both unchecked, and is there only for a
 * layer that is not compressed.
 */
struct source *image_layer_source(struct image_reader *r);

/*
 * The same without copying: the next piece, valid until the next call; *len is 0 at the end,
 * where the digests are checked. Not to be mixed with the source.
 */
MUST_USE int image_layer_next(struct image_reader *r, const void **data, size_t *len,
			      struct err *e);

void image_layer_close(struct image_reader *r);

/*
 * Learns the size of a compressed layer by decompressing it, checked as
 * above; no more than a look for one that is not compressed.
 */
MUST_USE int image_layer_size(struct image *i, size_t layer, struct err *e);

/* Whether clients can pull the layer in pieces: its manifest says that it has a table of them. */
bool image_layer_has_table(const struct image *i, size_t layer);

/*
 * Gives the files of such a layer and their pieces, without decompressing contents; *length is what
 * a client pulls to know them, the compressed table and tar-split data. The table is checked as
 * zstdtocread.h says, but not against the tar.
 */
MUST_USE int image_layer_pieces(const struct image *i, size_t layer, zstdtocread_take *take,
				void *context, uint64_t *length, struct err *e);

/* Puts "FILE: layer N (DIFF-ID): " in front of the error. Returns -1. */
int image_layer_wrap(const struct image *i, size_t layer, struct err *e);

/* For __attribute__((cleanup)). */
void image_reader_cleanup(struct image_reader **r);
#define AUTO_IMAGE_READER __attribute__((cleanup(image_reader_cleanup)))

#endif
