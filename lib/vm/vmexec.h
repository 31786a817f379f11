/* SPDX-License-Identifier: MIT */
#ifndef LAYERPIPE_VMEXEC_H
#define LAYERPIPE_VMEXEC_H

/* Runs a script as root over the layers of an image: what vm-exec does. */

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "base/mem.h"
#include "base/out.h"
#include "vm/vmjob.h"

enum vmexec_engine { VMEXEC_AUTO, VMEXEC_KVM, VMEXEC_TCG, VMEXEC_USERNS };

/* Strings are borrowed. */
struct vmexec {
	enum vmexec_engine engine;
	struct vmjob job;
	unsigned memory, disk;          /* MiB */
	unsigned boot_timeout, timeout; /* seconds; 0: none, or for booting, the engine's own */
	const char *kernel;             /* NULL: the newest of the host's */
	const char *initrd;             /* to be unpacked before ours; NULL */
	const char *modules;            /* NULL: those of the kernel's version */
	const char *qemu, *mke2fs;      /* programs; NULL: those on PATH */
	bool keep_mtime;
	int64_t mtime; /* the time of what the script wrote */
	const char *comment;
	void (*note)(const char *text); /* what is worth a line on standard error */
};

/*
 * Reads layers from a layer stream, runs the script, and if its status is 0
 * writes the last layer as it is then, as a layer stream. *status is the
 * script's; after an error, what the program is to end with.
 */
MUST_USE int vmexec_run(const struct vmexec *v, int layers, const char *name, struct out *o,
			int *status, struct err *e);

#endif
