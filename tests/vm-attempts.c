/* SPDX-License-Identifier: MIT */
/*
 * For a script of vm-exec: tries to get out, and to what is the host's. Prints a
 * line for each attempt, "NAME: held" or "NAME: " and what it got.
 *
 * /t is a --mount with "file", "sub/file" and a mount on "inner"; $SOCKET is the name
 * of an abstract socket, and $PORT a port, that the host listens at, $VICTIM a
 * process of it.
 *
 * "without mounts COMMAND" and "without filters COMMAND" are for the host: an
 * older kernel. "without attributes COMMAND" is a builder of Nix.
 */
#include <arpa/inet.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/bpf.h>
#include <linux/filter.h>
#include <linux/fs.h>
#include <linux/io_uring.h>
#include <linux/keyctl.h>
#include <linux/nsfs.h>
#include <linux/perf_event.h>
#include <linux/seccomp.h>
#include <sched.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/fanotify.h>
#include <sys/ioctl.h>
#include <sys/klog.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <sys/timex.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <sys/xattr.h>
#include <time.h>
#include <unistd.h>

static char got[4096];

/* What an attempt returns: NULL is "held". */
__attribute__((format(printf, 1, 2))) static const char *get(const char *fmt, ...)
{
	va_list ap;
	va_start(ap, fmt);
	(void)vsnprintf(got, sizeof got, fmt, ap);
	va_end(ap);
	return got;
}

/* What the digits say that a text begins with; 0 where there are none. */
static unsigned number(const char *text)
{
	unsigned n = 0;
	while (text && *text >= '0' && *text <= '9')
		n = n * 10 + (unsigned)(*text++ - '0');
	return n;
}

