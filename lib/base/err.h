/* SPDX-License-Identifier: MIT */
#ifndef LAYERPIPE_ERR_H
#define LAYERPIPE_ERR_H

/*
 * What went wrong, told from the bottom up.
 *
 * A function that can fail takes a struct err last and returns 0 or -1 (or
 * NULL). It fills the error exactly when it fails; its other out-parameters
 * are written on success only. The caller owns the struct, starts it as
 * { 0 } and, where the process goes on, ends it with err_clear().
 */
struct err {
	int code;  /* errno value, 0 where no system call was to blame */
	char *msg; /* owned; NULL while nothing failed */
};

/*
 * Sets the message; where code is not 0, ": " and strerror(code) follow it.
 * An earlier message is replaced. Returns -1, so that a site reads
 * "return err_set(e, errno, "cannot open '%s'", path);".
 */
int err_set(struct err *e, int code, const char *fmt, ...) __attribute__((format(printf, 3, 4)));

/* Puts "context: " in front of the message. Returns -1. */
int err_wrap(struct err *e, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/* Frees the message; the struct can be used again. */
void err_clear(struct err *e);

#endif
