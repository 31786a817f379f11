/* SPDX-License-Identifier: MIT */
#include "vm/vmmachine.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/out.h"
#include "base/proc.h"
#include "base/spool.h"
#include "vm/guestproto.h"
#include "vm/initramfs.h"
#include "vm/qemu.h"
#include "vm/vmkernel.h"

enum { CPIO_ALIGN = 4 };

/* --- the initramfs --- */

static int read_program(int fd, struct buf *b, struct err *e)
{
	struct stat st;
	if (fstat(fd, &st) < 0)
		return err_set(e, errno, "cannot read the guest program");
	size_t size = (size_t)st.st_size;
	buf_extend(b, size);
	if (pread(fd, b->s, size, 0) != (ssize_t)size)
		return err_set(e, errno, "cannot read the guest program");
	return 0;
}

static int put_modules(struct initramfs *i, const struct vmkernel *k, struct err *e)
{
	AUTO_BUF struct buf module = { 0 };
	const char *dir = &GUEST_MODULES[1];
	if (initramfs_dir(i, dir, e) < 0)
		return -1;
	for (size_t n = 0; n < k->n; n++) {
		AUTO_FREE char *name = xasprintf("%s/%02zu", dir, n);
		if (vmkernel_read_module(k, n, &module, e) < 0 ||
		    initramfs_file(i, name, module.s, module.len, e) < 0)
			return -1;
	}
	return 0;
}

/* The user's own, in front. */
static int put_initrd(const char *path, struct out *o, struct err *e)
{
	uint64_t copied;
	AUTO_CLOSE int fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return err_set(e, errno, "cannot open '%s'", path);
	if (out_copy(o, fd, path, INT64_MAX, &copied, e) < 0)
		return -1;
	return out_write(o, "\0\0\0", -copied % CPIO_ALIGN, e);
}

static int put_initramfs(const struct vmmachine *m, const struct vmkernel *k, struct out *o,
			 struct err *e)
{
	AUTO_BUF struct buf program = { 0 };
	struct initramfs i = { .out = o };
	if (m->initrd && put_initrd(m->initrd, o, e) < 0)
		return -1;
	if (read_program(m->program, &program, e) < 0 ||
	    initramfs_file(&i, &GUEST_INIT[1], program.s, program.len, e) < 0 ||
	    initramfs_dir(&i, "dev", e) < 0 || initramfs_device(&i, "dev/console", 5, 1, e) < 0 ||
	    put_modules(&i, k, e) < 0 || initramfs_end(&i, e) < 0)
		return -1;
	return out_flush(o, e);
}

static int make_initramfs(const struct vmmachine *m, const struct vmkernel *k, int *fd,
			  struct err *e)
{
	AUTO_CLOSE int f = memfd_create("initramfs", MFD_CLOEXEC);
	struct out o;
	if (f < 0)
		return err_set(e, errno, "cannot keep an initramfs");
	out_init(&o, f, "the initramfs");
	int r = put_initramfs(m, k, &o, e);
	out_drop(&o);
	if (r < 0)
		return -1;
	*fd = f;
	f = -1;
	return 0;
}

/* --- the disk --- */

/* mke2fs lies where PATH of a user often does not lead. */
static const char *mke2fs(void)
{
	static const char *const places[] = { "/usr/sbin/mke2fs", "/sbin/mke2fs" };
	for (size_t i = 0; i < sizeof places / sizeof *places; i++)
		if (access(places[i], X_OK) == 0)
			return places[i];
	return "mke2fs";
}

/*
 * Empty and sparse: it takes room on the host as the guest fills it. A journal and checksums are
 * for disks that last, and dear where a processor is emulated.
 */
static int make_disk(const char *program, unsigned mib, int *fd, struct err *e)
{
	AUTO_PROC struct proc p = PROC_NONE;
	AUTO_CLOSE int f = -1;
	static const char features[] = "^has_journal,^metadata_csum", inode_per[] = "8192";
	const char *const argv[] = { program ? program : mke2fs(),
				     "-qFt",
				     "ext4",
				     "-m0",
				     "-O",
				     features,
				     "-i",
				     inode_per,
				     "/proc/self/fd/0",
				     NULL };
	if (spool_open(&f, e) < 0)
		return -1;
	if (ftruncate(f, (off_t)mib << 20) < 0)
		return err_set(e, errno, "cannot make a disk of %u MiB", mib);
	if (proc_start(&p, argv, NULL, f, e) < 0 || proc_wait(&p, e) < 0)
		return err_wrap(e, "cannot make a disk of %u MiB (--disk)", mib);
	*fd = f;
	f = -1;
	return 0;
}

int vmmachine_start(const struct vmmachine *m, struct vmguest *g, struct err *e)
{
	AUTO_VMKERNEL struct vmkernel k = { 0 };
	AUTO_CLOSE int kernel = -1, initrd = -1, disk = -1;
	if (vmkernel_find(m->kernel, m->modules, &k, e) < 0)
		return -1;
	kernel = open(k.image, O_RDONLY | O_CLOEXEC);
	if (kernel < 0)
		return err_set(e, errno, "cannot open '%s'", k.image);
	if (make_initramfs(m, &k, &initrd, e) < 0 || make_disk(m->mke2fs, m->disk, &disk, e) < 0)
		return -1;
	const struct qemu q = { .program = m->qemu,
				.kvm = m->kvm,
				.memory = m->memory,
				.kernel = kernel,
				.initrd = initrd,
				.job = m->job,
				.base = m->base,
				.disk = disk };
	return qemu_start(&q, g, e);
}
