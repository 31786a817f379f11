/* SPDX-License-Identifier: MIT */
#include "vm/kvmprobe.h"

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#ifdef __x86_64__

#include <linux/kvm.h>
#include <stdint.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <time.h>

/* The guest's memory: page tables that map the first 2 MiB onto themselves, a stack, code. */
enum {
	MEMORY = 2 << 20,
	PML4 = 0x1000,
	PDPT = 0x2000,
	PAGE_DIR = 0x3000,
	IDT = 0x4000,
	GDT = 0x5000,
	HANDLER = 0x6000,
	CODE = 0x7000,
	DATA = 0x8000,
	STACK = 0x10000,
	PRESENT = 0x3,
	LARGE = 0x80,
	BREAKPOINT = 3,
	TURNS = 1000 * 1000,
	/* microseconds of processor time, so that a busy host is no reason; and for a processor
	   that is emulated or shared itself, as many times what the same loop takes outside the
	   guest */
	TIME = 200 * 1000,
	TIMES = 100,
	MOST = 30, /* seconds, whatever happens */
};

/* lock cmpxchg16b [rdi]; int3; mov ecx, 1000000; 1: dec ecx; jnz 1b; hlt */
static const unsigned char code[] = { 0xf0, 0x48, 0x0f, 0xc7, 0x0f, 0xcc, 0xb9, 0x40,
				      0x42, 0x0f, 0x00, 0xff, 0xc9, 0x75, 0xfc, 0xf4 };
/* iretq */
static const unsigned char handler[] = { 0x48, 0xcf };

struct gate {
	uint16_t low, selector, flags, middle;
	uint32_t high, zero;
};

static void fill_memory(unsigned char *m)
{
	static const uint64_t code_segment = 0x00af9b000000ffff, data_segment = 0x00cf93000000ffff;
	const uint64_t pdpt = PDPT | PRESENT, dir = PAGE_DIR | PRESENT, page = PRESENT | LARGE;
	const struct gate gate = { .low = HANDLER, .selector = 8, .flags = 0x8e00 };
	memcpy(m + PML4, &pdpt, sizeof pdpt);
	memcpy(m + PDPT, &dir, sizeof dir);
	memcpy(m + PAGE_DIR, &page, sizeof page);
	memcpy(m + IDT + BREAKPOINT * sizeof gate, &gate, sizeof gate);
	memcpy(m + GDT + 8, &code_segment, sizeof code_segment);
	memcpy(m + GDT + 16, &data_segment, sizeof data_segment);
	memcpy(m + HANDLER, handler, sizeof handler);
	memcpy(m + CODE, code, sizeof code);
}

static struct kvm_segment segment(uint16_t selector, uint8_t type, uint8_t l, uint8_t db)
{
	return (struct kvm_segment){ .limit = 0xffffffff,
				     .selector = selector,
				     .type = type,
				     .present = 1,
				     .s = 1,
				     .g = 1,
				     .l = l,
				     .db = db };
}

/* Long mode, as a kernel has it. */
static int set_registers(int cpu)
{
	struct kvm_sregs s;
	const struct kvm_regs r = { .rip = CODE, .rsp = STACK, .rdi = DATA, .rflags = 2 };
	if (ioctl(cpu, KVM_GET_SREGS, &s) < 0)
		return -1;
	s.cs = segment(8, 11, 1, 0);
	s.ds = s.es = s.fs = s.gs = s.ss = segment(16, 3, 0, 1);
	s.gdt = (struct kvm_dtable){ .base = GDT, .limit = 23 };
	s.idt = (struct kvm_dtable){ .base = IDT, .limit = 16 * 32 - 1 };
	s.cr3 = PML4;
	s.cr4 = 1 << 5;                   /* PAE */
	s.cr0 = 1U << 31 | 1U << 16 | 1U; /* PG, WP, PE */
	s.efer = 1 << 8 | 1 << 10;        /* LME, LMA */
	if (ioctl(cpu, KVM_SET_SREGS, &s) < 0)
		return -1;
	return ioctl(cpu, KVM_SET_REGS, &r);
}

/* A processor in a machine with the code in its memory; -1 in errno. */
static int make_cpu(int kvm, struct kvm_run **run)
{
	unsigned char *m =
		mmap(NULL, MEMORY, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	int machine = ioctl(kvm, KVM_CREATE_VM, 0), size = ioctl(kvm, KVM_GET_VCPU_MMAP_SIZE, 0);
	if (m == MAP_FAILED || machine < 0 || size < 0)
		return -1;
	const struct kvm_userspace_memory_region region = { .memory_size = MEMORY,
							    .userspace_addr = (uintptr_t)m };
	fill_memory(m);
	if (ioctl(machine, KVM_SET_USER_MEMORY_REGION, &region) < 0)
		return -1;
	int cpu = ioctl(machine, KVM_CREATE_VCPU, 0);
	if (cpu < 0)
		return -1;
	*run = mmap(NULL, (size_t)size, PROT_READ | PROT_WRITE, MAP_SHARED, cpu, 0);
	return *run == MAP_FAILED || set_registers(cpu) < 0 ? -1 : cpu;
}

/* Microseconds that the guest may take. */
static long limit_of_guest(void)
{
	struct timespec start, end;
	uint32_t turns = TURNS;
	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &start);
	__asm__ volatile("1: decl %0; jnz 1b" : "+r"(turns) : : "cc");
	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &end);
	return TIME + TIMES * ((end.tv_sec - start.tv_sec) * 1000 * 1000 +
			       (end.tv_nsec - start.tv_nsec) / 1000);
}

/* In a process of its own, which the timer ends where the guest does not. */
static _Noreturn void try(int kvm)
{
	const long usec = limit_of_guest();
	const struct itimerval limit = { .it_value = { .tv_sec = usec / 1000000,
						       .tv_usec = usec % 1000000 } };
	struct kvm_run *run;
	alarm(MOST);
	setitimer(ITIMER_PROF, &limit, NULL);
	int cpu = make_cpu(kvm, &run);
	if (cpu < 0 || ioctl(cpu, KVM_RUN, 0) < 0)
		_exit(1);
	_exit(run->exit_reason == KVM_EXIT_HLT ? 0 : 2);
}

int kvmprobe(struct err *e)
{
	int status = -1;
	AUTO_CLOSE int kvm = open("/dev/kvm", O_RDWR | O_CLOEXEC);
	if (kvm < 0)
		return err_set(e, errno, "cannot open '/dev/kvm'");
	pid_t pid = fork();
	if (pid == 0)
		try(kvm);
	while (pid > 0 && waitpid(pid, &status, 0) < 0 && errno == EINTR)
		;
	if (pid > 0 && status == 0)
		return 0;
	return err_set(e, 0, "'/dev/kvm' is there but does not run %s",
		       WIFSIGNALED(status) ? "a million instructions in reasonable time"
					   : "what a kernel needs");
}

#else

int kvmprobe(struct err *e)
{
	return err_set(e, 0, "virtual machines are made on x86-64 only");
}

#endif
