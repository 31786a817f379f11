/* SPDX-License-Identifier: MIT */
#ifndef LAYERPIPE_MACHINE_H
#define LAYERPIPE_MACHINE_H

/* The machine that this runs on. */

#include "base/err.h"
#include "base/mem.h"

/* How many processors there are, at least 1. */
unsigned machine_cores(void);

/*
 * What Go, and so image configurations, call a machine that uname(2) or the
 * images of docker-library call so: "amd64", "arm/v7". NULL: not known.
 */
const char *machine_platform(const char *machine);

/* The name that Go has for a machine and that this one may be mistyped for, or NULL. */
const char *machine_near(const char *name);

/* This machine's architecture as Go names it. Free it. */
MUST_USE int machine_architecture(char **name, struct err *e);

#endif
