/* SPDX-License-Identifier: MIT */
#include "base/mem.h"

#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

static _Noreturn void out_of_memory(void)
{
	static const char msg[] = "layerpipe: out of memory\n";
	ssize_t n = write(STDERR_FILENO, msg, sizeof msg - 1);
	(void)n;
	_exit(1);
}

void *xmalloc(size_t size)
{
	return xrealloc(NULL, size);
}

void *xcalloc(size_t n, size_t size)
{
	void *p = calloc(n ? n : 1, size ? size : 1);
	if (!p)
		out_of_memory();
	return p;
}

void *xrealloc(void *p, size_t size)
{
	void *q = realloc(p, size ? size : 1);
	if (!q)
		out_of_memory();
	return q;
}

char *xstrdup(const char *s)
{
	return xstrndup(s, strlen(s));
}

char *xstrndup(const char *s, size_t len)
{
	char *p = xmalloc(len + 1);
	memcpy(p, s, len);
	p[len] = '\0';
	return p;
}

char *xvasprintf(const char *fmt, va_list ap)
{
	char *s;
	if (vasprintf(&s, fmt, ap) < 0)
		out_of_memory();
	return s;
}

char *xasprintf(const char *fmt, ...)
{
	va_list ap;
	va_start(ap, fmt);
	char *s = xvasprintf(fmt, ap);
	va_end(ap);
	return s;
}

void *mem_grow(void *p, size_t *cap, size_t need, size_t elem)
{
	if (need <= *cap)
		return p;
	size_t least = elem == 1 ? 64 : 8; /* text grows byte by byte */
	size_t n = *cap < least ? least : *cap;
	while (n < need)
		n = n > SIZE_MAX / 2 ? need : n + n / 2;
	size_t bytes;
	if (__builtin_mul_overflow(n, elem, &bytes))
		out_of_memory();
	p = xrealloc(p, bytes);
	*cap = n;
	return p;
}

void mem_cleanup_free(void *p)
{
	free(*(void **)p);
}

void mem_cleanup_close(int *fd)
{
	int saved = errno;
	if (*fd >= 0)
		close(*fd);
	errno = saved;
}

char *buf_extend(struct buf *b, size_t len)
{
	size_t need;
	if (__builtin_add_overflow(b->len, len, &need) || need == SIZE_MAX)
		out_of_memory();
	b->s = mem_grow(b->s, &b->cap, need + 1, 1);
	char *start = b->s + b->len;
	b->len = need;
	b->s[need] = '\0';
	return start;
}

void buf_add(struct buf *b, const void *s, size_t len)
{
	char *to = buf_extend(b, len);
	if (len)
		memcpy(to, s, len);
}

void buf_addc(struct buf *b, char c)
{
	*buf_extend(b, 1) = c;
}

void buf_adds(struct buf *b, const char *s)
{
	buf_add(b, s, strlen(s));
}

void buf_addf(struct buf *b, const char *fmt, ...)
{
	va_list ap;
	va_start(ap, fmt);
	AUTO_FREE char *s = xvasprintf(fmt, ap);
	va_end(ap);
	buf_adds(b, s);
}

void buf_clear(struct buf *b)
{
	b->len = 0;
	if (b->s)
		b->s[0] = '\0';
}

void buf_free(struct buf *b)
{
	free(b->s);
	*b = (struct buf){ 0 };
}
