/* SPDX-License-Identifier: MIT */
#ifndef LAYERPIPE_FUZZ_H
#define LAYERPIPE_FUZZ_H

/* What fuzz targets share: bytes to a descriptor and back. */

#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include "mem.h"
#include "out.h"

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

#endif
