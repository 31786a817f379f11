/* SPDX-License-Identifier: MIT */
#include "vm/vmexec.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "base/spool.h"
#include "vm/kvmprobe.h"
#include "vm/userns.h"
#include "vm/vmmachine.h"
#include "vm/vmresult.h"
#include "vm/vmsession.h"
#include "vm/vmverdict.h"

/* Where the guest lies, seen from the program: what is built is laid out as what is installed. */
#define GUEST_PROGRAM "../libexec/layerpipe/guest"

enum { MIB = 1 << 20 };

/* One run. */
struct run {
	const struct vmexec *v;
	enum vmexec_engine engine;
	const char *guest; /* the program's path */
	int program;       /* the same */
	int job;
	int base;   /* a machine's disk */
	int result; /* a spool */
	struct vmtimes times;
};

static int own_directory(struct buf *b, struct err *e)
{
	ssize_t n = -1;
	for (size_t room = 256; n < 0 || (size_t)n == room; room *= 2) {
		buf_clear(b);
		n = readlink("/proc/self/exe", buf_extend(b, room), room);
		if (n < 0)
			return err_set(e, errno, "cannot read /proc/self/exe");
		b->len = (size_t)n;
		if ((size_t)n < room)
			break;
	}
	b->s[b->len] = '\0';
	b->len = (size_t)(strrchr(b->s, '/') - b->s);
	b->s[b->len] = '\0';
	return 0;
}

static int open_guest(struct buf *path, int *fd, struct err *e)
{
	if (own_directory(path, e) < 0)
		return -1;
	buf_addf(path, "/%s", GUEST_PROGRAM);
	int f = open(path->s, O_RDONLY | O_CLOEXEC);
	if (f < 0)
		return err_set(e, errno, "cannot open the guest program '%s'", path->s);
	*fd = f;
	return 0;
}

static const char *engine_name(enum vmexec_engine engine)
{
	static const char *const names[] = { "auto", "kvm", "tcg", "userns" };
	return names[engine];
}

static int start_userns(const struct run *r, struct vmguest *g, struct err *e)
{
	struct vmjob_strings mounts = { 0 };
	for (size_t i = 0; i < r->v->job.mounts.n; i += 2)
		vmjob_string(&mounts, r->v->job.mounts.list[i]);
	const struct userns u = { .program = r->guest,
				  .mounts = mounts.list,
				  .nmounts = mounts.n,
				  .job = r->job,
				  .disk = r->v->disk };
	int result = userns_start(&u, g, e);
	free(mounts.list);
	return result;
}

static int start(const struct run *r, struct vmguest *g, struct err *e)
{
	if (r->engine == VMEXEC_USERNS)
		return start_userns(r, g, e);
	const struct vmmachine m = { .kvm = r->engine == VMEXEC_KVM,
				     .memory = r->v->memory,
				     .disk = r->v->disk,
				     .kernel = r->v->kernel,
				     .initrd = r->v->initrd,
				     .modules = r->v->modules,
				     .qemu = r->v->qemu,
				     .mke2fs = r->v->mke2fs,
				     .program = r->program,
				     .job = r->job,
				     .base = r->base };
	return vmmachine_start(&m, g, e);
}

/* Runs the guest to its end; what is left of it is in result. */
static int run_guest(struct run *r, struct vmsession_end *end, struct err *e)
{
	AUTO_VMGUEST struct vmguest g = VMGUEST_NONE;
	const struct vmsession session = {
		.boot_timeout = r->v->boot_timeout,
		.timeout = r->v->timeout,
		.max_result = ((uint64_t)2 * r->v->disk + 64) * MIB,
		.log = STDERR_FILENO,
		.result = r->result,
		.note = r->v->note,
	};
	if (start(r, &g, e) < 0)
		return -1;
	return vmsession_run(&session, &g, end, e);
}

static int judge(const struct run *r, const struct vmsession_end *end, int *status, struct err *e)
{
	const struct vmverdict verdict = { .machine = r->engine != VMEXEC_USERNS,
					   .kvm = r->engine == VMEXEC_KVM,
					   .engine = engine_name(r->engine),
					   .memory = r->v->memory,
					   .disk = r->v->disk,
					   .boot_timeout = r->v->boot_timeout,
					   .timeout = r->v->timeout };
	if (vmverdict(&verdict, end, status, e) < 0)
		return -1;
	if (*status == VMVERDICT_LATE || *status == VMVERDICT_FAILED) {
		AUTO_FREE char *text = xasprintf("the script itself ended with %d", *status);
		r->v->note(text);
	}
	if (*status && vmverdict_was_short_of_memory(end))
		r->v->note("the machine ran out of memory: --memory sets its size");
	return 0;
}

/* KVM that is too strange for its probe: what did not boot did not do anything yet. */
static bool shall_try_tcg(const struct run *r, const struct vmsession_end *end)
{
	return r->v->engine == VMEXEC_AUTO && r->engine == VMEXEC_KVM &&
	       end->state == VMSESSION_STARTED;
}

static int run_engine(struct run *r, struct vmsession_end *end, struct err *e)
{
	if (run_guest(r, end, e) < 0)
		return -1;
	if (!shall_try_tcg(r, end))
		return 0;
	r->v->note("the machine does not boot with KVM: it is emulated (tcg), which is slower");
	r->engine = VMEXEC_TCG;
	vmsession_end_free(end);
	*end = (struct vmsession_end){ 0 };
	return run_guest(r, end, e);
}

static void choose_engine(struct run *r)
{
	struct err why = { 0 };
	r->engine = r->v->engine;
	if (r->engine != VMEXEC_AUTO)
		return;
	r->engine = VMEXEC_KVM;
	if (kvmprobe(&why) == 0)
		return;
	r->engine = VMEXEC_TCG;
	AUTO_FREE char *text = xasprintf("no KVM (%s): the machine is emulated (tcg), which is "
					 "slower",
					 why.msg);
	r->v->note(text);
	err_clear(&why);
}

static int run_and_write(struct run *r, struct out *o, int *status, struct err *e)
{
	AUTO_VMSESSION_END struct vmsession_end end = { 0 };
	const struct vmresult_form form = { .before = r->v->keep_mtime ? NULL : &r->times,
					    .mtime = r->v->mtime,
					    .comment = r->v->comment };
	if (run_engine(r, &end, e) < 0 || judge(r, &end, status, e) < 0)
		return -1;
	if (*status)
		return 0;
	if (vmresult_write(r->result, end.received, &form, o, e) == 0)
		return 0;
	*status = VMVERDICT_FAILED;
	return -1;
}

int vmexec_run(const struct vmexec *v, int layers, const char *name, struct out *o, int *status,
	       struct err *e)
{
	AUTO_CLOSE int program = -1, job = -1, base = -1, result = -1;
	AUTO_BUF struct buf guest = { 0 };
	struct run run = { .v = v };
	struct vmjob todo = v->job;
	*status = VMVERDICT_FAILED;
	choose_engine(&run);
	todo.machine = run.engine != VMEXEC_USERNS;
	if (open_guest(&guest, &program, e) < 0 || spool_open(&result, e) < 0)
		return -1;
	int r = vmjob_write(&todo, layers, name, &job, &base, &run.times, e);
	if (r == 0) {
		run.guest = guest.s;
		run.program = program;
		run.job = job;
		run.base = base;
		run.result = result;
		r = run_and_write(&run, o, status, e);
	}
	vmtimes_free(&run.times);
	return r;
}
