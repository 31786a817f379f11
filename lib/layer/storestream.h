/* SPDX-License-Identifier: MIT */
#ifndef LAYERPIPE_STORESTREAM_H
#define LAYERPIPE_STORESTREAM_H

/* A plan's layers as a layer stream. */

#include <stdbool.h>

#include "base/err.h"
#include "base/mem.h"
#include "base/out.h"
#include "layer/knownlayers.h"
#include "layer/storelayer.h"
#include "plan/plan.h"

/* Strings are borrowed. */
struct storestream {
	struct storelayer_form form;
	const char *root_dir; /* where the store directory lies, and links lead from; NULL: / */
	const char *comment;  /* of every layer; NULL: nixpkgs' list of its store paths */
	unsigned jobs;        /* threads; never a matter of bytes */
	const struct knownlayers *known; /* layers to send by reference; NULL: none */
	const char *compressor; /* compress_about() that they must be known with, or "none" */
	bool digests;           /* give every layer's diff ID, not only where there is no key */
};

/*
 * Writes the stream. Of a layer that is known by its key nothing is read; one without a key is
 * read for its diff ID first. Refuses a path that does not lie right in the store directory.
 */
MUST_USE int storestream_write(const struct storestream *s, const struct plan *p, struct out *o,
			       struct err *e);

/* Writes the tar of a plan's only layer, without a stream around it. */
MUST_USE int storestream_bare(const struct storestream *s, const struct plan *p, struct out *o,
			      struct err *e);

#endif
