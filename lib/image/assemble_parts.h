/* SPDX-License-Identifier: MIT */
#ifndef LAYERPIPE_ASSEMBLE_PARTS_H
#define LAYERPIPE_ASSEMBLE_PARTS_H

/* What the parts of assemble share: the image in the making, and what each format does with it. */

#include "base/hashing.h"
#include "base/intern.h"
#include "image/assemble.h"
#include "image/dockerarchive.h"
#include "layer/layerread.h"

/* A layer that the image has. */
struct assemble_stored {
	char key[DIGEST_HEX_LEN + 1];        /* "": none */
	char hex[DIGEST_HEX_LEN + 1];        /* its diff ID */
	char digest[DIGEST_HEX_LEN + 1];     /* of its blob */
	uint64_t size;                       /* of its blob */
	const char *media_type, *compressor; /* the latter as in known-layers(5) */
};

struct assembly {
	const struct assemble_streams *s;
	const struct assemble_options *o;
	const struct imageconfig *config;
	struct layerread *in;
	struct hashing *hashing;
	struct dockerarchive out; /* where the image is an archive */
	struct assemble_stored *stored;
	size_t nstored, stored_cap;
	size_t *order; /* for each layer of the image its place in stored */
	size_t norder, order_cap;
	struct layerlist *layers;
	char *about;               /* how layers are compressed: compress_about() */
	struct compress *compress; /* once a layer needed it */
	struct intern texts;
};

/* What follows the layers. */
struct assemble_ending {
	const struct buf *json; /* the configuration */
	const char *id;         /* its digest */
	const char *const *names;
	size_t nnames;
};

/*
 * How a format stores a layer that comes for the first time, under its key (NULL: it has none), and
 * how it ends.
 */
struct assemble_form {
	int (*layer)(struct assembly *a, const struct layerread_layer *l, const char *key,
		     const struct assemble_stored **s, struct err *e);
	int (*finish)(struct assembly *a, const struct assemble_ending *end, struct err *e);
};

extern const struct assemble_form assemble_docker, assemble_oci;

/* Takes a piece of a layer. */
typedef int assemble_write_fn(void *to, const void *data, size_t len, struct err *e);

/*
 * Takes the contents of the current layer from the input; write (NULL: none) gets them, and hex
 * their digest.
 */
MUST_USE int assemble_copy(struct assembly *a, assemble_write_fn *write, void *to, char *hex,
			   struct err *e);

/* A write function that puts it into the archive; to is the assembly. */
assemble_write_fn assemble_to_archive;

/* Puts what was spooled into the archive. */
MUST_USE int assemble_unspool(struct assembly *a, int spool, struct err *e);

/* The layer of that key or that digest (NULL: any), if there is one. */
const struct assemble_stored *assemble_find(const struct assembly *a, const char *key,
					    const char *hex);

/*
 * Notes a layer, compressed as the options say; key NULL: it has none. The caller can say more of
 * it before the next one is noted.
 */
struct assemble_stored *assemble_store(struct assembly *a, const char *key, const char *hex,
				       const char *digest, uint64_t size);

/* Whether a layer that was found by its key or digest is the same. */
MUST_USE int assemble_same(const struct assembly *a, const struct assemble_stored *s,
			   const char *hex, struct err *e);

#endif
