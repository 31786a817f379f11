/* SPDX-License-Identifier: MIT */
#include "vm/vmtimes.h"

#include <string.h>

#include "tar/tarread.h"

static void add(struct vmtimes *t, const char *path, int64_t time)
{
	uint32_t n = intern_add(&t->paths, path, strlen(path));
	t->times = mem_grow(t->times, &t->cap, (size_t)n + 1, sizeof *t->times);
	t->times[n] = time;
}

static int add_entry(const struct layertree_entry *entry, void *context, struct err *e)
{
	(void)e;
	add(context, entry->path, entry->tar.mtime);
	return 0;
}

int vmtimes_add_tree(struct vmtimes *t, const struct layertree *tree, struct err *e)
{
	return layertree_each(tree, add_entry, t, e);
}

/* The name without "." and empty parts; "." for the root. */
static void clean(struct buf *path, const char *name)
{
	buf_clear(path);
	for (const char *p = name; *p; p += *p == '/') {
		size_t len = strcspn(p, "/");
		if (len && !(len == 1 && *p == '.')) {
			if (path->len)
				buf_addc(path, '/');
			buf_add(path, p, len);
		}
		p += len;
	}
	if (!path->len)
		buf_addc(path, '.');
}

int vmtimes_add_layer(struct vmtimes *t, struct source *layer, struct err *e)
{
	AUTO_TARREAD struct tarread *r = tarread_from(layer);
	AUTO_BUF struct buf path = { 0 };
	enum tarread_event event = TARREAD_END;
	tarread_sparse(r);
	while (event != TARREAD_EOF) {
		if (tarread_next(r, &event, e) < 0)
			return -1;
		if (event != TARREAD_ENTRY)
			continue;
		const struct tar_entry *entry = tarread_entry(r);
		clean(&path, entry->name);
		add(t, path.s, entry->mtime);
	}
	return 0;
}

bool vmtimes_has(const struct vmtimes *t, const char *path, int64_t time)
{
	uint32_t n = intern_find(&t->paths, path, strlen(path));
	return n != INTERN_NONE && t->times[n] == time;
}

void vmtimes_free(struct vmtimes *t)
{
	intern_free(&t->paths);
	free(t->times);
}
