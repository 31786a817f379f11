/* SPDX-License-Identifier: MIT */
#include "vm/vmsession.h"

#include <fcntl.h>
#include <time.h>

#include "processor.h"

enum { LIMIT = 1, OTHERS = 3 };

static void hang(void)
{
	for (;;)
		pause();
}

/* Half a second of a processor. */
static void work(void)
{
	struct timespec t;
	do
		clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
	while (t.tv_sec == 0 && t.tv_nsec < 500 * 1000 * 1000);
}

static void ignore(const char *text)
{
	(void)text;
}

/* Whether a guest that does this, and never says a word, is late. */
static bool is_late(void (*guest)(void))
{
	struct vmguest g = VMGUEST_NONE;
	AUTO_VMGUEST_ENDS struct vmguest_ends ends = VMGUEST_NO_ENDS;
	AUTO_VMSESSION_END struct vmsession_end end = { 0 };
	AUTO_CLOSE int null = open("/dev/null", O_RDWR | O_CLOEXEC);
	const struct vmsession s = {
		.boot_timeout = LIMIT, .log = null, .result = null, .note = ignore
	};
	struct err e = { 0 };
	pid_t pid = -1;
	OK(vmguest_channels(&g, &ends, &e) == 0 && vmguest_fork(&g, 0, &pid, &e) == 0);
	if (pid == 0) {
		alarm(PROCESSOR_LONGEST);
		guest();
		_exit(0);
	}
	vmguest_close_ends(&ends);
	OK(vmsession_run(&s, &g, &end, &e) == 0);
	err_clear(&e);
	return end.late;
}

/* The guest waits for most of two seconds, as others want the processor that it may have. */
static void busy(void)
{
	cpu_set_t all;
	pid_t others[OTHERS];
	processor_share(&all);
	for (int i = 0; i < OTHERS; i++)
		others[i] = processor_start();
	OK(!is_late(work));
	for (int i = 0; i < OTHERS; i++)
		processor_end(others[i]);
}

int main(void)
{
	OK(is_late(hang));
	if (processor_counts())
		busy();
	return TAP_END;
}
