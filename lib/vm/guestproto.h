/* SPDX-License-Identifier: MIT */
#ifndef LAYERPIPE_GUESTPROTO_H
#define LAYERPIPE_GUESTPROTO_H

/*
 * What vm-exec and its guest (vm/guest/) say to each other.
 *
 * The job is a tar in this order: GUEST_MOUNTS, GUEST_PLACES,
 * GUEST_ENVIRONMENT, GUEST_SHELL, GUEST_SCRIPT, GUEST_LOWER, GUEST_UPPER,
 * GUEST_MOUNT. The first four are strings, each with its NUL. A machine has the layers below as a
 * disk, an EROFS, and no GUEST_LOWER; where there is no machine, there is no
 * GUEST_MOUNT, of which a machine has one for each mount.
 *
 * The guest writes lines on its control channel: "boot" as soon as it can;
 * "note TEXT"; "run" when the script begins, and "logged BYTES" when it has
 * ended; then either "done STATUS BYTES", the script's status and the size of
 * the layer, or "fail ERRNO TEXT". The script's output goes to the log channel,
 * BYTES of it. When the status is 0 the layer, a tar, goes to the result
 * channel, before "done".
 *
 * A machine waits then, and vm-exec ends it when all these bytes have arrived:
 * a write to a port of a machine returns before QEMU has passed the bytes on.
 */

#define GUEST_MOUNTS      "mounts" /* HOST DIRECTORY and GUEST DIRECTORY, in turn */
#define GUEST_PLACES      "places" /* made in GUEST_LOWER to mount on; relative, parents first */
#define GUEST_ENVIRONMENT "environment"      /* NAME=VALUE */
#define GUEST_SHELL       "shell"            /* paths to try, in order */
#define GUEST_SCRIPT      "script"           /* text */
#define GUEST_LOWER       "the layers below" /* flat: no whiteouts */
#define GUEST_UPPER       "the new layer"    /* a layer */
#define GUEST_MOUNT       "a mount"

/* Names of the channels, and the descriptors they are where there is no machine in between. */
#define GUEST_CONTROL "control"
#define GUEST_LOG     "log"
#define GUEST_RESULT  "result"

enum guest_fd {
	GUEST_FD_JOB = 3,
	GUEST_FD_CONTROL,
	GUEST_FD_LOG,
	GUEST_FD_RESULT,
	GUEST_FD_MOUNTS, /* the first of as many detached mounts as the job names */
};

/* Serial numbers of the machine's disks. */
#define GUEST_DISK_JOB  "job"
#define GUEST_DISK_BASE "base"
#define GUEST_DISK_WORK "work"

/* argv[0] of the guest: the init of a machine, or in namespaces of the host. */
#define GUEST_INIT   "/init"
#define GUEST_USERNS "layerpipe-guest"

/* Where modules lie in the initramfs, in the order they are loaded: 00, 01, … */
#define GUEST_MODULES "/modules"

/* Statuses of env(1), for a script that cannot be run. */
enum guest_status { GUEST_CANNOT_RUN = 126, GUEST_NOT_FOUND = 127, GUEST_SIGNAL = 128 };

#endif
