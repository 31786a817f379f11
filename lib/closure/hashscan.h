/* SPDX-License-Identifier: MIT */
#ifndef LAYERPIPE_HASHSCAN_H
#define LAYERPIPE_HASHSCAN_H

/*
 * Finds store paths in bytes, as Nix finds references: wherever the 32
 * characters of a path's hash part stand, the path is mentioned.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "base/mem.h"

struct hashscan;

/*
 * Searches for the paths, which are checked store paths. Strings and array
 * are borrowed. Two paths with one hash part are an error: they cannot be
 * told apart.
 */
MUST_USE int hashscan_new(const char *const *paths, uint32_t n, struct hashscan **s, struct err *e);

/* The next bytes of a stream. Hash parts that lie across the border are found. */
void hashscan_add(struct hashscan *s, const char *data, size_t len);

/*
 * What was found since the last call: indices into paths, ascending, borrowed
 * until the next hashscan_add(). The stream ends; another one can begin.
 */
uint32_t hashscan_found(struct hashscan *s, const uint32_t **indices);

/* Whether one of the paths has this hash part. */
bool hashscan_knows(const struct hashscan *s, const char *hash);

void hashscan_free(struct hashscan *s);

#endif
