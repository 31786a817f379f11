/* SPDX-License-Identifier: MIT */
/*
 * inject LOG TIMEOUT PROGRAM CALL N ACTION COMMAND ARGUMENT…
 * inject LOG TIMEOUT - COMMAND ARGUMENT…
 *
 * Runs COMMAND and all that it starts under ptrace(2). At the N-th system call of the kind CALL
 * that a process called PROGRAM makes, counted over all of them, it does ACTION once:
 *
 *   error=ERRNO    the call fails (close is done and then fails)
 *   errors=ERRNO   this call and all later ones fail
 *   short          the call gets half of the length that was asked for
 *   signal=N       the process gets a signal; killpg=N: its process group
 *   run=COMMAND    a shell command is run while the process stands still
 *
 * The second form does nothing and counts all calls of all programs. What the dynamic linker calls
 * is not counted, as it is the same in every program. Afterwards LOG has lines of fields with a TAB
 * between them:
 *
 *   count PROGRAM CALL N    what was counted
 *   done ACTION             the fault was there
 *   crash PROGRAM SIGNAL    a process died of a signal that tells of a bug
 *   left PROGRAM            a process ran on after COMMAND; it is ended
 *   timeout                 after TIMEOUT seconds all were ended
 *   status N                of COMMAND, 128 + N for signal N
 */
#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <signal.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/uio.h>
#include <sys/user.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/num.h"

enum { MAX_CALLS = 12, MAX_TRACED = 1024, MAX_COUNTS = 8192, LINKER_SIZE = 256 << 10, GRACE = 5 };
enum { NO_LENGTH = -1 };

/* A kind of call: system calls that do the same, and which argument is a length. */
static const struct kind {
	const char *name;
	struct {
		int number, length;
	} call[MAX_CALLS];
} kinds[] = {
#ifdef SYS_open
#define OLD(...) __VA_ARGS__
#else /* newer architectures have the calls that end in -at alone */
#define OLD(...)
#endif
#define PLAIN(name)                                                                                \
	{                                                                                          \
		SYS_##name, NO_LENGTH                                                              \
	}
	{ "read",
	  { { SYS_read, 2 },
	    { SYS_pread64, 2 },
	    { SYS_readv, 2 },
	    { SYS_preadv, 2 },
	    { SYS_recvmsg, NO_LENGTH } } },
	{ "write",
	  { { SYS_write, 2 },
	    { SYS_pwrite64, 2 },
	    { SYS_writev, 2 },
	    { SYS_pwritev, 2 },
	    { SYS_sendmsg, NO_LENGTH } } },
	{ "copy", { { SYS_sendfile, 3 }, { SYS_copy_file_range, 4 }, { SYS_splice, 4 } } },
	{ "open", { OLD(PLAIN(open), PLAIN(creat), ) PLAIN(openat), PLAIN(openat2) } },
	{ "close", { PLAIN(close) } },
	{ "mmap", { PLAIN(mmap), PLAIN(mremap), PLAIN(brk) } },
	{ "getdents", { { SYS_getdents64, 2 } } },
	{ "rename", { OLD(PLAIN(rename), PLAIN(link), ) PLAIN(renameat2), PLAIN(linkat) } },
	{ "pipe", { OLD(PLAIN(pipe), ) PLAIN(pipe2), PLAIN(memfd_create) } },
	{ "fork", { OLD(PLAIN(fork), PLAIN(vfork), ) PLAIN(clone), PLAIN(clone3) } },
	{ "exec", { PLAIN(execve), PLAIN(execveat) } },
	{ "wait", { PLAIN(wait4), PLAIN(waitid) } },
	/* dup2(2) and dup3(2) onto a number that is open, as shells do it, cannot fail. */
	{ "dup", { PLAIN(dup), PLAIN(fcntl) } },
	{ "stat",
	  { OLD(PLAIN(stat), PLAIN(lstat), ) PLAIN(newfstatat), PLAIN(statx), PLAIN(fstat) } },
	{ "readlink", { OLD(PLAIN(readlink), ) PLAIN(readlinkat), PLAIN(getcwd) } },
	{ "seek", { PLAIN(lseek) } },
	{ "sync", { PLAIN(fsync), PLAIN(fdatasync), PLAIN(ftruncate), PLAIN(fallocate) } },
	{ "make",
	  { OLD(PLAIN(mkdir), PLAIN(symlink), PLAIN(mknod), ) PLAIN(mkdirat), PLAIN(symlinkat),
	    PLAIN(mknodat) } },
	{ "remove", { OLD(PLAIN(unlink), PLAIN(rmdir), ) PLAIN(unlinkat) } },
	{ "change",
	  { OLD(PLAIN(chmod), PLAIN(chown), PLAIN(lchown), ) PLAIN(fchmod), PLAIN(fchmodat),
	    PLAIN(fchown), PLAIN(fchownat), PLAIN(utimensat) } },
	{ "xattr",
	  { PLAIN(llistxattr), PLAIN(flistxattr), PLAIN(lgetxattr), PLAIN(fgetxattr),
	    PLAIN(lsetxattr), PLAIN(fsetxattr) } },
	{ "chdir", { PLAIN(chdir), PLAIN(fchdir), PLAIN(chroot) } },
	{ "mount",
	  { PLAIN(mount), PLAIN(umount2), PLAIN(pivot_root), PLAIN(unshare), PLAIN(setns),
	    PLAIN(mount_setattr), PLAIN(move_mount), PLAIN(open_tree) } },
};

