/* SPDX-License-Identifier: MIT */
#include "base/machine.h"

#include <errno.h>
#include <stddef.h>
#include <string.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "base/near.h"

unsigned machine_cores(void)
{
	long n = sysconf(_SC_NPROCESSORS_ONLN);
	return n > 0 ? (unsigned)n : 1;
}

/* What uname(2) or docker-library calls a machine, and what Go does. */
static const struct {
	const char *machine, *platform;
} platforms[] = {
	{ "x86_64", "amd64" },
	{ "i386", "386" },
	{ "i486", "386" },
	{ "i586", "386" },
	{ "i686", "386" },
	{ "aarch64", "arm64" },
	{ "arm64v8", "arm64" },
	{ "armv5tel", "arm/v5" },
	{ "arm32v5", "arm/v5" },
	{ "armv6l", "arm/v6" },
	{ "arm32v6", "arm/v6" },
	{ "armv7l", "arm/v7" },
	{ "arm32v7", "arm/v7" },
	{ "armv8l", "arm/v7" },
	{ "ppc64", "ppc64" },
	{ "ppc64le", "ppc64le" },
	{ "riscv64", "riscv64" },
	{ "s390x", "s390x" },
	{ "mips64", "mips64" },
	{ "AMD64", "amd64" },
	{ "x86", "386" },
	{ "x64", "amd64" },
	{ "x86-64", "amd64" },
	{ "ARM64", "arm64" },
	{ "loongarch64", "loong64" },
};

const char *machine_platform(const char *machine)
{
	for (size_t i = 0; i < sizeof platforms / sizeof *platforms; i++)
		if (strcmp(machine, platforms[i].machine) == 0)
			return platforms[i].platform;
	return NULL;
}

/* Go's GOARCH, old ones and those to come included */
static const char *const names[] = {
	"386",         "amd64",   "amd64p32", "arm",    "arm64",    "arm64be",
	"armbe",       "loong64", "mips",     "mips64", "mips64le", "mips64p32",
	"mips64p32le", "mipsle",  "ppc",      "ppc64",  "ppc64le",  "riscv",
	"riscv64",     "s390",    "s390x",    "sparc",  "sparc64",  "wasm",
};

const char *machine_near(const char *name)
{
	const char *nearest = NULL;
	unsigned least = NEAR_NOT;
	for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
		unsigned n = near(name, names[i]);
		nearest = n < least ? names[i] : nearest;
		least = n < least ? n : least;
	}
	return least == 0 ? NULL : nearest;
}

int machine_architecture(char **name, struct err *e)
{
	struct utsname u;
	if (uname(&u) < 0)
		return err_set(e, errno, "cannot find out the architecture of this machine");
	const char *platform = machine_platform(u.machine);
	if (!platform)
		return err_set(e, 0, "Go has no name for this machine, '%s': give the architecture",
			       u.machine);
	*name = xstrndup(platform, strcspn(platform, "/"));
	return 0;
}
