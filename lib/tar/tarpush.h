/* SPDX-License-Identifier: MIT */
#ifndef LAYERPIPE_TARPUSH_H
#define LAYERPIPE_TARPUSH_H

/*
 * Reading a tar that comes in pieces, from who writes it: each byte is given
 * on, as contents of a file or as what stands between. Members are understood
 * as tarread.h does. It is for who needs to know where files lie in an
 * archive that passes through, and can do without: what is not understood
 * is no error.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "base/mem.h"
#include "tar/tar.h"

/* Takes what an archive is made of, in order. Each returns -1 on failure, which ends it. */
struct tarpush_parts {
	/* Headers, padding and the end of the archive. */
	int (*between)(void *context, const void *data, size_t len, struct err *e);
	/*
	 * A member, whose header has passed: as tarread_entry() gives it, with all bits of its
	 * mode field. Valid during the call.
	 */
	int (*member)(void *context, const struct tar_entry *entry, struct err *e);
	/* Some of its entry->size bytes of contents. */
	int (*contents)(void *context, const void *data, size_t len, struct err *e);
};

struct tarpush;

/* parts and context are borrowed. */
struct tarpush *tarpush_new(const struct tarpush_parts *parts, void *context);
MUST_USE int tarpush_write(struct tarpush *p, const void *data, size_t len, struct err *e);

/*
 * Whether all that came was understood in the same way by who reads strictly: it was ustar or pax
 * with the records of tar.h, of the types there, and zeros behind its end. Once it is false, it
 * stays so, and all that follows comes as between.
 */
bool tarpush_understood(const struct tarpush *p);

/* Whether the archive has ended. */
bool tarpush_ended(const struct tarpush *p);

void tarpush_free(struct tarpush *p);

#endif
