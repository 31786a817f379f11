/* SPDX-License-Identifier: MIT */
#include "vm/guest/attributes.h"

#include <errno.h>
#include <string.h>
#include <sys/xattr.h>

#include "tar/overlay.h"

static int compare(const void *a, const void *b)
{
	const struct tar_xattr *x = a, *y = b;
	return strcmp(x->name, y->name);
}

static int cannot_read(const char *path, struct err *e)
{
	return err_set(e, errno, "cannot read the attributes of '%s'", path);
}

/* Appends the value and a NUL; what changes meanwhile is an error of the caller's. */
static int read_value(struct attributes *a, const char *file, struct tar_xattr *x)
{
	ssize_t n = lgetxattr(file, x->name, NULL, 0);
	if (n < 0)
		return -1;
	size_t at = a->values.len;
	buf_extend(&a->values, (size_t)n + 1);
	if (lgetxattr(file, x->name, a->values.s + at, (size_t)n) != n)
		return -1;
	a->values.s[at + (size_t)n] = '\0';
	x->len = (size_t)n;
	return 0;
}

static int read_names(struct attributes *a, const char *file)
{
	buf_clear(&a->names);
	ssize_t n = llistxattr(file, NULL, 0);
	if (n <= 0)
		return n < 0 && errno != ENOTSUP ? -1 : 0;
	buf_extend(&a->names, (size_t)n);
	return llistxattr(file, a->names.s, (size_t)n) == n ? 0 : -1;
}

/* Values moved while they grew: their places are known only now. */
static void place_values(struct attributes *a)
{
	const char *value = a->values.s;
	for (size_t i = 0; i < a->n; i++) {
		a->list[i].value = value;
		value += a->list[i].len + 1;
	}
}

int attributes_read(struct attributes *a, const char *name, const char *path, struct err *e)
{
	a->n = 0;
	buf_clear(&a->values);
	if (read_names(a, name) < 0)
		return cannot_read(path, e);
	for (size_t at = 0; at < a->names.len; at += strlen(a->names.s + at) + 1) {
		struct tar_xattr x = { .name = a->names.s + at };
		if (overlay_is_private(x.name))
			continue;
		if (strchr(x.name, '='))
			return err_set(e, 0, "'%s': a layer cannot hold the attribute '%s'", path,
				       x.name);
		if (read_value(a, name, &x) < 0)
			return cannot_read(path, e);
		a->list = mem_grow(a->list, &a->cap, a->n + 1, sizeof *a->list);
		a->list[a->n++] = x;
	}
	place_values(a);
	if (a->n)
		qsort(a->list, a->n, sizeof *a->list, compare);
	return 0;
}

void attributes_free(struct attributes *a)
{
	free(a->list);
	buf_free(&a->names);
	buf_free(&a->values);
}
