/* SPDX-License-Identifier: MIT */
#ifndef LAYERPIPE_PATHSCAN_H
#define LAYERPIPE_PATHSCAN_H

/* Finds store paths that are written out in bytes: STORE_DIR/HASH-NAME. */

#include <stddef.h>
#include <stdint.h>

struct pathscan;

/* Searches for paths in this directory, which is borrowed and does not end in a slash. */
struct pathscan *pathscan_new(const char *store_dir);

/* The next bytes of a stream. Paths that lie across the border are found. */
void pathscan_add(struct pathscan *s, const void *data, size_t len);

/* The stream ends; another one can begin. */
void pathscan_end(struct pathscan *s);

/*
 * What was found so far, in that order, borrowed until the next call. Of several paths with the
 * same hash part, only the first.
 */
uint32_t pathscan_found(const struct pathscan *s, const char *const **paths);

void pathscan_free(struct pathscan *s);

#endif
