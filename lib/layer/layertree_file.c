/* SPDX-License-Identifier: MIT */
#include <string.h>

#include "layer/layertree_part.h"

static int compare_xattrs(const void *a, const void *b, void *list)
{
	const struct tar_xattr *x = list;
	uint32_t i = *(const uint32_t *)a, j = *(const uint32_t *)b;
	int order = strcmp(x[i].name, x[j].name);
	return order ? order : i < j ? -1 : 1;
}

/* Copies the attributes by name; of those with equal names the last one. */
static void copy_xattrs(struct layertree *t, const struct tar_entry *entry,
			struct layertree_file *file)
{
	if (!entry->nxattrs)
		return;
	const struct tar_xattr *from = entry->xattrs;
	AUTO_FREE uint32_t *order = xcalloc(entry->nxattrs, sizeof *order);
	for (uint32_t i = 0; i < entry->nxattrs; i++)
		order[i] = i;
	qsort_r(order, entry->nxattrs, sizeof *order, compare_xattrs, (void *)(uintptr_t)from);
	file->xattrs = xcalloc(entry->nxattrs, sizeof *file->xattrs);
	for (size_t i = 0; i < entry->nxattrs; i++) {
		const struct tar_xattr *x = &from[order[i]];
		if (i + 1 < entry->nxattrs && strcmp(x->name, from[order[i + 1]].name) == 0)
			continue;
		file->xattrs[file->nxattrs++] = (struct tar_xattr){
			.name = intern_keep(&t->strings, x->name, strlen(x->name)),
			.value = intern_keep(&t->strings, x->value, x->len),
			.len = x->len,
		};
	}
}

void layertree_add_sparse(struct layertree *t, const struct tarread_segment *segments, size_t n)
{
	struct tarread_segment *copy = xcalloc(n + 1, sizeof *copy);
	memcpy(copy, segments, n * sizeof *copy);
	t->sparse = mem_grow(t->sparse, &t->sparse_cap, t->nsparse + 1, sizeof *t->sparse);
	t->sparse[t->nsparse++] = (struct layertree_sparse){ t->nfiles - 1, copy, n };
}

static int compare_files(const void *a, const void *b)
{
	uint32_t x = ((const struct layertree_sparse *)a)->file;
	uint32_t y = ((const struct layertree_sparse *)b)->file;
	return x < y ? -1 : x > y;
}

const struct layertree_sparse *layertree_find_sparse(const struct layertree *t, uint32_t file)
{
	struct layertree_sparse key = { .file = file };
	if (!t->nsparse)
		return NULL;
	return bsearch(&key, t->sparse, t->nsparse, sizeof key, compare_files);
}

struct layertree_file layertree_file_of(struct layertree *t, const struct tar_entry *entry,
					uint64_t offset)
{
	struct layertree_file file = {
		.offset = entry->type == TAR_FILE ? offset : 0,
		.size = entry->size,
		.uid = entry->uid,
		.gid = entry->gid,
		.mtime = entry->mtime,
		.mtime_nsec = entry->mtime_nsec,
		.uname = intern_add(&t->strings, entry->uname, strlen(entry->uname)),
		.gname = intern_add(&t->strings, entry->gname, strlen(entry->gname)),
		.mode = (uint16_t)entry->mode,
		.type = (char)entry->type,
	};
	if (entry->type == TAR_SYMLINK)
		file.link = intern_keep(&t->strings, entry->link, strlen(entry->link));
	if (entry->type == TAR_CHAR || entry->type == TAR_BLOCKDEV)
		file.size = (uint64_t)entry->devmajor << 32 | entry->devminor;
	copy_xattrs(t, entry, &file);
	return file;
}

struct tar_entry layertree_entry_of(const struct layertree *t, const struct layertree_file *file)
{
	bool device = file->type == TAR_CHAR || file->type == TAR_BLOCKDEV;
	return (struct tar_entry){
		.type = (enum tar_type)file->type,
		.link = file->link,
		.uname = t->strings.strings[file->uname],
		.gname = t->strings.strings[file->gname],
		.mode = file->mode,
		.uid = file->uid,
		.gid = file->gid,
		.size = device ? 0 : file->size,
		.mtime = file->mtime,
		.mtime_nsec = file->mtime_nsec,
		.devmajor = device ? (uint32_t)(file->size >> 32) : 0,
		.devminor = device ? (uint32_t)file->size : 0,
		.xattrs = file->xattrs,
		.nxattrs = file->nxattrs,
	};
}
