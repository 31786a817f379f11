/* SPDX-License-Identifier: MIT */
#ifndef LAYERPIPE_VMKERNEL_H
#define LAYERPIPE_VMKERNEL_H

/* A Linux kernel for a virtual machine, and those of its modules that it needs. */

#include <stddef.h>

#include "base/err.h"
#include "base/mem.h"

/* Starts as { 0 }. */
struct vmkernel {
	char *image;   /* its file */
	char *modules; /* the directory with its modules.dep */
	char **needed; /* module files in it, relative, in the order to load them */
	size_t n;
	/* private */
	size_t cap;
};

/*
 * image NULL: the newest of /boot/vmlinuz-VERSION and
 * /lib/modules/VERSION/vmlinuz that can be read and has modules. modules NULL:
 * /lib/modules/VERSION, the version as the image says it. A needed module that
 * is neither there nor built in is an error.
 */
MUST_USE int vmkernel_find(const char *image, const char *modules, struct vmkernel *k,
			   struct err *e);

/* Reads a module file, decompressed by xz(1), zstd(1) or gzip(1) as its name says. */
MUST_USE int vmkernel_read_module(const struct vmkernel *k, size_t n, struct buf *b, struct err *e);

void vmkernel_free(struct vmkernel *k);
#define AUTO_VMKERNEL __attribute__((cleanup(vmkernel_free)))

#endif
