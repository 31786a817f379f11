/* SPDX-License-Identifier: MIT */
#include "layer/pathmark.h"

#include <fcntl.h>
#include <string.h>

#include "base/within.h"

char *pathmark_name(const char *given, const char *path)
{
	return xasprintf("%s/.%s", given, path);
}

/* The last "/./"; NULL: there is none. */
static const char *find_mark(const char *name)
{
	const char *mark = NULL;
	for (const char *s = name; (s = strstr(s, "/./")); s++)
		mark = s;
	return mark;
}

static int open_dir(const char *name, const char *mark, const char *last)
{
	AUTO_FREE char *given = mark == name ? xstrdup("/") : xstrndup(name, (size_t)(mark - name));
	AUTO_FREE char *path = xstrndup(mark, (size_t)(last - mark));
	AUTO_CLOSE int fd = open(given, O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0)
		return -1;
	return within_find(fd, path, O_PATH | O_DIRECTORY, WITHIN_NO_LINKS, NULL);
}

int pathmark_find(struct pathmark *m, const char *name, int *dir, const char **last)
{
	const char *mark = find_mark(name);
	*dir = AT_FDCWD;
	*last = name;
	if (!mark)
		return 0;
	*last = strrchr(name, '/') + 1;
	size_t len = (size_t)(*last - name);
	if (!m->dir || strlen(m->dir) != len || strncmp(m->dir, name, len) != 0) {
		int fd = open_dir(name, mark, *last);
		pathmark_free(m);
		if (fd < 0)
			return -1;
		*m = (struct pathmark){ xstrndup(name, len), fd };
	}
	*dir = m->fd;
	return 0;
}

void pathmark_free(struct pathmark *m)
{
	free(m->dir);
	mem_cleanup_close(&m->fd);
	*m = (struct pathmark)PATHMARK_NONE;
}
