/* SPDX-License-Identifier: MIT */
#include "vm/guest/below.h"

#include <fcntl.h>
#include <linux/openat2.h>
#include <sys/syscall.h>
#include <unistd.h>

static int open_how(int dir, const char *path, unsigned flags, unsigned resolve)
{
	struct open_how how = { .flags = flags | O_CLOEXEC, .resolve = resolve };
	return (int)syscall(SYS_openat2, dir, *path ? path : ".", &how, sizeof how);
}

int below_dir(int dir, const char *path)
{
	return open_how(dir, path, O_RDONLY | O_DIRECTORY, RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS);
}

int below_place(int root, const char *path)
{
	return open_how(root, path, O_PATH, RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS);
}
