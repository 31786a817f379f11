/* SPDX-License-Identifier: MIT */
#ifndef LAYERPIPE_MEM_H
#define LAYERPIPE_MEM_H

/*
 * Memory. Running out of it ends the process with a message and status 1:
 * the one place where the library prints and exits.
 */

#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>

void *xmalloc(size_t size);
void *xcalloc(size_t n, size_t size);
void *xrealloc(void *p, size_t size);
char *xstrdup(const char *s);
char *xstrndup(const char *s, size_t len);
char *xasprintf(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
char *xvasprintf(const char *fmt, va_list ap) __attribute__((format(printf, 1, 0)));

/*
 * Makes room for at least need elements of elem bytes: returns p or its
 * replacement and updates *cap (in elements). Overflow counts as no memory.
 */
void *mem_grow(void *p, size_t *cap, size_t need, size_t elem);

/* For __attribute__((cleanup)): frees the pointer that p points at. */
void mem_cleanup_free(void *p);
/* The same for a descriptor (-1: nothing to close); errno is kept. */
void mem_cleanup_close(int *fd);

#define AUTO_FREE  __attribute__((cleanup(mem_cleanup_free)))
#define AUTO_CLOSE __attribute__((cleanup(mem_cleanup_close)))

/* Gives the pointer away: the value, and NULL stays behind. */
#define STEAL(p)                                                                                   \
	__extension__({                                                                            \
		__typeof__(p) stolen_ = (p);                                                       \
		(p) = NULL;                                                                        \
		stolen_;                                                                           \
	})

#define MUST_USE __attribute__((warn_unused_result))

/* A growing byte string. Starts as { 0 }; s is NUL-terminated once anything was added. */
struct buf {
	char *s; /* owned */
	size_t len;
	size_t cap;
};

void buf_add(struct buf *b, const void *s, size_t len);
void buf_addc(struct buf *b, char c);
void buf_adds(struct buf *b, const char *s);
void buf_addf(struct buf *b, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
/* Adds len bytes of unset contents and returns where they start. */
char *buf_extend(struct buf *b, size_t len);
void buf_clear(struct buf *b); /* length 0, memory kept */
void buf_free(struct buf *b);

#define AUTO_BUF __attribute__((cleanup(buf_free)))

#endif
