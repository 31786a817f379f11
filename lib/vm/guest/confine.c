/* SPDX-License-Identifier: MIT */
#include "vm/guest/confine.h"

#include <errno.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/keyctl.h>
#include <linux/seccomp.h>
#include <stddef.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

/* socket(2) by way of socketcall(2), whose other arguments no filter can see. */
enum { SOCKETCALL_SOCKET = 1, NONE = -1 };

/* What goes by a ring no filter sees, and it can make sockets. Its number is one for all. */
enum { IO_URING_SETUP = 425 };

/* System calls of the x32 ABI have this bit besides. */
enum { X32 = 0x40000000 };

#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
#define FIRST_ARGUMENT offsetof(struct seccomp_data, args)
#else
#define FIRST_ARGUMENT (offsetof(struct seccomp_data, args) + 4)
#endif

#define LOAD(offset)       BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offset)
#define MASK(value)        BPF_STMT(BPF_ALU | BPF_AND | BPF_K, value)
#define IF(value, yes, no) BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, (unsigned)(value), yes, no)
#define END(action)        BPF_STMT(BPF_RET | BPF_K, action)
#define REFUSE(code)       END(SECCOMP_RET_ERRNO | (code))

/* For programs of one kind of processor; others go on behind it. */
#define ABI(arch, add_key, request_key, keyctl, perf_event_open, socket, socketcall)               \
	IF(arch, 0, 16), LOAD(offsetof(struct seccomp_data, nr)), MASK(~(unsigned)X32),            \
		IF(add_key, 6, 0), IF(request_key, 5, 0), IF(keyctl, 4, 0),                        \
		IF(perf_event_open, 3, 0), IF(IO_URING_SETUP, 2, 0), IF(socket, 2, 0),             \
		IF(socketcall, 3, 5), REFUSE(ENOSYS), LOAD(FIRST_ARGUMENT), IF(AF_VSOCK, 3, 2),    \
		LOAD(FIRST_ARGUMENT), IF(SOCKETCALL_SOCKET, 1, 0), END(SECCOMP_RET_ALLOW),         \
		REFUSE(EAFNOSUPPORT)

static int filter_calls(struct err *e)
{
	static struct sock_filter filter[] = {
		LOAD(offsetof(struct seccomp_data, arch)),
		ABI(AUDIT_ARCH_X86_64, 248, 249, 250, 298, 41, NONE),
		ABI(AUDIT_ARCH_I386, 286, 287, 288, 336, 359, 102),
		ABI(AUDIT_ARCH_AARCH64, 217, 218, 219, 241, 198, NONE),
		ABI(AUDIT_ARCH_ARM, 309, 310, 311, 364, 281, 102),
		ABI(AUDIT_ARCH_RISCV64, 217, 218, 219, 241, 198, NONE),
		ABI(AUDIT_ARCH_PPC64LE, 269, 270, 271, 319, 326, 102),
		REFUSE(ENOSYS),
	};
	const struct sock_fprog program = { .len = sizeof filter / sizeof *filter,
					    .filter = filter };
	if (prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) < 0)
		return err_set(e, 0,
			       "this kernel cannot filter system calls: expected one with "
			       "CONFIG_SECCOMP_FILTER (--engine tcg needs none)");
	return 0;
}

int confine(struct err *e)
{
	/* 1 and not 0: with that, a program that the host has for core dumps is run all the same */
	const struct rlimit core = { 1, 1 };
	(void)setrlimit(RLIMIT_CORE, &core);
	/* that of the caller must not be the script's */
	(void)syscall(SYS_keyctl, KEYCTL_JOIN_SESSION_KEYRING, NULL);
	return filter_calls(e);
}
