/* SPDX-License-Identifier: MIT */
#include "image/imagefile_path.h"

#include <stdbool.h>
#include <string.h>

static bool is(const char *component, size_t len, const char *s)
{
	return strlen(s) == len && memcmp(component, s, len) == 0;
}

static void go_down(struct buf *path, const char *component, size_t len)
{
	if (len == 0 || is(component, len, "."))
		return;
	if (path->len)
		buf_addc(path, '/');
	buf_add(path, component, len);
}

void imagefile_path_up(struct buf *path)
{
	const char *slash = memrchr(path->s, '/', path->len);
	path->len = slash ? (size_t)(slash - path->s) : 0;
	path->s[path->len] = '\0';
}

int imagefile_path_follow(struct buf *path, const char *link, struct err *e)
{
	size_t len;
	if (*link == '/')
		return err_set(e, 0, "a link to '%s', which is outside", link);
	for (const char *s = link; *s; s += len + (s[len] == '/')) {
		len = strcspn(s, "/");
		if (!is(s, len, ".."))
			go_down(path, s, len);
		else if (path->len)
			imagefile_path_up(path);
		else
			return err_set(e, 0, "a link to '%s', which is outside", link);
	}
	return 0;
}

int imagefile_path_set(struct buf *path, const char *name, struct err *e)
{
	size_t len = strlen(name);
	if (len > IMAGEFILE_MAX_NAME)
		return err_set(e, 0, "a name of %zu bytes: at most %d allowed", len,
			       IMAGEFILE_MAX_NAME);
	buf_clear(path);
	buf_adds(path, ""); /* a string, even if nothing is added */
	if (imagefile_path_follow(path, name, e) == 0)
		return 0;
	return err_set(e, 0, "'%s': expected a name without a leading '/' and without '..'", name);
}
