/* SPDX-License-Identifier: MIT */
/* vm-exec: runs a script as root over the layers of an image, and writes what it changed. */
#include <string.h>
#include <unistd.h>

#include "base/cli.h"
#include "base/esc.h"
#include "base/timestamp.h"
#include "vm/vmexec.h"
#include "vm/vmverdict.h"

static const char help[] =
	"usage: vm-exec [option...] --script FILE <LAYER-STREAM\n"
	"Runs a script as root over the layers of an image, and writes its changes as a layer.\n"
	"\n"
	"The script:\n"
	"      --script FILE             the script\n"
	"      --shell FILE              the shell that runs the script; repeatable (/bin/bash, "
	"/bin/sh)\n"
	"      --mount HOSTDIR:GUESTDIR  let the script see this directory or file, read-only; "
	"repeatable\n"
	"      --env NAME=VALUE          set a variable for the script; repeatable\n"
	"      --timeout S               end the script with status 124 after S seconds (0: "
	"never)\n"
	"\nIts layer:\n"
	"      --mtime T                 time of files that the script wrote: seconds, ISO 8601 or "
	"now (1)\n"
	"      --keep-mtime              leave these times as the script made them\n"
	"      --comment TEXT            the history comment of the layer\n"
	"      --expect-layers N         refuse any other number of layers\n"
	"\nThe machine:\n"
	"      --engine KIND             auto, kvm, tcg or userns (auto)\n"
	"      --memory MB               memory of the virtual machine (512)\n"
	"      --disk MB                 room for the new layer and what the script writes (1024)\n"
	"      --boot-timeout S          give up if the machine does not boot within S seconds "
	"(30)\n"
	"      --kernel FILE             the kernel of the machine (the newest of the host)\n"
	"      --initrd FILE             an initramfs to unpack first\n"
	"      --modules DIR             the modules of the kernel (/lib/modules/VERSION)\n"
	"      --qemu FILE               qemu-system-x86_64 (the one on PATH)\n"
	"      --mke2fs FILE             mke2fs, which makes its disk (that of the host)\n"
	"\nMore:\n"
	"  -h, --help                    show this help\n"
	"      --version                 show the version\n";

enum {
	BOOT_TIMEOUT = CLI_OPT,
	COMMENT,
	DISK,
	ENGINE,
	ENV,
	EXPECT_LAYERS,
	INITRD,
	KEEP_MTIME,
	KERNEL,
	MEMORY,
	MKE2FS,
	MODULES,
	MOUNT,
	MTIME,
	QEMU,
	SCRIPT,
	SHELL,
	TIMEOUT,
};

static const struct option longs[] = {
	{ "boot-timeout", required_argument, NULL, BOOT_TIMEOUT },
	{ "comment", required_argument, NULL, COMMENT },
	{ "disk", required_argument, NULL, DISK },
	{ "engine", required_argument, NULL, ENGINE },
	{ "env", required_argument, NULL, ENV },
	{ "expect-layers", required_argument, NULL, EXPECT_LAYERS },
	{ "initrd", required_argument, NULL, INITRD },
	{ "keep-mtime", no_argument, NULL, KEEP_MTIME },
	{ "kernel", required_argument, NULL, KERNEL },
	{ "memory", required_argument, NULL, MEMORY },
	{ "mke2fs", required_argument, NULL, MKE2FS },
	{ "modules", required_argument, NULL, MODULES },
	{ "mount", required_argument, NULL, MOUNT },
	{ "mtime", required_argument, NULL, MTIME },
	{ "qemu", required_argument, NULL, QEMU },
	{ "script", required_argument, NULL, SCRIPT },
	{ "shell", required_argument, NULL, SHELL },
	{ "timeout", required_argument, NULL, TIMEOUT },
	CLI_OPTIONS_END,
};

static const struct cli cli = { "vm-exec", help, longs };

enum { SECONDS_MAX = 7 * 24 * 3600, MIB_MIN = 64, MIB_MAX = 1 << 20 };

static enum vmexec_engine read_engine(void)
{
	static const char *const names[] = { "auto", "kvm", "tcg", "userns" };
	for (unsigned i = 0; i < sizeof names / sizeof *names; i++)
		if (strcmp(optarg, names[i]) == 0)
			return (enum vmexec_engine)i;
	cli_usage(&cli, "--engine: expected auto, kvm, tcg or userns, found '%s'", optarg);
}

/* Whether it is absolute, without "..", and not the root. */
static bool is_place(const char *path)
{
	bool named = false;
	if (*path != '/')
		return false;
	for (const char *p = path; *p; p += *p == '/') {
		size_t len = strcspn(p, "/");
		if (len == 2 && p[0] == '.' && p[1] == '.')
			return false;
		named = named || (len && !(len == 1 && *p == '.'));
		p += len;
	}
	return named;
}