/* In a process of its own, whose namespaces and mounts go with it. */
static const char *apart(const char *(*attempt)(void))
{
	char *shared =
		mmap(NULL, sizeof got, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	pid_t pid = fork();
	if (pid == 0) {
		const char *what = unshare(CLONE_NEWNS) < 0 ? NULL : attempt();
		if (what)
			(void)snprintf(shared, sizeof got, "%s", what);
		_exit(0);
	}
	waitpid(pid, NULL, 0);
	return *shared ? get("%s", shared) : NULL;
}

/* --- writing to what the host gave to read --- */

static bool writes(const char *path)
{
	int fd = open(path, O_WRONLY);
	bool done = fd >= 0 && write(fd, "x", 1) == 1;
	if (fd >= 0)
		close(fd);
	return done;
}

/* All ways to change a file or a directory that need no other mount. */
static const char *change(void)
{
	const struct timespec times[2] = { { 0 } };
	char again[64];
	int flags = FS_APPEND_FL, fd = open("/t/file", O_RDONLY), dir = open("/t", O_RDONLY);
	(void)snprintf(again, sizeof again, "/proc/self/fd/%d", fd);
	if (fd < 0 || dir < 0)
		return get("no file to try");
	if (writes("/t/file") || writes(again))
		return get("open");
	if (truncate("/t/file", 0) == 0 || fallocate(fd, 0, 0, 4096) == 0)
		return get("truncate");
	if (fchmod(fd, 0777) == 0 || chmod("/t", 0777) == 0 || chmod("/t/inner", 0777) == 0)
		return get("chmod");
	if (fchown(fd, 0, 0) == 0 || chown("/t", 0, 0) == 0)
		return get("chown");
	if (futimens(fd, times) == 0 || utimensat(AT_FDCWD, "/t", times, 0) == 0)
		return get("utimes");
	if (fsetxattr(fd, "user.x", "x", 1, 0) == 0 || ioctl(fd, FS_IOC_SETFLAGS, &flags) == 0)
		return get("attributes");
	if (unlink("/t/file") == 0 || rename("/t/file", "/t/other") == 0 || rmdir("/t/sub") == 0)
		return get("remove");
	if (mkdir("/t/new", 0755) == 0 ||
	    linkat(AT_FDCWD, again, dir, "new", AT_SYMLINK_FOLLOW) == 0 ||
	    mknod("/t/node", S_IFREG | 0644, 0) == 0 ||
	    mknod("/t/inner/node", S_IFREG | 0644, 0) == 0)
		return get("make");
	return NULL;
}

static const char *remount(void)
{
	const unsigned long bind = MS_REMOUNT | MS_BIND;
	if (mount(NULL, "/t", NULL, bind, NULL) == 0 ||
	    mount(NULL, "/t", NULL, bind | MS_NOSUID | MS_NODEV, NULL) == 0 ||
	    mount(NULL, "/t", NULL, MS_REMOUNT, NULL) == 0 ||
	    mount(NULL, "/t/inner", NULL, bind | MS_NOSUID | MS_NODEV, NULL) == 0)
		return get("remounted");
	return change();
}

static int set_writable(int fd, const char *path, unsigned flags)
{
	struct mount_attr attr = { .attr_clr = MOUNT_ATTR_RDONLY };
	return mount_setattr(fd, path, flags, &attr, sizeof attr);
}

static const char *setattr(void)
{
	struct mount_attr attr = { .attr_clr = MOUNT_ATTR_NOSUID };
	if (set_writable(AT_FDCWD, "/t", 0) == 0 ||
	    set_writable(AT_FDCWD, "/t", AT_RECURSIVE) == 0 ||
	    mount_setattr(AT_FDCWD, "/t", 0, &attr, sizeof attr) == 0)
		return get("set");
	attr.attr_clr = MOUNT_ATTR_NODEV;
	return mount_setattr(AT_FDCWD, "/t", 0, &attr, sizeof attr) == 0 ? get("set") : change();
}

static const char *clone_tree(void)
{
	static const char *const paths[] = { "/t", "/t/sub", "/t/file", "/t/inner" };
	for (size_t i = 0; i < sizeof paths / sizeof *paths; i++)
		for (unsigned flags = 0; flags <= AT_RECURSIVE; flags += AT_RECURSIVE) {
			int fd = open_tree(AT_FDCWD, paths[i], OPEN_TREE_CLONE | flags);
			if (fd >= 0 && set_writable(fd, "", AT_EMPTY_PATH | flags) == 0)
				return get("%s", paths[i]);
		}
	return NULL;
}

static const char *bind_part(void)
{
	mkdir("/part", 0755);
	if (mount("/t/sub", "/part", NULL, MS_BIND | MS_REC, NULL) < 0)
		return get("nothing to try");
	if (mount(NULL, "/part", NULL, MS_REMOUNT | MS_BIND, NULL) == 0)
		return get("remounted");
	return mknod("/part/x", S_IFREG | 0644, 0) == 0 ? get("made") : NULL;
}

/* Below the mount on it lies what the host hides. */
static const char *uncover(void)
{
	int fd = open_tree(AT_FDCWD, "/t", OPEN_TREE_CLONE);
	mkdir("/moved", 0755);
	if (fd >= 0)
		return get("a tree without the mount on it");
	if (umount2("/t/inner", MNT_DETACH) == 0 || umount2("/t/inner", 0) == 0)
		return get("umounted");
	if (mount("/t/inner", "/moved", NULL, MS_MOVE, NULL) == 0)
		return get("moved");
	if (mount("/t", "/moved", NULL, MS_BIND, NULL) == 0)
		return get("bound without it");
	return access("/t/inner/hidden", F_OK) == 0 ? get("seen") : NULL;
}

static const char *new_file_system(void)
{
	int fd = fspick(AT_FDCWD, "/t", 0);
	if (fd >= 0 && fsconfig(fd, FSCONFIG_CMD_RECONFIGURE, NULL, NULL, 0) == 0)
		return get("reconfigured");
	return NULL;
}

/* Over what is to be read, it works, and writes somewhere else. */
static const char *overlay(void)
{
	mkdir("/over", 0755);
	if (mount("t", "/over", "tmpfs", 0, NULL) < 0 || mkdir("/over/upper", 0755) < 0 ||
	    mkdir("/over/work", 0755) < 0 || mkdir("/over/all", 0755) < 0)
		return get("nothing to try: %s", strerror(errno));
	if (mount("o", "/over/all", "overlay", 0,
		  "lowerdir=/over/work,upperdir=/t,workdir=/t/sub") == 0)
		return get("written to");
	if (mount("o", "/over/all", "overlay", 0,
		  "lowerdir=/t/sub,upperdir=/over/upper,workdir=/over/work,userxattr") < 0)
		return get("nothing to try: %s", strerror(errno));
	if (!writes("/over/all/file"))
		return get("nothing to try: %s", strerror(errno));
	return change();
}

static int write_text(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY);
	ssize_t n = fd < 0 ? -1 : write(fd, text, strlen(text));
	if (fd >= 0)
		close(fd);
	return n < 0 ? -1 : 0;
}