enum { KINDS = sizeof kinds / sizeof *kinds };

/* A process or thread that is traced. */
static struct traced {
	pid_t id;
	char name[17];
	uint64_t linker; /* where the dynamic linker lies, 0: nowhere */
	bool at_exit;    /* the call runs, and is mended when it ends */
	uint64_t length; /* what the argument was; or else */
	long result;     /* what the call shall return */
	int argument;
	int bug, nbugs; /* the first signal that tells of a bug, and how many came */
} traced[MAX_TRACED];

static struct count {
	char name[17];
	int kind;
	unsigned long n;
} counts[MAX_COUNTS];

static size_t ntraced, ncounts;
static const char *program, *action, *value;
static int fault_kind = -1;
static unsigned long fault_nth;
static bool done;
static FILE *report;

static _Noreturn void die(const char *what)
{
	fprintf(stderr, "inject: %s: %s\n", what, errno ? strerror(errno) : "not understood");
	exit(125);
}

static unsigned long number(const char *s)
{
	uint64_t n;
	struct err e = { 0 };
	errno = 0;
	if (num_parse(s, strlen(s), 10, 0, UINT32_MAX, &n, &e) < 0)
		die(e.msg);
	return n;
}

/* --- the process that was stopped --- */

#ifdef __x86_64__
enum { ARCH = AUDIT_ARCH_X86_64 };
#define RESULT(regs) (regs)->rax

static void set_register(struct user_regs_struct *r, int argument, uint64_t to)
{
	unsigned long long *place[] = { &r->rdi, &r->rsi, &r->rdx, &r->r10, &r->r8, &r->r9 };
	*place[argument] = to;
}

static void no_call(pid_t id, struct user_regs_struct *regs)
{
	(void)id;
	regs->orig_rax = (unsigned long)-1;
}
#else /* aarch64 */
enum { ARCH = AUDIT_ARCH_AARCH64 };
#define RESULT(r) (r)->regs[0]

static void set_register(struct user_regs_struct *r, int argument, uint64_t to)
{
	r->regs[argument] = to;
}

static void no_call(pid_t id, struct user_regs_struct *regs)
{
	int none = -1;
	struct iovec io = { .iov_base = &none, .iov_len = sizeof none };
	(void)regs;
	(void)ptrace(PTRACE_SETREGSET, id, NT_ARM_SYSTEM_CALL, &io);
}
#endif

/* The process may have been killed meanwhile, which its next stop tells. */
static void get_registers(pid_t id, struct user_regs_struct *regs)
{
	struct iovec io = { .iov_base = regs, .iov_len = sizeof *regs };
	*regs = (struct user_regs_struct){ 0 };
	(void)ptrace(PTRACE_GETREGSET, id, NT_PRSTATUS, &io);
}

static void set_registers(pid_t id, struct user_regs_struct *regs)
{
	struct iovec io = { .iov_base = regs, .iov_len = sizeof *regs };
	(void)ptrace(PTRACE_SETREGSET, id, NT_PRSTATUS, &io);
}

static void set_result(pid_t id, long result, bool skip)
{
	struct user_regs_struct regs;
	get_registers(id, &regs);
	if (skip)
		no_call(id, &regs);
	RESULT(&regs) = (unsigned long)result;
	set_registers(id, &regs);
}