/* The last colon that is followed by a slash parts the two. */
static void read_mount(struct vmjob_strings *mounts)
{
	char *arg = xstrdup(optarg), *colon = arg;
	for (char *p = arg; (p = strstr(p, ":/")); p++)
		colon = p;
	if (colon == arg || !is_place(colon + 1))
		cli_usage(
			&cli,
			"--mount: expected HOSTDIR:GUESTDIR with an absolute GUESTDIR, found '%s'",
			optarg);
	const char *mode = strrchr(colon + 1, ':');
	if (mode && (strcmp(mode, ":ro") == 0 || strcmp(mode, ":rw") == 0))
		cli_usage(&cli, "--mount: leave out '%s' of '%s': a mount is always read-only",
			  mode, optarg);
	*colon = '\0';
	vmjob_string(mounts, arg);
	vmjob_string(mounts, colon + 1);
}

static const char *read_variable(void)
{
	const char *equals = strchr(optarg, '=');
	if (!equals || equals == optarg)
		cli_usage(&cli, "--env: expected NAME=VALUE, found '%s'", optarg);
	return optarg;
}

static int64_t read_mtime(void)
{
	struct err e = { 0 };
	int64_t mtime;
	if (timestamp_parse_seconds(optarg, &mtime, &e) < 0)
		cli_usage(&cli, "--mtime: %s", e.msg);
	return mtime;
}

static const char *read_comment(void)
{
	if (!esc_is_utf8(optarg, strlen(optarg)))
		cli_usage(&cli, "--comment: expected UTF-8 text");
	return optarg;
}

static const char *read_shell(void)
{
	if (!is_place(optarg))
		cli_usage(&cli, "--shell: expected an absolute path, found '%s'", optarg);
	return optarg;
}

static void read_option(int opt, struct vmexec *v)
{
	switch (opt) {
	case BOOT_TIMEOUT:
		v->boot_timeout = (unsigned)cli_number(&cli, "boot-timeout", 1, SECONDS_MAX);
		break;
	case COMMENT:
		v->comment = read_comment();
		break;
	case DISK:
		v->disk = (unsigned)cli_number(&cli, "disk", 1, MIB_MAX);
		break;
	case ENGINE:
		v->engine = read_engine();
		break;
	case ENV:
		vmjob_string(&v->job.environment, read_variable());
		break;
	case EXPECT_LAYERS:
		v->job.expect_layers = cli_number(&cli, "expect-layers", 1, UINT32_MAX);
		break;
	case INITRD:
		v->initrd = optarg;
		break;
	case KEEP_MTIME:
		v->keep_mtime = true;
		break;
	case KERNEL:
		v->kernel = optarg;
		break;
	case MEMORY:
		v->memory = (unsigned)cli_number(&cli, "memory", MIB_MIN, MIB_MAX);
		break;
	case MKE2FS:
		v->mke2fs = optarg;
		break;
	case MODULES:
		v->modules = optarg;
		break;
	case MOUNT:
		read_mount(&v->job.mounts);
		break;
	case MTIME:
		v->mtime = read_mtime();
		break;
	case QEMU:
		v->qemu = optarg;
		break;
	case SCRIPT:
		v->job.script = optarg;
		break;
	case SHELL:
		vmjob_string(&v->job.shells, read_shell());
		break;
	case TIMEOUT:
		v->timeout = (unsigned)cli_number(&cli, "timeout", 0, SECONDS_MAX);
		break;
	}
}

/* A shell knows the last of two variables of one name: what was given counts. */
static void set_defaults(struct vmexec *v)
{
	static const char path[] =
		"PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";
	bool has_path = false;
	for (size_t i = 0; i < v->job.environment.n; i++)
		has_path = has_path || strncmp(v->job.environment.list[i], path, 5) == 0;
	if (!has_path)
		vmjob_string(&v->job.environment, path);
	if (v->job.shells.n)
		return;
	vmjob_string(&v->job.shells, "/bin/bash");
	vmjob_string(&v->job.shells, "/bin/sh");
}

static void note(const char *text)
{
	cli_warn(&cli, "%s", text);
}

int main(int argc, char **argv)
{
	struct vmexec v = {
		.memory = 512, .disk = 1024, .boot_timeout = 30, .mtime = 1, .note = note
	};
	struct err e = { 0 };
	struct out o;
	int c, status;
	cli_start(&cli);
	cli_statuses(VMVERDICT_FAILED, VMVERDICT_FAILED);
	while ((c = cli_option(&cli, argc, argv)) != -1)
		read_option(c, &v);
	cli_operands(&cli, argc, argv, 0, 0);
	if (!v.job.script)
		cli_usage(&cli, "--script is missing");
	set_defaults(&v);
	cli_binary(&cli, "-");
	cli_stdout_binary(&cli, &o);
	if (vmexec_run(&v, STDIN_FILENO, "<stdin>", &o, &status, &e) < 0)
		return cli_fail(&cli, &e), status;
	/* a script that failed leaves no layer: nothing was written */
	return status ? status : cli_finish(&cli, &o);
}