static const char *deeper(void)
{
	if (unshare(CLONE_NEWUSER | CLONE_NEWNS) < 0 ||
	    write_text("/proc/self/setgroups", "deny") < 0 ||
	    write_text("/proc/self/uid_map", "0 0 1") < 0)
		return get("nothing to try: %s", strerror(errno));
	const char *what = remount();
	return what ? what : clone_tree();
}

/* The result of one request; -ENOSYS where there are no rings. */
static int ask_ring(const struct io_uring_sqe *request)
{
	struct io_uring_params p = { 0 };
	int ring = (int)syscall(SYS_io_uring_setup, 1, &p);
	if (ring < 0)
		return -ENOSYS;
	size_t size = p.sq_off.array + p.sq_entries * sizeof(unsigned),
	       sizes = sizeof(struct io_uring_sqe);
	if (size < p.cq_off.cqes + p.cq_entries * sizeof(struct io_uring_cqe))
		size = p.cq_off.cqes + p.cq_entries * sizeof(struct io_uring_cqe);
	char *m = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, ring, IORING_OFF_SQ_RING);
	struct io_uring_sqe *sqe =
		mmap(NULL, sizes, PROT_READ | PROT_WRITE, MAP_SHARED, ring, IORING_OFF_SQES);
	if (m == MAP_FAILED || (void *)sqe == MAP_FAILED)
		return -ENOMEM;
	*sqe = *request;
	*(unsigned *)(void *)(m + p.sq_off.array) = 0;
	__atomic_store_n((unsigned *)(void *)(m + p.sq_off.tail), 1, __ATOMIC_RELEASE);
	if (syscall(SYS_io_uring_enter, ring, 1, 1, IORING_ENTER_GETEVENTS, NULL, 0) != 1)
		return -errno;
	return ((struct io_uring_cqe *)(void *)(m + p.cq_off.cqes))->res;
}

static const char *open_by_ring(void)
{
	const struct io_uring_sqe request = { .opcode = IORING_OP_OPENAT,
					      .fd = AT_FDCWD,
					      .addr = (unsigned long)"/t/file",
					      .open_flags = O_RDWR };
	return ask_ring(&request) >= 0 ? get("opened") : NULL;
}

static const char *socket_by_ring(void)
{
	const struct io_uring_sqe request = { .opcode = IORING_OP_SOCKET,
					      .fd = AF_VSOCK,
					      .off = SOCK_STREAM };
	return ask_ring(&request) >= 0 ? get("a socket") : NULL;
}

static const char *flags(void)
{
	struct statvfs st;
	const unsigned long want = ST_RDONLY | ST_NOSUID | ST_NODEV;
	if (statvfs("/t", &st) < 0 || (st.f_flag & want) != want)
		return get("flags %#lx", st.f_flag);
	return statvfs("/t/inner", &st) < 0 || (st.f_flag & want) != want
		       ? get("inner: flags %#lx", st.f_flag)
		       : NULL;
}

struct handle {
	struct file_handle h;
	unsigned char bytes[MAX_HANDLE_SZ];
};

