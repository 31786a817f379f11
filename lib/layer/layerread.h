/* SPDX-License-Identifier: MIT */
#ifndef LAYERPIPE_LAYERREAD_H
#define LAYERPIPE_LAYERREAD_H

/*
 * Reading layers from layer-stream(5): any number of streams one after the
 * other, and plain tars whose regular members are layer tars.
 */

#include <stddef.h>
#include <stdint.h>

#include "base/digest.h"
#include "base/err.h"
#include "base/mem.h"

/* The blob that a layer became once, of a layer that comes without its bytes. */
struct layerread_blob {
	const char *digest; /* 64 lower-case hex digits, without "sha256:" */
	uint64_t size;
	const char *media_type, *compressor; /* as in known-layers(5) */
};

/* What a stream says about one layer; strings are valid until the next layerread_next(). */
struct layerread_layer {
	const char *name;    /* of the member */
	uint64_t size;       /* bytes of the layer tar */
	const char *comment; /* UTF-8; NULL where not given, as those below */
	const char *key;     /* 64 lower-case hex digits */
	const char *diffid;  /* 64 lower-case hex digits, without "sha256:" */
	const struct layerread_blob
		*blob; /* it is sent by reference: it has a diffid and no bytes */
};

struct layerread;

/* fd and name (for messages) are borrowed. */
struct layerread *layerread_new(int fd, const char *name);
void layerread_free(struct layerread *r);

/* From now on layers by reference are taken; they are refused else, as they have no bytes. */
void layerread_references(struct layerread *r);

/*
 * The next layer, *layer NULL at the end of the input. Refuses a stream that
 * is cut short, that holds fewer or more layers than it announced, a member
 * that is neither a regular file nor (in a plain tar) a directory, and, where
 * the stream gives no digest to check it by, one whose size is 0 or not a
 * multiple of a tar block.
 */
MUST_USE int layerread_next(struct layerread *r, const struct layerread_layer **layer,
			    struct err *e);

/*
 * The next piece of the layer tar; *len is 0 at its end. A piece stays valid
 * during one more call. Refuses contents that are no uncompressed tar: whose
 * first block is neither a tar header nor zeros; and, where the stream gives
 * no digest to check them by, contents that do not end in two zero blocks.
 */
MUST_USE int layerread_data(struct layerread *r, const void **data, size_t *len, struct err *e);

/* Bytes of input used so far; right after layerread_next(): where the layer tar begins. */
uint64_t layerread_offset(const struct layerread *r);

/* Number of layers begun so far. */
uint64_t layerread_layers(const struct layerread *r);

/* Puts "INPUT: layer N ('MEMBER'): " in front of the error. Returns -1. */
int layerread_wrap(const struct layerread *r, struct err *e);

/* For __attribute__((cleanup)). */
void layerread_cleanup(struct layerread **r);
#define AUTO_LAYERREAD __attribute__((cleanup(layerread_cleanup)))

#endif
