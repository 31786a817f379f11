/* SPDX-License-Identifier: MIT */
#ifndef LAYERPIPE_LAYERSTREAM_H
#define LAYERPIPE_LAYERSTREAM_H

/*
 * What writers and readers of a layer stream share: the records of
 * layer-stream(5). A stream is a pax tar: a global header with
 * LAYERPIPE.layers, one regular member a layer with the other records in its
 * extended header, two zero blocks. Streams concatenate.
 */

#define LAYERSTREAM_LAYERS  "LAYERPIPE.layers"  /* decimal: how many members follow */
#define LAYERSTREAM_COMMENT "LAYERPIPE.comment" /* history comment of the layer */
#define LAYERSTREAM_DIFFID  "LAYERPIPE.diffid"  /* sha256:HEX of the member's bytes */
#define LAYERSTREAM_KEY     "LAYERPIPE.key"     /* HEX, SHA-256 over what determines the bytes */

#endif