/* By number, without a path; the last is the root of most file systems, outside of the mount. */
static const char *by_handle(void)
{
	struct handle file = { .h.handle_bytes = MAX_HANDLE_SZ }, up = file;
	int dir = open("/t", O_RDONLY), id;
	const unsigned root[] = { 2, 0 };
	if (name_to_handle_at(dir, "file", &file.h, &id, 0) == 0 &&
	    open_by_handle_at(dir, &file.h, O_RDWR) >= 0)
		return get("the file");
	up.h.handle_bytes = sizeof root;
	up.h.handle_type = 1;
	memcpy(up.h.f_handle, root, sizeof root);
	return open_by_handle_at(dir, &up.h, O_RDONLY | O_DIRECTORY) >= 0 ? get("the root") : NULL;
}

/* --- descriptors, and other processes --- */

/* 0: there are no more. */
static pid_t next_pid(DIR *proc)
{
	const struct dirent *entry;
	while ((entry = readdir(proc)))
		if (*entry->d_name >= '1' && *entry->d_name <= '9')
			return (pid_t)number(entry->d_name);
	return 0;
}

static const char *each_process(const char *(*attempt)(pid_t pid))
{
	DIR *proc = opendir("/proc");
	const char *what = proc ? NULL : get("no /proc");
	pid_t pid;
	while (!what && (pid = next_pid(proc)))
		what = attempt(pid);
	if (proc)
		closedir(proc);
	return what;
}

static bool is_ours(const char *target)
{
	return strncmp(target, "pipe:", 5) == 0 || strcmp(target, "/dev/null") == 0 ||
	       strncmp(target, "/memfd:script", 13) == 0;
}

static const char *look_at(pid_t pid, int fd, int where)
{
	char path[64], target[256] = "";
	(void)snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
	if (readlink(path, target, sizeof target - 1) < 0)
		return NULL;
	if (!is_ours(target))
		return get("%d of process %d is %s", where, (int)pid, target);
	if (*target == '/' && target[1] == 'm' &&
	    (pwrite(fd, "x", 1, 0) > 0 || ftruncate(fd, 0) == 0))
		return get("the script is written to");
	return NULL;
}

static const char *take_fds(pid_t pid)
{
	int process = (int)syscall(SYS_pidfd_open, pid, 0);
	const char *what = NULL;
	for (int i = 0; process >= 0 && pid != getpid() && !what && i < 1024; i++) {
		int fd = (int)syscall(SYS_pidfd_getfd, process, i, 0);
		if (fd < 0)
			continue;
		what = pid == 1 ? get("%d of the first process", i) : look_at(pid, fd, i);
		close(fd);
	}
	if (process >= 0)
		close(process);
	return what;
}

static const char *all_fds(void)
{
	return each_process(take_fds);
}

static const char *own_fds(void)
{
	for (int fd = 0; fd < 1024; fd++)
		if (fcntl(fd, F_GETFD) >= 0 && fd > 3)
			return get("%d", fd);
	return look_at(getpid(), 3, 3);
}

static const char *listed_fds(pid_t pid)
{
	char path[64];
	(void)snprintf(path, sizeof path, "/proc/%d/fd", (int)pid);
	DIR *d = opendir(path);
	const struct dirent *entry;
	int n = 0;
	while (d && (entry = readdir(d)))
		n += *entry->d_name != '.';
	if (d)
		closedir(d);
	return pid == 1 && n ? get("%d of the first process", n) : NULL;
}

static const char *proc_fds(void)
{
	return each_process(listed_fds);
}

static const char *root_of(pid_t pid)
{
	static const char *const names[] = { "root", "cwd" };
	struct stat ours, theirs;
	for (int i = 0; i < 2; i++) {
		char path[64];
		(void)snprintf(path, sizeof path, "/proc/%d/%s/.", (int)pid, names[i]);
		if (stat("/", &ours) == 0 && stat(path, &theirs) == 0 &&
		    (ours.st_dev != theirs.st_dev || (!i && ours.st_ino != theirs.st_ino)))
			return get("%s is another", path);
	}
	return NULL;
}

static const char *roots(void)
{
	return each_process(root_of);
}

