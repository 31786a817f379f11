/* SPDX-License-Identifier: MIT */
#ifndef LAYERPIPE_KVMPROBE_H
#define LAYERPIPE_KVMPROBE_H

/*
 * Whether KVM works here. That /dev/kvm opens says little: nested in another
 * virtual machine it can be there and interpret instructions one by one, and
 * not know those that kernels use. So a few instructions are run: a
 * cmpxchg16b and a breakpoint, then a loop of a million turns, which may take
 * 0.2 s and 100 times what the loop takes outside the guest.
 */

#include "base/err.h"
#include "base/mem.h"

/* 0 where it works; else the error says why not. A few milliseconds. */
MUST_USE int kvmprobe(struct err *e);

#endif
