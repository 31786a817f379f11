/* SPDX-License-Identifier: MIT */
#include "vm/syscallfilter.h"

#include <errno.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>

enum { PROGRAM_MAX = 128, NO_CALL = -1, X32 = 0x40000000 };

/* The numbers that the calls have in one kind of program; io_uring's is the same in all. */
struct calls {
	uint32_t arch;
	int socket, socketcall, add_key, request_key, keyctl, perf_event_open;
};

static const struct calls kinds[] = {
#if defined __x86_64__
	{ AUDIT_ARCH_X86_64, SYS_socket, NO_CALL, SYS_add_key, SYS_request_key, SYS_keyctl,
	  SYS_perf_event_open },
	{ AUDIT_ARCH_I386, 359, 102, 286, 287, 288, 336 },
#elif defined __aarch64__
	{ AUDIT_ARCH_AARCH64, SYS_socket, NO_CALL, SYS_add_key, SYS_request_key, SYS_keyctl,
	  SYS_perf_event_open },
	{ AUDIT_ARCH_ARM, 281, 102, 309, 310, 311, 364 },
#elif defined __riscv && __riscv_xlen == 64
	{ AUDIT_ARCH_RISCV64, SYS_socket, NO_CALL, SYS_add_key, SYS_request_key, SYS_keyctl,
	  SYS_perf_event_open },
#endif
};

struct program {
	struct sock_filter code[PROGRAM_MAX];
	unsigned short n;
};

static void add(struct program *p, unsigned code, uint32_t k, uint8_t yes, uint8_t no)
{
	p->code[p->n++] = (struct sock_filter){ (uint16_t)code, yes, no, k };
}

static void load(struct program *p, size_t offset)
{
	add(p, BPF_LD | BPF_W | BPF_ABS, (uint32_t)offset, 0, 0);
}

static void answer(struct program *p, uint32_t what)
{
	add(p, BPF_RET | BPF_K, what, 0, 0);
}

static void refuse(struct program *p, int call)
{
	if (call == NO_CALL)
		return;
	add(p, BPF_JMP | BPF_JEQ | BPF_K, (uint32_t)call, 0, 1);
	answer(p, SECCOMP_RET_ERRNO | ENOSYS);
}

static void check_socket(struct program *p)
{
	static const int families[] = { AF_INET, AF_INET6, AF_NETLINK };
	/* an int, of which the kernel takes the lower half */
	size_t half = __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__ ? 4 : 0;
	load(p, offsetof(struct seccomp_data, args[0]) + half);
	for (size_t i = 0; i < sizeof families / sizeof *families; i++) {
		add(p, BPF_JMP | BPF_JEQ | BPF_K, (uint32_t)families[i], 0, 1);
		answer(p, SECCOMP_RET_ALLOW);
	}
	answer(p, SECCOMP_RET_ERRNO | EAFNOSUPPORT);
}

/* The calls of one kind of program; the code goes on after it for others. */
static void add_kind(struct program *p, const struct calls *c)
{
	unsigned short start = p->n;
	add(p, BPF_JMP | BPF_JEQ | BPF_K, c->arch, 0, 0);
	load(p, offsetof(struct seccomp_data, nr));
#ifdef __x86_64__
	add(p, BPF_JMP | BPF_JGE | BPF_K, X32, 0, 1);
	answer(p, SECCOMP_RET_ERRNO | ENOSYS);
#endif
	const int refused[] = { c->socketcall, c->add_key,         c->request_key,
				c->keyctl,     c->perf_event_open, SYS_io_uring_setup };
	for (size_t i = 0; i < sizeof refused / sizeof *refused; i++)
		refuse(p, refused[i]);
	add(p, BPF_JMP | BPF_JEQ | BPF_K, (uint32_t)c->socket, 1, 0);
	answer(p, SECCOMP_RET_ALLOW);
	check_socket(p);
	p->code[start].jf = (uint8_t)(p->n - start - 1);
}

int syscallfilter_set(struct err *e)
{
	struct program p = { .n = 0 };
	load(&p, offsetof(struct seccomp_data, arch));
	for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++)
		add_kind(&p, &kinds[i]);
	answer(&p, SECCOMP_RET_ERRNO | ENOSYS);
	struct sock_fprog program = { p.n, p.code };
	if (prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program, 0, 0) < 0)
		return err_set(e, errno, "cannot filter system calls");
	return 0;
}