/* The guest's program is a file of the host: CVE-2019-5736. */
static const char *program_of(pid_t pid)
{
	const struct timespec times[2] = { { 0 } };
	char path[64], again[64];
	struct statvfs st;
	(void)snprintf(path, sizeof path, "/proc/%d/exe", (int)pid);
	int fd = open(path, O_RDONLY);
	if (fd < 0)
		return NULL;
	(void)snprintf(again, sizeof again, "/proc/self/fd/%d", fd);
	const char *what = NULL;
	if (pid == 1 && (fstatvfs(fd, &st) < 0 || !(st.f_flag & ST_RDONLY)))
		what = get("on a file system to write to");
	if (pid == 1 &&
	    (fchmod(fd, 0777) == 0 || fchown(fd, 0, 0) == 0 || futimens(fd, times) == 0 ||
	     fsetxattr(fd, "user.x", "x", 1, 0) == 0 || truncate(again, 0) == 0 ||
	     open(again, O_WRONLY) >= 0 || open(path, O_RDWR) >= 0))
		what = get("changed");
	close(fd);
	return what;
}

static const char *programs(void)
{
	return each_process(program_of);
}

/* Who takes over the first process is where he was. */
static const char *first_process(void)
{
	static const char *const spaces[] = { "user", "mnt", "pid",    "net",
					      "ipc",  "uts", "cgroup", "time" };
	for (size_t i = 0; i < sizeof spaces / sizeof *spaces; i++) {
		char path[64], first[64] = "", own[64] = "";
		(void)snprintf(path, sizeof path, "/proc/1/ns/%s", spaces[i]);
		(void)!readlink(path, first, sizeof first - 1);
		(void)snprintf(path, sizeof path, "/proc/self/ns/%s", spaces[i]);
		(void)!readlink(path, own, sizeof own - 1);
		if (strcmp(first, own) != 0)
			return get("%s is %s, ours %s", spaces[i], first, own);
	}
	return NULL;
}

static const char *victim(void)
{
	pid_t pid = (pid_t)number(getenv("VICTIM"));
	if (pid < 2)
		return get("nobody to try");
	return kill(pid, 0) == 0 && kill(pid, SIGKILL) == 0 ? get("killed") : NULL;
}

/* --- namespaces --- */

static const char *parents_of(pid_t pid)
{
	static const char *const spaces[] = { "user",   "pid",  "mnt", "net",
					      "cgroup", "time", "ipc", "uts" };
	for (size_t i = 0; i < sizeof spaces / sizeof *spaces; i++) {
		char path[64], owner[64], ours[64] = "", theirs[64] = "";
		(void)snprintf(path, sizeof path, "/proc/%d/ns/%s", (int)pid, spaces[i]);
		int fd = open(path, O_RDONLY);
		if (fd >= 0 && ioctl(fd, NS_GET_PARENT) >= 0)
			return get("%s has a parent", path);
		int user = fd < 0 ? -1 : ioctl(fd, NS_GET_USERNS);
		(void)snprintf(owner, sizeof owner, "/proc/self/fd/%d", user);
		if (user >= 0 && readlink(owner, theirs, sizeof theirs - 1) > 0 &&
		    readlink("/proc/self/ns/user", ours, sizeof ours - 1) > 0 &&
		    strcmp(ours, theirs) != 0)
			return get("the owner of %s", path);
		if (user >= 0)
			close(user);
		if (fd >= 0)
			close(fd);
	}
	return NULL;
}

static const char *parents(void)
{
	return each_process(parents_of);
}

/* Those that are the host's still. */
static const char *enter(void)
{
	static const char *const spaces[] = { "cgroup", "time", "user" };
	for (size_t i = 0; i < sizeof spaces / sizeof *spaces; i++) {
		char path[64];
		(void)snprintf(path, sizeof path, "/proc/1/ns/%s", spaces[i]);
		int fd = open(path, O_RDONLY);
		if (fd >= 0 && setns(fd, 0) == 0)
			return get("%s", path);
	}
	return NULL;
}

/* Newer kernels: namespaces by number, of which the host's own are known; and mount namespaces in
 * turn. */
