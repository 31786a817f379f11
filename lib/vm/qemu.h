/* SPDX-License-Identifier: MIT */
#ifndef LAYERPIPE_QEMU_H
#define LAYERPIPE_QEMU_H

/* Starts a guest in a virtual machine: QEMU's microvm, without network or firmware settings. */

#include <stdbool.h>

#include "base/err.h"
#include "base/mem.h"
#include "vm/vmguest.h"

/* Descriptors are borrowed. */
struct qemu {
	const char *program; /* NULL: the one on PATH */
	bool kvm;
	unsigned memory; /* MiB */
	int kernel;      /* files */
	int initrd;
	int job;
	int base;
	int disk;
};

MUST_USE int qemu_start(const struct qemu *q, struct vmguest *g, struct err *e);

#endif
