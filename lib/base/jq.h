/* SPDX-License-Identifier: MIT */
#ifndef LAYERPIPE_JQ_H
#define LAYERPIPE_JQ_H

/* jq, which reads JSON that users and Nix write: its programs are lib/jq/NAME.jq. */

#include <stddef.h>

#include "base/err.h"
#include "base/mem.h"
#include "base/proc.h"

/*
 * Starts jq on the JSON documents of the descriptor in (borrowed); its
 * output, strings as they are, is read from p->out. args (NULL or ended by
 * NULL) are options in front of the program. The user's ~/.jq is not read.
 */
MUST_USE int jq_start(struct proc *p, const char *program, const char *const *args, int in,
		      struct err *e);

/* The same on text, which may be freed when it returns. */
MUST_USE int jq_start_text(struct proc *p, const char *program, const char *const *args,
			   const char *text, size_t len, struct err *e);

/*
 * Waits for its end. The error is what the program said with halt_error, or
 * jq's own reason and position: "cannot parse JSON: …".
 */
MUST_USE int jq_wait(struct proc *p, struct err *e);

/* All of it in one call: appends what the program makes of the text. */
MUST_USE int jq_text(const char *program, const char *const *args, const char *text, size_t len,
		     struct buf *b, struct err *e);

#endif