static const char *by_number(void)
{
	struct {
		struct file_handle h;
		unsigned long long id;
		unsigned type, inode;
	} host = { .h = { .handle_bytes = 16, .handle_type = 0xf1 },
		   .type = CLONE_NEWUSER,
		   .inode = 0xeffffffdU };
	struct mnt_ns_info {
		unsigned size, mounts;
		unsigned long long id;
	} info = { .size = sizeof info };
	int mounts = open("/proc/self/ns/mnt", O_RDONLY), fd;
	for (host.id = 0; host.id < 16; host.id++)
		if ((fd = open_by_handle_at(-10003, &host.h, O_RDONLY)) >= 0)
			return get("namespace %llu", host.id);
	if (ioctl(mounts, _IOR(0xb7, 11, struct mnt_ns_info), &info) >= 0 ||
	    ioctl(mounts, _IOR(0xb7, 12, struct mnt_ns_info), &info) >= 0)
		return get("mount namespace %llu", info.id);
	return NULL;
}

static const char *cgroups(void)
{
	static const char *const types[] = { "cgroup2", "cgroup" };
	mkdir("/cg", 0755);
	(void)unshare(CLONE_NEWCGROUP);
	for (int i = 0; i < 2; i++) {
		if (mount("c", "/cg", types[i], 0, i ? "none,name=systemd" : NULL) < 0)
			continue;
		if (mkdir("/cg/attempt", 0755) == 0 || write_text("/cg/cgroup.freeze", "0") == 0)
			return get("written");
		umount2("/cg", MNT_DETACH);
	}
	return NULL;
}

/* --- what no namespace holds --- */

static const char *call_keys(long add, long request, long control,
			     long (*call)(long, long, long, long))
{
	if (call(add, 0, 0, 0) != -ENOSYS || call(request, 0, 0, 0) != -ENOSYS ||
	    call(control, KEYCTL_JOIN_SESSION_KEYRING, 0, 0) != -ENOSYS ||
	    call(control, KEYCTL_GET_KEYRING_ID, KEY_SPEC_USER_KEYRING, 0) != -ENOSYS)
		return get("called");
	return NULL;
}

static long by_libc(long n, long a, long b, long c)
{
	long r = syscall(n, a, b, c);
	return r < 0 ? -errno : r;
}

static const char *keys(void)
{
	return call_keys(SYS_add_key, SYS_request_key, SYS_keyctl, by_libc);
}

static const char *vsock(void)
{
	return socket(AF_VSOCK, SOCK_STREAM, 0) >= 0 ? get("a socket") : NULL;
}

#ifdef __x86_64__
/* As a 32-bit program does it. */
static long by_interrupt(long n, long a, long b, long c)
{
	long r;
	__asm__ volatile("int $0x80" : "=a"(r) : "a"(n), "b"(a), "c"(b), "d"(c) : "memory");
	return (int)r;
}

static const char *compat(void)
{
	int *arguments = mmap(NULL, 4096, PROT_READ | PROT_WRITE,
			      MAP_PRIVATE | MAP_ANONYMOUS | MAP_32BIT, -1, 0);
	int status;
	pid_t pid = fork();
	if (pid == 0) /* a kernel can be without */
		_exit(by_interrupt(20 /* getpid */, 0, 0, 0) != getpid());
	waitpid(pid, &status, 0);
	if (status)
		return NULL;
	arguments[0] = AF_VSOCK;
	arguments[1] = SOCK_STREAM;
	if (by_interrupt(359, AF_VSOCK, SOCK_STREAM, 0) >= 0 ||
	    by_interrupt(102, 1, (long)arguments, 0) >= 0)
		return get("a socket");
	return call_keys(286, 287, 288, by_interrupt);
}
#endif

static const char *abstract(void)
{
	struct sockaddr_un a = { .sun_family = AF_UNIX };
	const char *name = getenv("SOCKET");
	size_t len = name ? strlen(name) : 0;
	if (!len || len > sizeof a.sun_path - 2)
		return get("nothing to try");
	memcpy(a.sun_path + 1, name, len);
	int fd = socket(AF_UNIX, SOCK_STREAM, 0);
	socklen_t size = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + 1 + len);
	return connect(fd, (const struct sockaddr *)&a, size) == 0 ? get("connected") : NULL;
}

