/* SPDX-License-Identifier: MIT */
#ifndef LAYERPIPE_FUZZ_H
#define LAYERPIPE_FUZZ_H

/* What fuzz targets share: bytes to a descriptor and back. */

#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/mem.h"
#include "base/out.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* A file that holds the bytes, read from its start. The caller closes it. */
static inline int fuzz_fd(const void *data, size_t size)
{
	int fd = memfd_create("fuzz", MFD_CLOEXEC);
	if (fd < 0 || out_write_fd(fd, data, size) < 0 || lseek(fd, 0, SEEK_SET) < 0)
		abort();
	return fd;
}

/* All bytes of the file. The caller frees them. */
static inline struct buf fuzz_bytes(int fd)
{
	struct buf b = { 0 };
	off_t size = lseek(fd, 0, SEEK_END);
	char *to = buf_extend(&b, (size_t)size);
	if (size < 0 || pread(fd, to, (size_t)size, 0) != size)
		abort();
	return b;
}

/* Reads the file; false where it is refused, else writes what was read to o. */
typedef bool fuzz_rewriter(int in, struct out *o);

static inline bool fuzz_rewrite(fuzz_rewriter *rewrite, const void *data, size_t size,
				struct buf *text)
{
	AUTO_CLOSE int in = fuzz_fd(data, size);
	AUTO_CLOSE int file = fuzz_fd("", 0);
	struct err e = { 0 };
	struct out o;
	out_init(&o, file, "<fuzz>");
	bool taken = rewrite(in, &o);
	if (taken && out_flush(&o, &e) < 0)
		abort();
	out_drop(&o);
	if (taken)
		*text = fuzz_bytes(file);
	return taken;
}

/* What is written of what was read can be read, and writing that again changes nothing. */
static inline void fuzz_stable(fuzz_rewriter *rewrite, const void *data, size_t size)
{
	AUTO_BUF struct buf first = { 0 }, second = { 0 };
	if (!fuzz_rewrite(rewrite, data, size, &first))
		return;
	if (!fuzz_rewrite(rewrite, first.s, first.len, &second) || first.len != second.len ||
	    (first.len && memcmp(first.s, second.s, first.len) != 0))
		abort();
}

#endif
