/* SPDX-License-Identifier: MIT */
#ifndef LAYERPIPE_TARSPLIT_H
#define LAYERPIPE_TARSPLIT_H

/*
 * What a tar holds beside the contents of its files, as tar-split (github.com/vbatts/tar-split)
 * has it: a line of JSON for the bytes between two files, and one for each member with a checksum
 * of its contents. With the files, it gives the tar again byte for byte.
 */

#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "base/mem.h"
#include "tar/zstdpack.h"

struct tarsplit;

/* Starts one; it goes into the pack (borrowed). */
struct tarsplit *tarsplit_new(struct zstdpack *to);

/* Bytes that are no contents. */
void tarsplit_between(struct tarsplit *t, const void *data, size_t len);

/* Ends a line that has become long: behind the archive only, as a header has to be in one line. */
MUST_USE int tarsplit_cut(struct tarsplit *t, struct err *e);

/* A member whose header is the last of these bytes. Its name is UTF-8. */
MUST_USE int tarsplit_member(struct tarsplit *t, const char *name, uint64_t size, struct err *e);

MUST_USE int tarsplit_contents(struct tarsplit *t, const void *data, size_t len, struct err *e);

MUST_USE int tarsplit_end(struct tarsplit *t, struct err *e);
void tarsplit_free(struct tarsplit *t);

#endif