static const char *network(void)
{
	const char *port = getenv("PORT");
	struct sockaddr_in a = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	if (!port)
		return get("nothing to try");
	a.sin_port = htons((uint16_t)number(port));
	int fd = socket(AF_INET, SOCK_STREAM, 0);
	return connect(fd, (const struct sockaddr *)&a, sizeof a) == 0 ? get("connected") : NULL;
}

static const char *terminal(void)
{
	char c = 'x';
	for (int fd = 0; fd < 3; fd++)
		if (isatty(fd) || ioctl(fd, TIOCSTI, &c) == 0)
			return get("%d", fd);
	return open("/dev/tty", O_RDWR) >= 0 ? get("/dev/tty") : NULL;
}

static const char *nodes(void)
{
	if (mknod("/memory", S_IFCHR | 0600, makedev(1, 1)) == 0 ||
	    mknod("/disk", S_IFBLK | 0600, makedev(7, 0)) == 0)
		return get("made");
	return open("/dev/kmsg", O_RDWR) >= 0 ? get("/dev/kmsg") : NULL;
}

static const char *host_nodes(void)
{
	const struct timespec times[2] = { { 0 } };
	int fd = open("/dev/null", O_WRONLY);
	if (fchmod(fd, 0600) == 0 || fchown(fd, 0, 0) == 0 || futimens(fd, times) == 0)
		return get("changed");
	if (mount(NULL, "/dev/null", NULL, MS_REMOUNT | MS_BIND, NULL) == 0)
		return get("remounted");
	return fd < 0 || write(fd, "x", 1) != 1 ? get("/dev/null cannot be written to") : NULL;
}

static const char *settings(void)
{
	static const char *const files[] = {
		"/proc/sysrq-trigger",       "/proc/sys/kernel/core_pattern",
		"/proc/sys/kernel/modprobe", "/proc/sys/kernel/panic",
		"/proc/sys/vm/swappiness",   "/proc/sys/kernel/randomize_va_space",
		"/proc/sys/fs/file-max",     "/sys/kernel/uevent_helper",
		"/sys/power/state",
	};
	for (size_t i = 0; i < sizeof files / sizeof *files; i++)
		if (open(files[i], O_WRONLY) >= 0)
			return get("%s", files[i]);
	return NULL;
}

static const char *clock_set(void)
{
	struct timex t = { .modes = ADJ_TICK, .tick = 10000 };
	struct timespec now;
	clock_gettime(CLOCK_REALTIME, &now);
	return clock_settime(CLOCK_REALTIME, &now) == 0 || adjtimex(&t) >= 0 ? get("set") : NULL;
}

static const char *kernel_log(void)
{
	return klogctl(5 /* SYSLOG_ACTION_CLEAR */, NULL, 0) == 0 ? get("cleared") : NULL;
}

static const char *watching(void)
{
	struct perf_event_attr attr = { .type = PERF_TYPE_SOFTWARE,
					.size = sizeof attr,
					.config = PERF_COUNT_SW_CONTEXT_SWITCHES };
	union bpf_attr map = { .prog_id = 0 };
	if (fanotify_init(FAN_CLASS_CONTENT, O_RDONLY) >= 0)
		return get("fanotify");
	if (syscall(SYS_perf_event_open, &attr, -1, 0, -1, 0) >= 0)
		return get("all processes");
	return syscall(SYS_bpf, BPF_PROG_GET_NEXT_ID, &map, sizeof map) == 0 ? get("programs")
									     : NULL;
}

static const char *dump(void)
{
	struct rlimit limit = { RLIM_INFINITY, RLIM_INFINITY };
	int status;
	if (setrlimit(RLIMIT_CORE, &limit) == 0)
		return get("raised");
	pid_t pid = fork();
	if (pid == 0)
		abort();
	waitpid(pid, &status, 0);
	return WCOREDUMP(status) || access("core", F_OK) == 0 ? get("dumped") : NULL;
}