static void set_argument(pid_t id, int argument, uint64_t to)
{
	struct user_regs_struct regs;
	get_registers(id, &regs);
	set_register(&regs, argument, to);
	set_registers(id, &regs);
}

/* --- who is traced --- */

static void read_file(pid_t id, const char *name, void *data, size_t size, size_t *got)
{
	char path[64];
	snprintf(path, sizeof path, "/proc/%d/%s", (int)id, name);
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	ssize_t n = fd < 0 ? 0 : read(fd, data, size);
	*got = n > 0 ? (size_t)n : 0;
	if (fd >= 0)
		close(fd);
}

/* The kernel calls a bash by the script that names it in its first line. */
static void call_bash(struct traced *t)
{
	char path[64], exe[4096];
	snprintf(path, sizeof path, "/proc/%d/exe", (int)t->id);
	ssize_t n = readlink(path, exe, sizeof exe);
	if (n >= 5 && memcmp(exe + n - 5, "/bash", 5) == 0)
		snprintf(t->name, sizeof t->name, "bash");
}

/* What it is called and where its linker lies, at its start and after exec. */
static void look_at(struct traced *t)
{
	size_t got;
	uint64_t aux[64] = { 0 };
	read_file(t->id, "comm", t->name, sizeof t->name - 1, &got);
	t->name[got ? got - 1 : 0] = '\0';
	call_bash(t);
	read_file(t->id, "auxv", aux, sizeof aux, &got);
	t->linker = 0;
	for (size_t i = 0; i + 1 < got / sizeof *aux; i += 2)
		if (aux[i] == AT_BASE)
			t->linker = aux[i + 1];
}

static struct traced *find(pid_t id)
{
	for (size_t i = 0; i < ntraced; i++)
		if (traced[i].id == id)
			return &traced[i];
	if (ntraced == MAX_TRACED)
		die("too many processes");
	traced[ntraced] = (struct traced){ .id = id };
	look_at(&traced[ntraced]);
	return &traced[ntraced++];
}

static void forget(struct traced *t)
{
	*t = traced[--ntraced];
}

/* --- faults --- */

static unsigned long count(const char *name, int kind)
{
	size_t i = 0;
	while (i < ncounts && (counts[i].kind != kind || strcmp(counts[i].name, name) != 0))
		i++;
	if (i == MAX_COUNTS)
		die("too many programs");
	if (i == ncounts) {
		counts[ncounts].kind = kind;
		memcpy(counts[ncounts++].name, name, sizeof counts->name);
	}
	return ++counts[i].n;
}

static int kind_of(uint64_t number, int *length)
{
	for (int k = 0; k < KINDS; k++)
		for (int c = 0; c < MAX_CALLS; c++)
			if (kinds[k].call[c].number == (int)number &&
			    (number || kinds[k].call[c].length)) {
				*length = kinds[k].call[c].length;
				return k;
			}
	return -1;
}

static void run_command(const char *command)
{
	int status;
	pid_t pid = fork();
	if (pid == 0) {
		execl("/bin/sh", "sh", "-c", command, (char *)NULL);
		_exit(127);
	}
	if (pid < 0 || waitpid(pid, &status, 0) != pid || status != 0)
		die(command);
}

static bool is_action(const char *name)
{
	return strncmp(action, name, (size_t)(value - action)) == 0;
}

/* For this call the argument is another one. */
static void replace_argument(struct traced *t, const struct __ptrace_syscall_info *info,
			     int argument, uint64_t by)
{
	t->argument = argument;
	t->length = info->seccomp.args[argument];
	set_argument(t->id, argument, by);
}

static bool fail(struct traced *t, const struct __ptrace_syscall_info *info, long error)
{
	t->argument = NO_LENGTH;
	t->result = -error;
	switch (info->seccomp.nr) {
	case SYS_close: /* it is closed all the same */
		return true;
	case SYS_brk: /* it fails by giving what was there, as it does when asked for 0 */
		replace_argument(t, info, 0, 0);
		return true;
	default:
		set_result(t->id, t->result, true);
		return false;
	}
}

