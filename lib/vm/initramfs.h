/* SPDX-License-Identifier: MIT */
#ifndef LAYERPIPE_INITRAMFS_H
#define LAYERPIPE_INITRAMFS_H

/*
 * Writing an initramfs: a cpio archive in the form "newc", which the kernel
 * unpacks (Linux, Documentation/driver-api/early-userspace/buffer-format.rst).
 * Names have no leading slash, and a directory comes before what is in it.
 */

#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "base/mem.h"
#include "base/out.h"

/* Starts as { .out = … }. */
struct initramfs {
	struct out *out;
	/* private */
	uint32_t entries;
};

MUST_USE int initramfs_dir(struct initramfs *i, const char *name, struct err *e);

/* A character device, mode 0600. */
MUST_USE int initramfs_device(struct initramfs *i, const char *name, unsigned major, unsigned minor,
			      struct err *e);

/* A file of mode 0755; at most 4 GiB. */
MUST_USE int initramfs_file(struct initramfs *i, const char *name, const void *data, size_t len,
			    struct err *e);

MUST_USE int initramfs_end(struct initramfs *i, struct err *e);

#endif
