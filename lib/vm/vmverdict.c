/* SPDX-License-Identifier: MIT */
#include "vm/vmverdict.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>
#include <sys/wait.h>

static const char *console_text(const struct vmsession_end *end)
{
	return end->console.s ? end->console.s : "";
}

/* The line of the console in which the text stands, from there on; NULL: none. Free it. */
static char *console_line(const struct vmsession_end *end, const char *text)
{
	const char *found = strstr(console_text(end), text);
	return found ? xstrndup(found, strcspn(found, "\r\n")) : NULL;
}

/* The last line that says anything; "nothing" where there is none. Free it. */
static char *last_line(const struct vmsession_end *end)
{
	const char *s = console_text(end);
	size_t to = strlen(s);
	while (to && strchr("\r\n ", s[to - 1]))
		to--;
	size_t from = to;
	while (from && s[from - 1] != '\n')
		from--;
	return to ? xasprintf("'%.*s'", (int)(to - from), s + from) : xstrdup("nothing");
}

bool vmverdict_was_short_of_memory(const struct vmsession_end *end)
{
	return strstr(console_text(end), "Out of memory: Killed process");
}

static const char *when(const struct vmsession_end *end)
{
	switch (end->state) {
	case VMSESSION_STARTED:
		return "while it booted";
	case VMSESSION_BOOTED:
		return "while it unpacked the layers";
	case VMSESSION_RUNNING:
		return "while the script ran, or the layer was packed";
	case VMSESSION_DONE:
	case VMSESSION_FAILED:
		break;
	}
	return "at its end";
}

/* --- what it was --- */

static int late(const struct vmverdict *v, const struct vmsession_end *end, int *status,
		struct err *e)
{
	if (end->state == VMSESSION_RUNNING || end->state == VMSESSION_DONE) {
		*status = VMVERDICT_LATE;
		return err_set(e, 0, "timed out after %u s (--timeout)", v->timeout);
	}
	AUTO_FREE char *line = last_line(end);
	return err_set(e, 0,
		       "the machine did not boot within %u s (--boot-timeout, --engine, --kernel "
		       "can help); its console's last line: %s",
		       v->boot_timeout, line);
}

/* The guest's own words, which name the reason already, and what may help. */
static int failed(const struct vmverdict *v, const struct vmsession_end *end, struct err *e)
{
	const char *m = end->message;
	bool disk = end->code == ENOSPC || end->code == EDQUOT;
	if (disk)
		return err_set(e, 0, "%s: --disk (%u MiB now) sets its size", m, v->disk);
	if (end->code == ENOMEM)
		return err_set(e, 0, "%s: --memory (%u MiB now) sets its size", m, v->memory);
	if (v->machine && end->code == EIO)
		return err_set(e, 0,
			       "%s: is the host's disk full? (TMPDIR can name another directory)",
			       m);
	if (!v->machine && end->code == EINVAL)
		return err_set(e, 0,
			       "%s: this user does not have these users (/etc/subuid and newuidmap "
			       "give some, --engine tcg needs none)",
			       m);
	if (!v->machine && end->code == EPERM)
		return err_set(e, 0, "%s: --engine tcg may work", m);
	return err_set(e, 0, "%s", m);
}

static int panicked(const struct vmverdict *v, const struct vmsession_end *end, const char *line,
		    struct err *e)
{
	if (strstr(console_text(end), "deadlocked on memory") ||
	    strstr(console_text(end), "Initramfs unpacking failed") ||
	    strstr(console_text(end), "layerpipe: out of memory"))
		return err_set(e, 0,
			       "the machine has too little memory: --memory (%u MiB now) sets it "
			       "(%s, %s)",
			       v->memory, line, when(end));
	return err_set(e, 0, "the machine's kernel panicked %s: %s", when(end), line);
}

/* A machine that dies before the guest says a word. */
static int died_at_boot(const struct vmverdict *v, const char *line, struct err *e)
{
	return err_set(
		e, 0,
		"the machine ended while it booted: it may have too little memory "
		"(--memory, %u MiB now), or the kernel does not suit it (--kernel); its last "
		"output: %s",
		v->memory, line);
}

/* The monitor ended before the machine did anything: it says why. */
static int not_started(const struct vmverdict *v, const struct vmsession_end *end, struct err *e)
{
	AUTO_FREE char *line = last_line(end);
	const char *help = "";
	if (strstr(line, "Cannot allocate memory"))
		help = ": --memory can ask for less";
	else if (strstr(line, "kvm") || strstr(line, "KVM"))
		help = ": --engine tcg needs no KVM";
	else if (strstr(line, "kernel"))
		help = ": --kernel can name another";
	return err_set(e, 0, "cannot start the machine (%s)%s: %s", v->engine, help, line);
}

static int died(const struct vmverdict *v, const struct vmsession_end *end, struct err *e)
{
	const char *what = v->machine ? "the virtual machine" : "the guest";
	AUTO_FREE char *panic = console_line(end, "Kernel panic - not syncing");
	if (panic)
		return panicked(v, end, panic, e);
	if (WIFSIGNALED(end->wait_status))
		return err_set(e, 0, "%s was ended by signal %d (%s) %s%s", what,
			       WTERMSIG(end->wait_status), strsignal(WTERMSIG(end->wait_status)),
			       when(end), v->kvm ? " (--engine tcg needs no KVM)" : "");
	if (v->machine && end->state == VMSESSION_STARTED && WEXITSTATUS(end->wait_status))
		return not_started(v, end, e);
	AUTO_FREE char *line = last_line(end);
	if (v->machine && end->state == VMSESSION_STARTED)
		return died_at_boot(v, line, e);
	return err_set(e, 0, "%s ended with status %d and without a result %s; its last output: %s",
		       what, WEXITSTATUS(end->wait_status), when(end), line);
}

int vmverdict(const struct vmverdict *v, const struct vmsession_end *end, int *status,
	      struct err *e)
{
	*status = VMVERDICT_FAILED;
	if (end->late)
		return late(v, end, status, e);
	if (end->state == VMSESSION_FAILED)
		return failed(v, end, e);
	if (end->state != VMSESSION_DONE || !end->whole)
		return died(v, end, e);
	if (end->announced != end->received)
		return err_set(e, 0,
			       "the guest announced a layer of %" PRIu64 " bytes, %" PRIu64 " came",
			       end->announced, end->received);
	*status = end->status;
	return 0;
}
