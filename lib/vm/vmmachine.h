/* SPDX-License-Identifier: MIT */
#ifndef LAYERPIPE_VMMACHINE_H
#define LAYERPIPE_VMMACHINE_H

/* A virtual machine with a guest in it: its kernel, initramfs and disk. */

#include <stdbool.h>

#include "base/err.h"
#include "base/mem.h"
#include "vm/vmguest.h"

/* All borrowed. */
struct vmmachine {
	bool kvm;
	unsigned memory, disk;                 /* MiB */
	const char *kernel, *initrd, *modules; /* files and a directory, each may be NULL */
	const char *qemu, *mke2fs;             /* programs, each may be NULL */
	int program;                           /* the guest */
	int job, base;                         /* files */
};

MUST_USE int vmmachine_start(const struct vmmachine *m, struct vmguest *g, struct err *e);

#endif
