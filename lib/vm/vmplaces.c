/* SPDX-License-Identifier: MIT */
#include "vm/vmplaces.h"

#include <errno.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/source.h"

static int add_layer(struct layertree *t, struct buf *tar, struct err *e)
{
	static const char name[] = "places to mount on";
	struct source_fd source;
	AUTO_CLOSE int fd = memfd_create(name, MFD_CLOEXEC);
	buf_add(tar, tar_zeros, (size_t)2 * TAR_BLOCK);
	if (fd < 0 || write(fd, tar->s, tar->len) != (ssize_t)tar->len ||
	    lseek(fd, 0, SEEK_SET) < 0)
		return err_set(e, errno, "cannot keep %s", name);
	source_fd(&source, fd, name);
	return layertree_add(t, &source.source, 0, e);
}

int vmplaces_add(struct layertree *t, const char *path, enum tar_type type, unsigned mode,
		 struct buf *made, struct err *e)
{
	AUTO_BUF struct buf way = { 0 }, tar = { 0 };
	for (const char *part = path + strspn(path, "/"); *part;) {
		size_t len = strcspn(part, "/");
		const char *rest = part + len + strspn(part + len, "/");
		buf_add(&way, "/", way.len != 0);
		buf_add(&way, part, len);
		enum layertree_kind kind = layertree_look(t, way.s);
		if (kind == LAYERTREE_OTHER || strncmp(part, "../", len + 1) == 0)
			break;
		if (kind == LAYERTREE_MISSING) {
			const struct tar_entry entry = { .type = *rest ? TAR_DIR : type,
							 .name = way.s,
							 .mode = *rest ? 0755 : mode };
			tar_header(&tar, &entry);
			buf_add(made, way.s, way.len + 1);
		}
		part = rest;
	}
	return tar.len ? add_layer(t, &tar, e) : 0;
}
