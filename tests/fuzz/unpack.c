/* SPDX-License-Identifier: MIT */
#include "vm/guest/unpack.h"

#include <fcntl.h>
#include <fts.h>
#include <sched.h>
#include <stddef.h>
#include <stdio.h>
#include <sys/mount.h>
#include <sys/stat.h>

#include "fuzz.h"
#include "tar/tar.h"
#include "tar/ustar.h"

int LLVMFuzzerInitialize(int *argc, char ***argv);
size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t max, unsigned seed);
size_t LLVMFuzzerMutate(uint8_t *data, size_t size, size_t max);

static int home, top;   /* where the fuzzer works, and where it unpacks */
static char *temporary; /* the latter's path, if it has one */
static struct channels channels;

/* A file system that is mounted nowhere: no path leads to it, and it ends with the process. */
static int new_tmpfs(void)
{
	AUTO_CLOSE int fs = fsopen("tmpfs", FSOPEN_CLOEXEC);
	if (fs < 0 || fsconfig(fs, FSCONFIG_CMD_CREATE, NULL, NULL, 0) < 0)
		return -1;
	return fsmount(fs, FSMOUNT_CLOEXEC, MOUNT_ATTR_NODEV);
}

static void put(const char *path, const char *text)
{
	AUTO_CLOSE int fd = open(path, O_WRONLY | O_CLOEXEC);
	if (fd < 0 || write(fd, text, strlen(text)) < 0)
		abort();
}

/* Whoever is not allowed to have one may be as root of a user namespace. */
static int new_tmpfs_as_root(void)
{
	AUTO_FREE char *user = xasprintf("0 %u 1", geteuid());
	AUTO_FREE char *group = xasprintf("0 %u 1", getegid());
	if (unshare(CLONE_NEWUSER | CLONE_NEWNS) < 0)
		return -1;
	put("/proc/self/setgroups", "deny");
	put("/proc/self/uid_map", user);
	put("/proc/self/gid_map", group);
	return new_tmpfs();
}

/* No file is opened, as it may be a device; what is left makes the next mkdir() fail. */
static void remove_tree(int dir, char *path)
{
	char *const paths[] = { path, NULL };
	FTS *tree = fchdir(dir) < 0 ? NULL : fts_open(paths, FTS_PHYSICAL, NULL);
	if (!tree)
		abort();
	for (FTSENT *f; (f = fts_read(tree));)
		if (f->fts_info == FTS_D)
			(void)chmod(f->fts_accpath, 0700);
		else if (f->fts_info == FTS_DP)
			(void)rmdir(f->fts_accpath);
		else
			(void)unlink(f->fts_accpath);
	fts_close(tree);
}

static void remove_temporary(void)
{
	remove_tree(home, temporary);
}

static int new_temporary(void)
{
	const char *dir = getenv("TMPDIR");
	temporary = xasprintf("%s/fuzz.XXXXXX", dir ? dir : "/tmp");
	if (!mkdtemp(temporary) || atexit(remove_temporary) != 0)
		return -1;
	return open(temporary, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
}

static const struct timespec long_ago[2] = { { .tv_sec = 1 }, { .tv_sec = 1 } };

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
	(void)argc, (void)argv;
	home = open(".", O_PATH | O_DIRECTORY | O_CLOEXEC);
	channels.control = open("/dev/null", O_WRONLY | O_CLOEXEC);
	top = new_tmpfs();
	if (top < 0)
		top = new_tmpfs_as_root();
	if (top < 0)
		top = new_temporary();
	if (home < 0 || channels.control < 0 || top < 0 || mkdirat(top, "outside", 0755) < 0 ||
	    mknodat(top, "outside/file", S_IFREG | 0644, 0) < 0 ||
	    utimensat(top, "outside/file", long_ago, 0) < 0 ||
	    utimensat(top, "outside", long_ago, 0) < 0)
		abort();
	return 0;
}

/* All that is known of what lies beside a directory. */
struct beside {
	struct stat top, outside, file, other;
};

static struct beside look(const char *other)
{
	struct beside b;
	memset(&b, 0, sizeof b);
	if (fstat(top, &b.top) < 0 || fstatat(top, "outside", &b.outside, 0) < 0 ||
	    fstatat(top, "outside/file", &b.file, 0) < 0 ||
	    fstatat(top, other, &b.other, AT_SYMLINK_NOFOLLOW) < 0)
		abort();
	return b;
}

static void unpack(struct unpack *u, const char *other, const uint8_t *data, size_t size)
{
	AUTO_CLOSE int fd = fuzz_fd(data, size);
	struct source_fd tar;
	struct err e = { 0 };
	const struct beside before = look(other);
	source_fd(&tar, fd, "<fuzz>");
	int status = unpack_tar(u, &tar.source, &e);
	const struct beside after = look(other);
	/* what is found is kept relative to there */
	if (fchdir(home) < 0 || (status < 0) != (e.msg != NULL) ||
	    memcmp(&before, &after, sizeof before) != 0)
		abort();
	err_clear(&e);
}

static int new_dir(const char *name)
{
	if (mkdirat(top, name, 0755) < 0)
		abort();
	return openat(top, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
}

/* Whatever is unpacked, as a base or as a layer on it, nothing beside it changes. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char lower[] = "lower", upper[] = "upper";
	AUTO_CLOSE int base_dir = new_dir(lower), layer_dir = new_dir(upper);
	struct unpack base = {
		.root = base_dir, .base = -1, .lenient = true, .channels = &channels
	};
	struct unpack layer = { .root = layer_dir,
				.base = base_dir,
				.opaque = "user.overlay.opaque",
				.channels = &channels };
	if (utimensat(top, ".", long_ago, 0) < 0)
		abort();
	unpack(&base, upper, data, size);
	unpack(&layer, lower, data, size);
	remove_tree(top, lower);
	remove_tree(top, upper);
	if (fchdir(home) < 0)
		abort();
	return 0;
}

static void fit_checksums(uint8_t *data, size_t size)
{
	struct ustar h;
	for (size_t at = 0; at + sizeof h <= size; at += sizeof h) {
		memcpy(&h, data + at, sizeof h);
		if (memcmp(h.magic, "ustar", 5) != 0)
			continue;
		snprintf(h.chksum, sizeof h.chksum, "%06o", ustar_sum(&h));
		memcpy(data + at, &h, sizeof h);
	}
}

/* Changes one field of one block, as a tar hardly survives others; its checksums fit again. */
size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t max, unsigned seed)
{
	static const size_t ends[] = { 0,
				       offsetof(struct ustar, mode),
				       offsetof(struct ustar, uid),
				       offsetof(struct ustar, gid),
				       offsetof(struct ustar, size),
				       offsetof(struct ustar, mtime),
				       offsetof(struct ustar, chksum),
				       offsetof(struct ustar, typeflag),
				       offsetof(struct ustar, linkname),
				       offsetof(struct ustar, magic),
				       sizeof(struct ustar) };
	size_t field = seed % (sizeof ends / sizeof *ends), blocks = size / TAR_BLOCK;
	size_t block = blocks ? seed / 16 % blocks * TAR_BLOCK : 0;
	if (field == 0 || !blocks) {
		size = LLVMFuzzerMutate(data, size, max);
	} else {
		uint8_t *from = data + block + ends[field - 1];
		size_t room = ends[field] - ends[field - 1];
		size_t len = LLVMFuzzerMutate(from, room, room);
		memset(from + len, 0, room - len);
	}
	fit_checksums(data, size);
	return size;
}
