/* SPDX-License-Identifier: MIT */
#ifndef LAYERPIPE_RECORD_H
#define LAYERPIPE_RECORD_H

/*
 * The one record reader: one record a line, each ended by one LF.
 * Errors name the input and the line: "INPUT:LINE: …".
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "base/mem.h"

#define RECORD_MAX_LEN (16U << 20) /* bytes of one record, without the LF */

struct record_reader {
	int fd;            /* borrowed */
	const char *name;  /* borrowed; for messages: "<stdin>" or a file name */
	uint64_t line;     /* number of the last record read, from 1 */
	const char *maker; /* what makes lines of JSON, for the message; borrowed; NULL: nothing */
	bool unnumbered;   /* messages leave it out: the lines are not the user's own */
	/* private */
	struct buf buf;
	size_t start, scanned;
	int eof;
};

/* A piece of the current record; valid until the next record_next(). Not NUL-terminated. */
struct record_field {
	char *s;
	size_t len;
};

void record_init(struct record_reader *r, int fd, const char *name);
void record_free(struct record_reader *r);
#define AUTO_RECORD __attribute__((cleanup(record_free)))

/*
 * Reads the next record into *rec, without its LF; rec->s is NULL at the
 * end of the input. Refuses a NUL byte, a last line without LF and a record
 * over RECORD_MAX_LEN.
 */
MUST_USE int record_next(struct record_reader *r, struct record_field *rec, struct err *e);

/* Takes one record; context is what record_each() was given. */
typedef int record_fn(const struct record_reader *r, const struct record_field *rec, void *context,
		      struct err *e);

/*
 * Calls fn for each record of an input, until it returns -1.
 */
MUST_USE int record_each(int fd, const char *name, record_fn *fn, void *context, struct err *e);

/*
 * The bytes that come next, not consumed: want of them, fewer only at the
 * end of the input, more where they are there already.
 */
MUST_USE int record_peek(struct record_reader *r, size_t want, struct record_field *bytes,
			 struct err *e);

/* Splits the record at each TAB; refuses any other number of fields than n. */
MUST_USE int record_split(const struct record_reader *r, const struct record_field *rec,
			  struct record_field *fields, size_t n, struct err *e);

/* Sets "INPUT:LINE: MESSAGE" for the last record read. Returns -1. */
int record_err(const struct record_reader *r, struct err *e, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));

/* Puts "INPUT:LINE: " in front of an error that is already there. Returns -1. */
int record_wrap(const struct record_reader *r, struct err *e);

/*
 * The field's value, unescaped (esc.h): a new string the caller frees, which
 * holds no NUL. The absent value "-" is NULL where absent_ok, else refused.
 * what names the field in the message.
 */
MUST_USE int record_string(const struct record_reader *r, const struct record_field *f,
			   const char *what, int absent_ok, char **value, struct err *e);

/* The field's value as a decimal number from min to max. */
MUST_USE int record_number(const struct record_reader *r, const struct record_field *f,
			   const char *what, uint64_t min, uint64_t max, uint64_t *value,
			   struct err *e);

#endif
