/* SPDX-License-Identifier: MIT */
#include "base/machine.h"

#include <errno.h>
#include <string.h>
#include <sys/utsname.h>
#include <unistd.h>

unsigned machine_cores(void)
{
	long n = sysconf(_SC_NPROCESSORS_ONLN);
	return n > 0 ? (unsigned)n : 1;
}

/* What uname(2) calls a machine, and what Go does. */
static const struct {
	const char *machine, *goarch;
} architectures[] = {
	{ "x86_64", "amd64" },    { "i386", "386" },    { "i486", "386" },
	{ "i586", "386" },        { "i686", "386" },    { "aarch64", "arm64" },
	{ "armv5tel", "arm" },    { "armv6l", "arm" },  { "armv7l", "arm" },
	{ "armv8l", "arm" },      { "ppc64", "ppc64" }, { "ppc64le", "ppc64le" },
	{ "riscv64", "riscv64" }, { "s390x", "s390x" }, { "loongarch64", "loong64" },
	{ "mips64", "mips64" },
};

const char *machine_goarch(const char *machine)
{
	for (size_t i = 0; i < sizeof architectures / sizeof *architectures; i++)
		if (strcmp(machine, architectures[i].machine) == 0)
			return architectures[i].goarch;
	return NULL;
}

int machine_architecture(const char **name, struct err *e)
{
	struct utsname u;
	if (uname(&u) < 0)
		return err_set(e, errno, "cannot find out the architecture of this machine");
	*name = machine_goarch(u.machine);
	if (!*name)
		return err_set(e, 0, "Go has no name for this machine, '%s': give the architecture",
			       u.machine);
	return 0;
}