/* Does what was asked for to a process at its call; whether its end is to be seen. */
static bool act(struct traced *t, const struct __ptrace_syscall_info *info, int length)
{
	bool see_end = false;
	if (is_action("short")) {
		if (length == NO_LENGTH || info->seccomp.args[length] < 2)
			return false;
		replace_argument(t, info, length, info->seccomp.args[length] / 2);
		see_end = true;
	} else if (is_action("error=") || is_action("errors=")) {
		see_end = fail(t, info, (long)number(value));
	} else if (is_action("signal=")) {
		kill(t->id, (int)number(value));
	} else if (is_action("killpg=")) {
		kill(-getpgid(t->id), (int)number(value));
	} else {
		run_command(value);
	}
	if (!done)
		fprintf(report, "done\t%s\n", action);
	done = true;
	return see_end;
}

/* A call is about to be made. Whether its end is to be seen. */
static bool at_call(struct traced *t)
{
	struct __ptrace_syscall_info info;
	int length = NO_LENGTH, kind;
	if (ptrace(PTRACE_GET_SYSCALL_INFO, t->id, sizeof info, &info) < 0 ||
	    info.op != PTRACE_SYSCALL_INFO_SECCOMP ||
	    info.instruction_pointer - t->linker < LINKER_SIZE)
		return false;
	kind = kind_of(info.seccomp.nr, &length);
	if (!program) {
		count(t->name, kind);
		return false;
	}
	if (kind != fault_kind || strcmp(t->name, program) != 0)
		return false;
	unsigned long n = count(program, kind);
	bool now = n == fault_nth || (n > fault_nth && is_action("errors="));
	return now && act(t, &info, length);
}

static void at_end_of_call(struct traced *t)
{
	if (t->argument == NO_LENGTH)
		set_result(t->id, t->result, false);
	else
		set_argument(t->id, t->argument, t->length);
}

/* --- tracing --- */

/* Calls of the fault's kind, or of all kinds, stop the process; others run as ever. */
static void filter_calls(void)
{
	struct sock_filter code[8 + KINDS * MAX_CALLS * 2];
	unsigned short n = 0;
	code[n++] = (struct sock_filter)BPF_STMT(BPF_LD | BPF_W | BPF_ABS,
						 offsetof(struct seccomp_data, arch));
	code[n++] = (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, ARCH, 1, 0);
	code[n++] = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW);
	code[n++] = (struct sock_filter)BPF_STMT(BPF_LD | BPF_W | BPF_ABS,
						 offsetof(struct seccomp_data, nr));
	for (int k = 0; k < KINDS; k++)
		for (int c = 0; c < MAX_CALLS && (fault_kind < 0 || fault_kind == k); c++) {
			if (!kinds[k].call[c].number && !kinds[k].call[c].length)
				break;
			code[n++] = (struct sock_filter)BPF_JUMP(
				BPF_JMP | BPF_JEQ | BPF_K, (unsigned)kinds[k].call[c].number, 0, 1);
			code[n++] =
				(struct sock_filter)BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_TRACE);
		}
	code[n++] = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW);
	struct sock_fprog prog = { .len = n, .filter = code };
	if (geteuid() != 0)
		prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
	if (prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &prog) < 0)
		die("seccomp");
}

static pid_t start(char **command)
{
	int ready[2];
	char byte = 0;
	if (pipe(ready) < 0)
		die("pipe");
	pid_t pid = fork();
	if (pid < 0)
		die("fork");
	if (pid == 0) {
		setsid();
		if (read(ready[0], &byte, 1) != 1)
			_exit(125);
		close(ready[0]);
		close(ready[1]);
		filter_calls();
		execvp(*command, command);
		die(*command);
	}
	long options = PTRACE_O_EXITKILL | PTRACE_O_TRACESECCOMP | PTRACE_O_TRACEEXEC |
		       PTRACE_O_TRACEFORK | PTRACE_O_TRACEVFORK | PTRACE_O_TRACECLONE |
		       PTRACE_O_TRACESYSGOOD;
	if (ptrace(PTRACE_SEIZE, pid, 0, options) < 0 || write(ready[1], &byte, 1) != 1)
		die("ptrace");
	close(ready[0]);
	close(ready[1]);
	return pid;
}

static bool tells_of_a_bug(int sig)
{
	return sig == SIGSEGV || sig == SIGBUS || sig == SIGABRT || sig == SIGFPE ||
	       sig == SIGILL || sig == SIGSYS;
}

