/* SPDX-License-Identifier: MIT */
#ifndef LAYERPIPE_EARLIERIMAGE_H
#define LAYERPIPE_EARLIERIMAGE_H

/*
 * The image that a tag names before a push. Its manifest says which blobs the repository has, so
 * that they need not be asked for one by one. All that goes wrong only makes less known.
 */

#include <stdbool.h>
#include <stddef.h>

#include "registry/layoutread.h"
#include "registry/manifestread.h"
#include "registry/session.h"

enum {
	EARLIERIMAGE_PLATFORMS = 8,  /* of an index, so many manifests at most */
	EARLIERIMAGE_TEXT = 1 << 20, /* bytes of a manifest at most */
};

/* A manifest that is asked for. */
struct earlierimage_part {
	struct session_call call; /* its owner is the struct earlierimage */
	char digest[LAYOUTREAD_DIGEST + 1];
	struct manifestread manifest;
};

/* Starts with the two that are borrowed; the others are private. */
struct earlierimage {
	struct session *session;
	const char *repository;
	struct earlierimage_part parts[1 + EARLIERIMAGE_PLATFORMS];
	size_t nparts, waiting;
};

/* Asks for the manifest or the index of that digest. */
void earlierimage_ask(struct earlierimage *i, const char *digest);

/* Takes the answer of a call whose owner is i: whether no other is on its way. */
bool earlierimage_answered(struct earlierimage *i, struct session_call *c);

/* Whether the image has that blob. */
bool earlierimage_has(const struct earlierimage *i, const char *digest);

void earlierimage_free(struct earlierimage *i);
#define AUTO_EARLIERIMAGE __attribute__((cleanup(earlierimage_free)))

#endif
