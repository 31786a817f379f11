/* SPDX-License-Identifier: MIT */
#include "tar/whiteout.h"

#include <string.h>

static const char prefix[] = ".wh.";

bool whiteout_is(const char *name)
{
	return strncmp(name, prefix, sizeof prefix - 1) == 0;
}

bool whiteout_deletes(const char *name)
{
	static const char opaque[] = ".wh..wh..opq";
	const char *what = name + sizeof prefix - 1;
	bool dots = strcmp(what, ".") == 0 || strcmp(what, "..") == 0;
	return strcmp(name, opaque) == 0 || (*what && !dots && !whiteout_is(what));
}

int whiteout_refuse(const char *path, struct err *e)
{
	return err_set(e, 0,
		       "'%s' cannot be in an image: in a layer, a name that begins with '%s' "
		       "deletes what lower layers have",
		       path, prefix);
}
