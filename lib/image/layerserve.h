/* SPDX-License-Identifier: MIT */
#ifndef LAYERPIPE_LAYERSERVE_H
#define LAYERPIPE_LAYERSERVE_H

/* Blobs of known layers that an OCI layout lacks, made of the store or of an image when a command
 * opens them. */

#include "base/err.h"
#include "base/mem.h"
#include "image/blobpipes.h"
#include "image/image.h"
#include "layer/knownlayers.h"
#include "layer/storelayer.h"
#include "plan/plan.h"

/* All borrowed. */
struct layerserve {
	const char *layout;
	const struct plan *plan; /* maybe empty */
	const struct image *const *images;
	size_t nimages;
	const struct knownlayers *known;
	struct storelayer_form form;
	const char *root_dir; /* where the store directory lies; NULL: / */
	unsigned threads;
};

/*
 * Runs the command, as blobpipes_run() does. Each layer of the plan that is known by its key, or
 * of the images by its diff ID, and whose blob the layout lacks, can be read meanwhile. A layer
 * that comes out other than it is known is an error, and its reader never gets all of it.
 */
MUST_USE int layerserve_run(const struct layerserve *s, char *const command[],
			    struct blobpipes_end *end, struct err *e);

#endif
