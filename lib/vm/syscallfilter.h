/* SPDX-License-Identifier: MIT */
#ifndef LAYERPIPE_SYSCALLFILTER_H
#define LAYERPIPE_SYSCALLFILTER_H

/*
 * System calls that lead out of namespaces: seccomp(2).
 *
 * A Unix socket of the host is reached by its name in a file system, be that
 * mounted read-only, and a machine's VSOCK by a number; keys are of a session,
 * whatever namespace it is in. By a setting of the host, perf_event_open(2) can
 * watch all of it.
 */

#include "base/err.h"
#include "base/mem.h"

/*
 * For this process and all that it starts, for good: no socket but those of
 * IPv4, IPv6 and netlink, and pairs of sockets, EAFNOSUPPORT; no keys, no
 * perf_event_open(2) and no io_uring, which makes sockets too, ENOSYS. The
 * process must not be able to gain privileges: PR_SET_NO_NEW_PRIVS.
 */
MUST_USE int syscallfilter_set(struct err *e);

#endif
