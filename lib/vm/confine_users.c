/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <string.h>
#include <sys/auxv.h>
#include <unistd.h>

#include "base/num.h"
#include "base/out.h"
#include "base/record.h"
#include "vm/confine_parts.h"

/* If all users of the machine are known, this user owns nothing: usermap.c has the same number. */
#define NOBODY ((uint64_t)1 << 30)

/* The real answer, even under fakeroot(1), which changes geteuid(). */
static bool is_root(void)
{
	return getauxval(AT_EUID) == 0;
}

/* --- a user that owns nothing --- */

/* Takes the next number from the line. */
static int read_number(struct record_field *line, uint64_t *value, struct err *e)
{
	size_t len = 0;
	while (line->len && *line->s == ' ') {
		line->s++;
		line->len--;
	}
	while (len < line->len && line->s[len] != ' ')
		len++;
	const char *s = line->s;
	line->s += len;
	line->len -= len;
	return num_parse(s, len, 10, 0, UINT32_MAX, value, e);
}

/* A line of a map has the first user inside, the first user outside, and their number. Keeps the
 * last user inside of all lines. */
static int find_last(const struct record_reader *r, const struct record_field *line, void *last,
		     struct err *e)
{
	struct record_field rest = *line;
	uint64_t first, outside, count;
	if (read_number(&rest, &first, e) < 0 || read_number(&rest, &outside, e) < 0 ||
	    read_number(&rest, &count, e) < 0)
		return record_wrap(r, e);
	if (count && first + count - 1 > *(uint64_t *)last)
		*(uint64_t *)last = first + count - 1;
	return 0;
}

/* The last user that the namespace knows, who usually owns no file. */
static int find_nobody(const char *map, uint64_t *nobody, struct err *e)
{
	AUTO_CLOSE int fd = open(map, O_RDONLY | O_CLOEXEC);
	uint64_t last = 0;
	if (fd < 0)
		return err_set(e, errno, "cannot open '%s'", map);
	if (record_each(fd, map, find_last, &last, e) < 0)
		return -1;
	*nobody = last < NOBODY ? last : NOBODY;
	return 0;
}

int confine_users_find(struct confine_users *u, struct err *e)
{
	uint64_t uid = geteuid(), gid = getegid();
	if (is_root() && (find_nobody("/proc/self/uid_map", &uid, e) < 0 ||
			  find_nobody("/proc/self/gid_map", &gid, e) < 0))
		return -1;
	*u = (struct confine_users){ (uid_t)uid, (gid_t)gid };
	return 0;
}

/* --- maps --- */

static int write_file(const char *process, const char *file, const char *text, struct err *e)
{
	AUTO_FREE char *path = xasprintf("/proc/%s/%s", process, file);
	AUTO_CLOSE int fd = open(path, O_WRONLY | O_CLOEXEC);
	if (fd < 0 || out_write_fd(fd, text, strlen(text)) < 0)
		return err_set(e, errno, "cannot write '%s'", path);
	return 0;
}

static int write_maps(const char *process, unsigned uid, unsigned gid, struct err *e)
{
	AUTO_FREE char *users = xasprintf("%d %u 1\n", CONFINE_UID, uid);
	AUTO_FREE char *groups = xasprintf("%d %u 1\n", CONFINE_GID, gid);
	return write_file(process, "uid_map", users, e) < 0
		       ? -1
		       : write_file(process, "gid_map", groups, e);
}

int confine_users_set(pid_t pid, const struct confine_users *u, struct err *e)
{
	AUTO_FREE char *process = xasprintf("%d", (int)pid);
	/* required for writing gid_map without privileges: user_namespaces(7) */
	if (!is_root() && write_file(process, "setgroups", "deny", e) < 0)
		return -1;
	return write_maps(process, u->uid, u->gid, e);
}

int confine_users_keep(struct err *e)
{
	if (write_file("self", "setgroups", "deny", e) < 0)
		return -1;
	return write_maps("self", CONFINE_UID, CONFINE_GID, e);
}
