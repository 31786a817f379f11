/* SPDX-License-Identifier: MIT */
#include "closure/narsize.h"

#include <string.h>

/* A length in 8 bytes, then so many, filled up to a multiple of 8. */
static uint64_t bytes(uint64_t len)
{
	return 8 + (len + 7) / 8 * 8;
}

static uint64_t string(const char *s)
{
	return bytes(strlen(s));
}

static uint64_t node(const char *type)
{
	return string("(") + string("type") + string(type) + string(")");
}

uint64_t narsize_archive(void)
{
	return string("nix-archive-1");
}

uint64_t narsize_file(uint64_t size, bool executable)
{
	uint64_t mark = executable ? string("executable") + string("") : 0;
	return node("regular") + mark + string("contents") + bytes(size);
}

uint64_t narsize_symlink(size_t target_len)
{
	return node("symlink") + string("target") + bytes(target_len);
}

uint64_t narsize_directory(void)
{
	return node("directory");
}

uint64_t narsize_entry(size_t name_len)
{
	return string("entry") + string("(") + string("name") + bytes(name_len) + string("node") +
	       string(")");
}
