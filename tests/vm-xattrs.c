/* SPDX-License-Identifier: MIT */
/*
 * For a script in a virtual machine: the extended attributes of files, whose
 * names stand on standard input, each with a NUL: "PATH NAME VALUE", in hexadecimal.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/xattr.h>

static char names[1 << 16], value[1 << 16];

static void put(const char *s, size_t len, int end)
{
	for (size_t i = 0; i < len; i++)
		printf("%02x", (unsigned char)s[i]);
	putchar(end);
}

static int put_attributes(const char *path)
{
	ssize_t len = llistxattr(path, names, sizeof names);
	for (const char *name = names; name < names + len; name += strlen(name) + 1) {
		ssize_t size = lgetxattr(path, name, value, sizeof value);
		if (size < 0)
			return -1;
		put(path, strlen(path), ' ');
		put(name, strlen(name), ' ');
		put(value, (size_t)size, '\n');
	}
	return len < 0 ? -1 : 0;
}

int main(void)
{
	char *path = NULL;
	size_t size = 0;
	while (getdelim(&path, &size, '\0', stdin) > 0)
		if (put_attributes(path) < 0) {
			perror(path);
			return 1;
		}
	free(path);
	return 0;
}
