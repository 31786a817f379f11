/* SPDX-License-Identifier: MIT */
#ifndef LAYERPIPE_BLOBPUSH_H
#define LAYERPIPE_BLOBPUSH_H

/* The blobs of an image, brought to a repository that may have some of them. */

#include <stdbool.h>
#include <stddef.h>

#include "base/err.h"
#include "base/mem.h"
#include "base/progress.h"
#include "registry/layoutread.h"
#include "registry/session.h"

enum blobpush_state {
	BLOBPUSH_UNWANTED, /* nobody needs to know */
	BLOBPUSH_PRESENT,
	BLOBPUSH_MISSING,
	BLOBPUSH_ASSUMED, /* an image of the repository has it, so it is there, as a rule */
	BLOBPUSH_MOUNT,   /* another repository of the registry has it */
};

/* All borrowed. */
struct blobpush {
	struct session *session;
	const struct layoutread *layout;
	const char *repository;
	const char *const *sources; /* repositories that may have the blobs, nsources of them */
	size_t nsources;
	unsigned jobs;
	const char
		*earlier; /* digest of an image of the repository, whose blobs are there; or NULL */
	enum blobpush_state *states; /* one a blob of the layout */
	const char **from;           /* the same: which repository has it, for BLOBPUSH_MOUNT */
};

/*
 * Asks for all blobs that are said to be missing. It does not ask for layers of the earlier image,
 * if there is one and its manifest can be had.
 */
MUST_USE int blobpush_ask(const struct blobpush *p, struct err *e);

/* Counts blobs that were only assumed to be there as missing: whether there are any. */
bool blobpush_doubt(const struct blobpush *p);

/* Asks which of the other repositories have those that are missing; who does not answer has none.
 */
void blobpush_ask_sources(const struct blobpush *p);

/*
 * Sends what is missing, or has it mounted: where there is but one other repository, it need not
 * have been asked. A blob is opened only when its bytes are needed. The first that fails, or
 * whose bytes are not what its digest says, ends it all.
 */
MUST_USE int blobpush_send(const struct blobpush *p, struct progress *progress, struct err *e);

#endif