/* As long as it is traced, a namespace's first process gets no such signal, and faults for ever. */
static void take_signal(struct traced *t, int sig)
{
	if (!tells_of_a_bug(sig))
		return;
	if (t->nbugs++ == 0)
		t->bug = sig;
	if (t->nbugs > 3)
		kill(t->id, SIGKILL);
}

static void stopped(pid_t id, int status)
{
	struct traced *t = find(id);
	int event = status >> 16, sig = WSTOPSIG(status), deliver = 0;
	bool see_end = false;
	if (event == PTRACE_EVENT_SECCOMP)
		see_end = at_call(t);
	else if (event == PTRACE_EVENT_EXEC)
		look_at(t);
	else if (event == PTRACE_EVENT_STOP && sig != SIGTRAP) {
		(void)ptrace(PTRACE_LISTEN, id, 0, 0);
		return;
	} else if (!event && sig == (SIGTRAP | 0x80))
		at_end_of_call(t);
	else if (!event) {
		take_signal(t, sig);
		deliver = sig;
	}
	(void)ptrace(see_end ? PTRACE_SYSCALL : PTRACE_CONT, id, 0, deliver);
}

static void ended(pid_t id, int status)
{
	struct traced *t = find(id);
	int sig = WIFSIGNALED(status) ? WTERMSIG(status) : 0;
	if (t->nbugs > 3)
		sig = t->bug;
	if (tells_of_a_bug(sig))
		fprintf(report, "crash\t%s\t%d\n", t->name, sig);
	forget(t);
}

static volatile sig_atomic_t late;

static void on_alarm(int sig)
{
	(void)sig;
	late = 1;
}

static void set_alarm(unsigned seconds)
{
	/* again and again, as one can come just before waitpid(2) */
	struct itimerval timer = { .it_value.tv_sec = seconds, .it_interval.tv_usec = 100000 };
	late = 0;
	setitimer(ITIMER_REAL, &timer, NULL);
}

static void end_all(bool over)
{
	for (size_t i = 0; i < ntraced; i++) {
		if (over)
			fprintf(report, "left\t%s\n", traced[i].name);
		kill(traced[i].id, SIGKILL);
	}
	if (!over)
		fprintf(report, "timeout\n");
}

/* Until the last process has ended; the status of the first. */
static int trace(pid_t first, unsigned timeout)
{
	int status, result = 0;
	bool over = false, told = false;
	set_alarm(timeout);
	for (;;) {
		pid_t id = waitpid(-1, &status, __WALL);
		if (id < 0 && errno == ECHILD)
			return result;
		if (late && !told) {
			end_all(over);
			told = true;
		}
		if (id < 0)
			continue;
		if (WIFSTOPPED(status)) {
			stopped(id, status);
			continue;
		}
		ended(id, status);
		if (id == first) {
			over = true;
			result = WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
			if (!told)
				set_alarm(GRACE);
		}
	}
}

static void parse_fault(char **argv)
{
	program = argv[0];
	for (int k = 0; k < KINDS; k++)
		if (strcmp(kinds[k].name, argv[1]) == 0)
			fault_kind = k;
	errno = 0;
	if (fault_kind < 0)
		die(argv[1]);
	fault_nth = number(argv[2]);
	action = argv[3];
	value = strchr(action, '=');
	value = value ? value + 1 : action + strlen(action);
}

int main(int argc, char **argv)
{
	if (argc < 5)
		die("LOG TIMEOUT PROGRAM CALL N ACTION COMMAND");
	unsigned timeout = (unsigned)number(argv[2]);
	bool counting = strcmp(argv[3], "-") == 0;
	if (!counting && argc < 8)
		die("no COMMAND");
	if (!counting)
		parse_fault(argv + 3);
	report = fopen(argv[1], "we");
	struct sigaction sa = { .sa_handler = on_alarm };
	if (!report || sigaction(SIGALRM, &sa, NULL) < 0 ||
	    prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0) < 0)
		die(argv[1]);
	int status = trace(start(argv + (counting ? 4 : 7)), timeout);
	for (size_t i = 0; i < ncounts; i++)
		fprintf(report, "count\t%s\t%s\t%lu\n", counts[i].name, kinds[counts[i].kind].name,
			counts[i].n);
	fprintf(report, "status\t%d\n", status);
	return fclose(report) == 0 ? 0 : 125;
}
