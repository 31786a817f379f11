/* SPDX-License-Identifier: MIT */
#ifndef LAYERPIPE_NARSIZE_H
#define LAYERPIPE_NARSIZE_H

/*
 * How many bytes the Nix archive form (nar.h) of something has, without its
 * contents: the sum of what it begins with and of all its parts.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* What each archive begins with. */
uint64_t narsize_archive(void);

uint64_t narsize_file(uint64_t size, bool executable);
uint64_t narsize_symlink(size_t target_len);

/* A directory without its entries, */
uint64_t narsize_directory(void);

/* and what each of these adds besides what it is. */
uint64_t narsize_entry(size_t name_len);

#endif
