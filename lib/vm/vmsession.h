/* SPDX-License-Identifier: MIT */
#ifndef LAYERPIPE_VMSESSION_H
#define LAYERPIPE_VMSESSION_H

/* Listens to a guest until it ends, and ends it where it must. */

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "base/mem.h"
#include "vm/vmguest.h"

enum { VMSESSION_CONSOLE = 16 << 10 }; /* bytes of the console's end that are kept */

struct vmsession {
	unsigned boot_timeout; /* seconds until the guest says a word, not counting those in
				* which it waits for a processor; 0: no limit */
	unsigned timeout;      /* seconds from the script's begin until the layer is here; 0 */
	uint64_t max_result;   /* bytes of the layer; more are an error */
	int log;               /* where the script's output goes */
	int result;            /* where the layer goes: a file */
	void (*note)(const char *text);
};

enum vmsession_state {
	VMSESSION_STARTED,
	VMSESSION_BOOTED,
	VMSESSION_RUNNING, /* the script */
	VMSESSION_DONE,
	VMSESSION_FAILED, /* the guest said so */
};

/* How it ended. Starts as { 0 }. */
struct vmsession_end {
	enum vmsession_state state;
	bool late;          /* a time limit was over */
	int status;         /* done: the script's */
	uint64_t announced; /* done: bytes of the layer */
	uint64_t received;  /* that many are there */
	bool whole;         /* done or failed, and all that the guest announced is there */
	int code;           /* failed: errno, or 0 */
	char *message;      /* failed: why; owned */
	int wait_status;    /* of the guest's process */
	struct buf console; /* its end */
};

/*
 * Until all that the guest announced is there, or its process is gone; then there is no such
 * process any more. An error is ours: the layer could not be
 * kept, or is too large, or what the guest says makes no sense.
 */
MUST_USE int vmsession_run(const struct vmsession *s, struct vmguest *g, struct vmsession_end *end,
			   struct err *e);

void vmsession_end_free(struct vmsession_end *end);
#define AUTO_VMSESSION_END __attribute__((cleanup(vmsession_end_free)))

#endif