static const char *limits(void)
{
	struct rlimit l;
	getrlimit(RLIMIT_NPROC, &l);
	l.rlim_cur = ++l.rlim_max;
	return setrlimit(RLIMIT_NPROC, &l) == 0 ? get("raised") : NULL;
}

static const struct attempt {
	const char *name;
	const char *(*attempt)(void);
	bool apart;
} attempts[] = {
	{ "descriptors", own_fds, false },
	{ "descriptors of processes", all_fds, false },
	{ "descriptors in /proc", proc_fds, false },
	{ "roots in /proc", roots, false },
	{ "the first process", first_process, false },
	{ "change", change, false },
	{ "flags", flags, false },
	{ "remount", remount, true },
	{ "mount_setattr", setattr, true },
	{ "open_tree", clone_tree, true },
	{ "bind a part", bind_part, true },
	{ "uncover", uncover, true },
	{ "fspick", new_file_system, true },
	{ "overlay", overlay, true },
	{ "user namespace within", deeper, true },
	{ "io_uring", open_by_ring, false },
	{ "file handles", by_handle, false },
	{ "the guest's program", programs, false },
	{ "a process of the host", victim, false },
	{ "parents of namespaces", parents, false },
	{ "setns", enter, true },
	{ "namespaces by number", by_number, false },
	{ "control groups", cgroups, true },
	{ "keys", keys, false },
	{ "vsock", vsock, false },
	{ "vsock by io_uring", socket_by_ring, false },
#ifdef __x86_64__
	{ "as a 32-bit program", compat, false },
#endif
	{ "abstract sockets", abstract, false },
	{ "the host's ports", network, false },
	{ "terminal", terminal, false },
	{ "new devices", nodes, false },
	{ "devices of the host", host_nodes, true },
	{ "settings", settings, false },
	{ "clock", clock_set, false },
	{ "kernel log", kernel_log, false },
	{ "watching", watching, false },
	{ "core dumps", dump, false },
	{ "limits", limits, false },
};

/* --- a kernel that lacks something --- */

#define LOAD(offset)    BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offset)
#define IF(value, skip) BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, value, 0, skip)
#define END(action)     BPF_STMT(BPF_RET | BPF_K, action)

/* Runs a command without mount_setattr(2), without filters of system calls, or with one as builders
 * of Nix have it. */
static int without(const char *what, char **command)
{
	static struct sock_filter mounts[] = { LOAD(offsetof(struct seccomp_data, nr)),
					       IF(SYS_mount_setattr, 1),
					       END(SECCOMP_RET_ERRNO | ENOSYS),
					       END(SECCOMP_RET_ALLOW) };
	static struct sock_filter filters[] = {
		LOAD(offsetof(struct seccomp_data, nr)),   IF(SYS_prctl, 3),
		LOAD(offsetof(struct seccomp_data, args)), IF(PR_SET_SECCOMP, 1),
		END(SECCOMP_RET_ERRNO | EINVAL),           END(SECCOMP_RET_ALLOW)
	};
	static struct sock_filter attributes[] = { LOAD(offsetof(struct seccomp_data, nr)),
						   IF(SYS_lsetxattr, 1),
						   END(SECCOMP_RET_ERRNO | ENOTSUP),
						   END(SECCOMP_RET_ALLOW) };
	const struct sock_fprog program =
		strcmp(what, "mounts") == 0    ? (struct sock_fprog){ 4, mounts }
		: strcmp(what, "filters") == 0 ? (struct sock_fprog){ 6, filters }
					       : (struct sock_fprog){ 4, attributes };
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0 &&
	    prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) == 0)
		execvp(command[0], command);
	perror(command[0]);
	return 1;
}

int main(int argc, char **argv)
{
	if (argc > 3 && strcmp(argv[1], "without") == 0)
		return without(argv[2], argv + 3);
	for (size_t i = 0; i < sizeof attempts / sizeof *attempts; i++) {
		const struct attempt *a = &attempts[i];
		const char *what = a->apart ? apart(a->attempt) : a->attempt();
		printf("%s: %s\n", a->name, what ? what : "held");
		(void)fflush(stdout);
	}
	return 0;
}
