/* SPDX-License-Identifier: MIT */
#ifndef LAYERPIPE_NEAR_H
#define LAYERPIPE_NEAR_H

/* Which known name somebody may have meant. */

/*
 * How many insertions, deletions and changes of a letter lead from a mistyped
 * name to a known one, capitals aside. NEAR_NOT: more than three (one for a
 * name of less than five letters), or a name of more than 32.
 */
#define NEAR_NOT 4U
unsigned near(const char *typed, const char *known);

#endif
