/* SPDX-License-Identifier: MIT */
#ifndef LAYERPIPE_VMRESULT_H
#define LAYERPIPE_VMRESULT_H

/*
 * The layer that a guest sends back. After a script ran as root in it, it is
 * not trusted: what comes is checked as any image is, and written anew.
 */

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "base/mem.h"
#include "base/out.h"
#include "base/source.h"
#include "vm/vmtimes.h"

enum { VMRESULT_MAX_ENTRIES = 8000000 }; /* more are an error */

/* All borrowed. */
struct vmresult_form {
	const struct vmtimes *before; /* times of before the script; NULL: every time stays */
	int64_t mtime;                /* the time of what the script wrote */
	const char *comment;          /* history comment, or NULL */
};

/*
 * Reads the tar in the file fd, of size bytes, and writes it as a layer stream
 * of one layer, layer-stream(5) "OTHER LAYERS", with hard links. Refused: a
 * name that is absolute, has "." or ".." or is there twice, an entry whose
 * directory is not listed, a hard link that does not lead to an earlier name,
 * a name with ".wh." that hides nothing, numbers that no file has.
 */
MUST_USE int vmresult_write(int fd, uint64_t size, const struct vmresult_form *form, struct out *o,
			    struct err *e);

#endif
