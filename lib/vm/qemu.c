/* SPDX-License-Identifier: MIT */
#include "vm/qemu.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <time.h>
#include <unistd.h>
#ifdef __x86_64__
#include <x86intrin.h>
#endif

#include "vm/guestproto.h"

#define PROGRAM "qemu-system-x86_64"

/* An emulated processor as fast as it gets: string instructions are done byte by byte there. */
#define EMULATED_CPU "max,erms=off,fsrm=off,la57=off"

/*
 * Panics end the machine; what costs time at boot and does nothing for a
 * machine that lives for seconds is off.
 */
#define KERNEL_LINE                                                                                \
	"console=ttyS0 reboot=t panic=-1 quiet cryptomgr.notests nokaslr mitigations=off "         \
	"no_timer_check noreplace-smp lsm= init_on_alloc=0"

/* A growing argument list; strings owned. */
struct arguments {
	char **list;
	size_t n, cap;
};

static void add(struct arguments *a, char *argument)
{
	a->list = mem_grow(a->list, &a->cap, a->n + 2, sizeof *a->list);
	a->list[a->n++] = argument;
	a->list[a->n] = NULL;
}

__attribute__((format(printf, 3, 4))) static void add_option(struct arguments *a, const char *name,
							     const char *fmt, ...)
{
	va_list ap;
	va_start(ap, fmt);
	add(a, xstrdup(name));
	add(a, xvasprintf(fmt, ap));
	va_end(ap);
}

/*
 * Without KVM the guest sees the host's time-stamp counter, and in a microvm
 * has nothing to measure it by that works on a busy host: it is told how fast
 * it is, or would hang, now and then, without a word.
 */
static uint64_t counter_khz(void)
{
#ifdef __x86_64__
	const struct timespec pause = { .tv_nsec = 10 * 1000 * 1000 };
	struct timespec a, b;
	clock_gettime(CLOCK_MONOTONIC, &a);
	uint64_t from = __rdtsc();
	nanosleep(&pause, NULL);
	uint64_t to = __rdtsc();
	clock_gettime(CLOCK_MONOTONIC, &b);
	uint64_t ns = (uint64_t)(b.tv_sec - a.tv_sec) * 1000000000U + (uint64_t)b.tv_nsec -
		      (uint64_t)a.tv_nsec;
	return (to - from) * 1000000U / (ns ? ns : 1);
#else
	return 0;
#endif
}

static void add_machine(struct arguments *a, const struct qemu *q)
{
	add(a, xstrdup(q->program ? q->program : PROGRAM));
	add_option(a, "-name", "layerpipe");
	add_option(a, "-machine", "microvm");
	add_option(a, "-accel", "%s", q->kvm ? "kvm" : "tcg");
	add_option(a, "-cpu", "%s", q->kvm ? "host" : EMULATED_CPU);
	add_option(a, "-m", "%u", q->memory);
	add(a, xstrdup("-nodefaults"));
	add(a, xstrdup("-no-user-config"));
	add(a, xstrdup("-no-reboot"));
	add_option(a, "-display", "none");
	add_option(a, "-sandbox", "on,obsolete=deny,spawn=deny,resourcecontrol=deny");
	add_option(a, "-kernel", "/proc/self/fd/%d", q->kernel);
	add_option(a, "-initrd", "/proc/self/fd/%d", q->initrd);
	if (q->kvm)
		add_option(a, "-append", "%s", KERNEL_LINE);
	else
		add_option(a, "-append", "%s tsc_early_khz=%" PRIu64, KERNEL_LINE, counter_khz());
}

static void add_disk(struct arguments *a, const char *serial, int fd, const char *options)
{
	add_option(a, "-drive",
		   "if=none,id=%s,file=/proc/self/fd/%d,format=raw,file.locking=off,%s", serial, fd,
		   options);
	add_option(a, "-device", "virtio-blk-device,drive=%s,serial=%s", serial, serial);
}

static void add_port(struct arguments *a, const char *name, int fd)
{
	add_option(a, "-chardev", "socket,id=%s,fd=%d", name, fd);
	add_option(a, "-device", "virtserialport,chardev=%s,name=%s", name, name);
}

static void add_devices(struct arguments *a, const struct qemu *q, const struct vmguest_ends *ends)
{
	add_disk(a, GUEST_DISK_JOB, q->job, "readonly=on");
	add_disk(a, GUEST_DISK_BASE, q->base, "readonly=on");
	/* errors are told to the guest, which fails; else the machine would wait for ever */
	add_disk(a, GUEST_DISK_WORK, q->disk,
		 "cache=unsafe,discard=unmap,werror=report,rerror=report");
	add_option(a, "-device", "virtio-serial-device,max_ports=4");
	add_port(a, GUEST_CONTROL, ends->control);
	add_port(a, GUEST_LOG, ends->log);
	add_port(a, GUEST_RESULT, ends->result);
	add_option(a, "-chardev", "socket,id=console,fd=%d", ends->console);
	add_option(a, "-serial", "chardev:console");
}

/* In the new process. What is wrong is said where QEMU says it. */
static _Noreturn void become_qemu(const struct qemu *q, const struct vmguest_ends *ends,
				  pid_t parent, char *const *argv)
{
	const int inherited[] = { q->kernel,     q->initrd, q->job,       q->base,      q->disk,
				  ends->control, ends->log, ends->result, ends->console };
	int null = open("/dev/null", O_RDWR | O_CLOEXEC),
	    messages = fcntl(ends->console, F_DUPFD, 3);
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (getppid() != parent) /* it was gone before */
		_exit(1);
	for (size_t i = 0; i < sizeof inherited / sizeof *inherited; i++)
		(void)fcntl(inherited[i], F_SETFD, 0);
	if (null < 0 || messages < 0 || dup2(null, STDIN_FILENO) < 0 ||
	    dup2(null, STDOUT_FILENO) < 0 || dup2(messages, STDERR_FILENO) < 0)
		_exit(1);
	close(messages);
	execvp(argv[0], argv);
	(void)dprintf(STDERR_FILENO, "cannot run '%s': %s\n", argv[0],
		      errno == ENOENT ? "it is not installed, or not on PATH" : strerror(errno));
	_exit(1);
}

int qemu_start(const struct qemu *q, struct vmguest *g, struct err *e)
{
	AUTO_VMGUEST_ENDS struct vmguest_ends ends = VMGUEST_NO_ENDS;
	struct arguments a = { 0 };
	pid_t parent = getpid(), pid;
	if (vmguest_channels(g, &ends, e) < 0)
		return -1;
	add_machine(&a, q);
	add_devices(&a, q, &ends);
	int r = vmguest_fork(g, 0, &pid, e);
	if (r == 0 && pid == 0)
		become_qemu(q, &ends, parent, a.list);
	for (size_t i = 0; i < a.n; i++)
		free(a.list[i]);
	free(a.list);
	return r;
}
