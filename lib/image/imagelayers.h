/* SPDX-License-Identifier: MIT */
#ifndef LAYERPIPE_IMAGELAYERS_H
#define LAYERPIPE_IMAGELAYERS_H

/* What image-layers tells of an image. */

#include "base/err.h"
#include "base/mem.h"
#include "base/out.h"
#include "image/image.h"
#include "layer/knownlayers.h"

/*
 * The layers as layer-stream(5), bottom first, with their diff IDs and
 * comments. Compressed ones are decompressed twice: once before anything is
 * written, to learn their sizes. Those that are known (NULL: none) with that
 * compressor are sent by reference. On failure the stream lacks its end.
 */
MUST_USE int imagelayers_stream(struct image *i, const struct knownlayers *known,
				const char *compressor, struct out *o, struct err *e);

/*
 * The layers as layer-list(5). A compressed layer whose digest no manifest
 * has is read to hash it.
 */
MUST_USE int imagelayers_list(const struct image *i, struct out *o, struct err *e);

/*
 * The merged tree, in one pass over the layers; where an output is NULL, without that. files gets
 * it as layerpipe-mtree(5). store_paths gets a line "PATH TAB NAR-SIZE" for each path of the store
 * in it, by name. The size is that of what is there: whoever knows the store path's own knows
 * whether it is whole. One that holds what Nix cannot archive is left out. Contents of layers that
 * are not compressed are skipped, so that their digests stay unchecked.
 */
MUST_USE int imagelayers_tree(const struct image *i, struct out *files, struct out *store_paths,
			      const char *store_dir, struct err *e);

/* The names of n images, one a line, escaped as a field is. */
MUST_USE int imagelayers_names(const struct image_entry *entries, size_t n, struct out *o,
			       struct err *e);

#endif
