/* SPDX-License-Identifier: MIT */
#ifndef LAYERPIPE_THREAD_H
#define LAYERPIPE_THREAD_H

#include <pthread.h>

/*
 * pthread_create() for a thread that only computes: no signal is handled in
 * it. So what ends the process reaches the main thread, which may put it off,
 * and temporary files are removed between two of its steps.
 */
int thread_start(pthread_t *thread, void *(*run)(void *), void *arg);

#endif
