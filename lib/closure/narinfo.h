/* SPDX-License-Identifier: MIT */
#ifndef LAYERPIPE_NARINFO_H
#define LAYERPIPE_NARINFO_H

/* What a binary cache says of its paths: .narinfo files, one behind the other. */

#include "base/err.h"
#include "base/mem.h"
#include "base/record.h"
#include "closure/graph.h"

/*
 * Reads to the end of the input. Each record begins with its StorePath;
 * NarHash, NarSize and References must follow, other keys are skipped, and
 * so are empty lines between records.
 */
MUST_USE int narinfo_read(struct graph_builder *b, struct record_reader *r, struct err *e);

#endif
