/* SPDX-License-Identifier: MIT */
#ifndef LAYERPIPE_IMAGEREF_H
#define LAYERPIPE_IMAGEREF_H

/* Names and tags of images (github.com/distribution/reference, "Grammar"). */

#include "base/digest.h"
#include "base/err.h"
#include "base/mem.h"

enum { IMAGEREF_NAME_MAX = 255, IMAGEREF_TAG_MAX = 128, IMAGEREF_CONTENT_TAG_LEN = 32 };

/*
 * A repository name: components of a-z and 0-9, with ".", "_", "__" or dashes
 * between them, separated by "/"; in front a registry's host, with capitals and
 * a port, where its component holds "." or ":" or is "localhost". At most 255
 * bytes.
 */
MUST_USE int imageref_check_name(const char *name, struct err *e);

/* A tag: A-Z a-z 0-9 _ first, then also "." and "-", at most 128. */
MUST_USE int imageref_check_tag(const char *tag, struct err *e);

/* Both: NAME:TAG. */
MUST_USE int imageref_check(const char *reference, struct err *e);

/*
 * Where in a NAME or NAME:TAG the part begins that docker shows: "x" in
 * "docker.io/library/x", "x/y" in "docker.io/x/y". Names that are equal from
 * there on are the same to it.
 */
const char *imageref_familiar(const char *name);

/* The name with its registry: "docker.io/library/x" for "x". The caller frees it. */
char *imageref_full(const char *name);

/*
 * The tag that stands for an image by its content: the 32 bytes of its ID
 * folded to 20 as Nix folds the hashes of store paths, in nix-base32.
 */
void imageref_content_tag(const unsigned char id[DIGEST_LEN],
			  char tag[IMAGEREF_CONTENT_TAG_LEN + 1]);

#endif
