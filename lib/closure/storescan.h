/* SPDX-License-Identifier: MIT */
#ifndef LAYERPIPE_STORESCAN_H
#define LAYERPIPE_STORESCAN_H

/* A closure without a Nix database: sizes, hashes and references out of the files themselves. */

#include "base/err.h"
#include "base/intern.h"
#include "base/mem.h"
#include "closure/graph.h"

/*
 * Reads the files of each path, which lies right in store_dir, and adds it to
 * the builder; what can be referred to are these paths. root_dir, if it is not
 * NULL, is where store_dir is looked up, and where links on the way to it lead
 * from; no link is followed below store_dir.
 */
MUST_USE int storescan_paths(struct graph_builder *b, const struct intern *paths,
			     const char *store_dir, const char *root_dir, struct err *e);

/*
 * The same for the closure of the roots; what can be referred to is all that
 * lies in store_dir.
 */
MUST_USE int storescan_closure(struct graph_builder *b, const char *const *roots, size_t nroots,
			       const char *store_dir, const char *root_dir, struct err *e);

#endif
