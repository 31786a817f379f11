/* SPDX-License-Identifier: MIT */
#ifndef LAYERPIPE_LAYERSTREAM_H
#define LAYERPIPE_LAYERSTREAM_H

/*
 * What writers and readers of a layer stream share: the records of
 * layer-stream(5). A stream is a pax tar: a global header with
 * LAYERPIPE.layers, one regular member a layer with the other records in its
 * extended header, two zero blocks. Streams concatenate.
 *
 * A header's records stand in the value of one pax record "comment", which no
 * tar program complains of: a line RECORD=VALUE each, the history comment last
 * and to the end. Each can also be a pax record of its own.
 */

#define LAYERSTREAM_PREFIX  "LAYERPIPE."
#define LAYERSTREAM_LAYERS  "LAYERPIPE.layers"  /* decimal: how many members follow */
#define LAYERSTREAM_DIFFID  "LAYERPIPE.diffid"  /* sha256:HEX of the member's bytes */
#define LAYERSTREAM_KEY     "LAYERPIPE.key"     /* HEX, SHA-256 over what determines the bytes */
#define LAYERSTREAM_COMMENT "LAYERPIPE.comment" /* history comment of the layer */

/* The member has no bytes: "sha256:HEX SIZE MEDIA-TYPE COMPRESSOR" of the blob that it became */
#define LAYERSTREAM_BLOB "LAYERPIPE.blob"

#endif
