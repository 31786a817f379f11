/* SPDX-License-Identifier: MIT */
#ifndef LAYERPIPE_MACHINE_H
#define LAYERPIPE_MACHINE_H

#include "err.h"
#include "mem.h"

/* This machine's architecture as Go, and so image configurations, name it. */
MUST_USE int machine_architecture(const char **name, struct err *e);

#endif
