/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <linux/capability.h>
#include <sched.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "vm/confine_parts.h"
#include "vm/syscallfilter.h"

static int cannot(struct err *e)
{
	return err_set(e, errno, "cannot give up capabilities");
}

/* Keeps one capability, or none if kept is -1. */
static int drop_but(int kept, struct err *e)
{
	struct __user_cap_header_struct header = { .version = _LINUX_CAPABILITY_VERSION_3 };
	struct __user_cap_data_struct sets[2] = { 0 };
	unsigned bit = kept < 0 ? 0 : 1U << kept;
	sets[0] = (struct __user_cap_data_struct){ bit, bit, bit };
	for (int i = 0; prctl(PR_CAPBSET_READ, i, 0, 0, 0) >= 0; i++)
		if (i != kept && prctl(PR_CAPBSET_DROP, i, 0, 0, 0) < 0)
			return cannot(e);
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0 || syscall(SYS_capset, &header, sets) < 0)
		return cannot(e);
	return 0;
}

int confine_rights_drop(struct err *e)
{
	return drop_but(-1, e);
}

int confine_rights_lock(struct err *e)
{
	if (unshare(CLONE_NEWUSER | CLONE_NEWNS) < 0)
		return err_set(e, errno, "cannot make namespaces");
	/* makes /proc/self writable for us, for a moment */
	prctl(PR_SET_DUMPABLE, 1);
	/*
	 * This capability covers only files of the one user of the namespace. That user could
	 * change their modes anyway.
	 */
	if (confine_users_keep(e) < 0 || drop_but(CAP_DAC_OVERRIDE, e) < 0)
		return -1;
	if (prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE, CAP_DAC_OVERRIDE, 0, 0) < 0)
		return err_set(e, errno, "cannot keep a capability");
	return syscallfilter_set(e);
}
