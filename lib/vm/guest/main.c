/* SPDX-License-Identifier: MIT */
/* The guest of vm-exec: runs a script over the layers of a job and sends back what it wrote. */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "vm/guest/channel.h"
#include "vm/guest/job.h"
#include "vm/guestproto.h"
#ifdef __x86_64__
#include "vm/guest/machine.h"
#endif
#include "vm/guest/mounts.h"
#include "vm/guest/pack.h"
#include "vm/guest/place.h"
#include "vm/guest/script.h"
#include "vm/guest/unpack.h"
#include "vm/guest/userns.h"

/* What there is to know about one run. */
struct run {
	struct channels channels;
	struct job job;
	struct place place;
	struct stat root; /* the upper directory before the script */
	bool has_root;    /* the layer has an entry for it */
	int upper;
};

/* Unpacks the tar that comes next in the job into a directory. */
static int unpack(struct run *r, const char *name, struct unpack *u, struct err *e)
{
	struct source *tar;
	u->channels = &r->channels;
	if (job_tree(&r->job, name, &tar, e) < 0)
		return -1;
	return unpack_tar(u, tar, e) < 0 ? err_wrap(e, "%s", name) : 0;
}

static int unpack_layers(struct run *r, struct err *e)
{
	AUTO_CLOSE int lower = open(PLACE_LOWER, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	r->upper = open(PLACE_UPPER, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (lower < 0 || r->upper < 0)
		return err_set(e, errno, "cannot open '%s'", PLACE_LOWER);
	struct unpack base = { .root = lower, .base = -1, .lenient = true };
	struct unpack layer = { .root = r->upper, .base = lower, .opaque = r->place.opaque };
	if ((r->place.userns && unpack(r, GUEST_LOWER, &base, e) < 0) ||
	    unpack(r, GUEST_UPPER, &layer, e) < 0)
		return -1;
	r->has_root = layer.has_root;
	mounts_keep(&r->job, r->upper);
	return fstat(r->upper, &r->root) < 0 ? err_set(e, errno, "cannot open '%s'", PLACE_UPPER)
					     : 0;
}

/* Unpacks what the machine cannot reach on the host: each has one entry, "mount". */
static int unpack_mount(struct run *r, size_t n, struct err *e)
{
	AUTO_FREE char *dir = xasprintf("%s/%zu", PLACE_MOUNTS, n);
	if (mkdir(dir, 0755) < 0)
		return err_set(e, errno, "cannot make '%s'", dir);
	AUTO_CLOSE int fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	struct unpack u = { .root = fd, .base = -1 };
	return unpack(r, GUEST_MOUNT, &u, e);
}

static int unpack_mounts(struct run *r, struct err *e)
{
	for (size_t i = 0; !r->place.userns && i < r->job.mounts.n / 2; i++)
		if (unpack_mount(r, i, e) < 0)
			return -1;
	return 0;
}

static int send_layer(struct run *r, uint64_t *size, struct err *e)
{
	struct stat st;
	struct pack p = { .root = r->upper, .opaque = r->place.opaque, .channels = &r->channels };
	mounts_forget(&r->job, r->upper);
	/* what the disk lost on the way would be read back as something else */
	if (syncfs(r->upper) < 0)
		return err_set(e, errno, "the disk lost data");
	if (fstat(r->upper, &st) < 0)
		return err_set(e, errno, "cannot open '%s'", PLACE_UPPER);
	p.has_root = r->has_root || st.st_mode != r->root.st_mode || st.st_uid != r->root.st_uid ||
		     st.st_gid != r->root.st_gid;
	if (pack_layer(&p, e) < 0)
		return -1;
	*size = p.written;
	return 0;
}

static int work(struct run *r, struct err *e)
{
	int status;
	uint64_t size = 0;
	if (unpack_layers(r, e) < 0 || unpack_mounts(r, e) < 0 ||
	    script_run(&r->job, &r->place, &r->channels, &status, e) < 0)
		return -1;
	if (status == 0 && send_layer(r, &size, e) < 0)
		return -1;
	channel_say(&r->channels, "done %d %" PRIu64, status, size);
	return 0;
}

static int fail(const struct channels *c, const struct err *e)
{
	channel_say(c, "fail %d %s", e->code, e->msg);
	return 1;
}

static int in_userns(struct run *r, const char *disk)
{
	struct err e = { 0 };
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	userns_channels(&r->channels);
	channel_say(&r->channels, "boot");
	if (job_open(&r->job, r->channels.job, &e) < 0 ||
	    userns_enter(&r->job, disk, &r->place, &e) < 0 || work(r, &e) < 0)
		return fail(&r->channels, &e);
	return 0;
}

#ifdef __x86_64__
static int in_machine(struct run *r)
{
	struct err e = { 0 };
	if (machine_boot(&r->channels, &e) < 0 || job_open(&r->job, r->channels.job, &e) < 0 ||
	    machine_enter(&r->place, &e) < 0 || work(r, &e) < 0)
		fail(&r->channels, &e);
	machine_end(&r->channels);
}
#endif

int main(int argc, char **argv)
{
	struct run r = { .channels = { -1, STDERR_FILENO, -1, -1 },
			 .job = { .script = -1 },
			 .upper = -1 };
	if (argc == 2 && strcmp(argv[0], GUEST_USERNS) == 0)
		return in_userns(&r, argv[1]);
#ifdef __x86_64__
	if (argc > 0 && strcmp(argv[0], GUEST_INIT) == 0)
		return in_machine(&r);
#endif
	return 125;
}
