/* SPDX-License-Identifier: MIT */
#include "vm/usermap.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <pwd.h>
#include <stdbool.h>
#include <string.h>
#include <unistd.h>

#include "base/num.h"
#include "base/out.h"
#include "base/proc.h"

/* Where the host's root finds users that are nobody: the second quarter of all there are. */
#define SHIFT ((uint64_t)1 << 30)
#define ALL   UINT32_MAX

enum { TEXT_MAX = 1 << 20 };

/* Users or groups: one of ours for 0, or a range of them from there on; where both, 1 begins it. */
struct map {
	const char *file;    /* in /proc/PID */
	const char *program; /* that may write it for others */
	const char *grants;  /* who may have what */
	uint64_t own;
	uint64_t start, count; /* count 0: none */
};

/* What a small file holds; empty where it cannot be read. */
static void read_text(const char *path, struct buf *b)
{
	AUTO_CLOSE int fd = open(path, O_RDONLY | O_CLOEXEC);
	ssize_t n = 1;
	buf_add(b, "", 0);
	while (fd >= 0 && n > 0 && b->len < TEXT_MAX) {
		char data[4096];
		n = read(fd, data, sizeof data);
		buf_add(b, data, n > 0 ? (size_t)n : 0);
	}
}

static int write_map(pid_t pid, const char *file, const char *text, struct err *e)
{
	AUTO_FREE char *path = xasprintf("/proc/%d/%s", (int)pid, file);
	AUTO_CLOSE int fd = open(path, O_WRONLY | O_CLOEXEC);
	if (fd < 0 || out_write_fd(fd, text, strlen(text)) < 0)
		return err_set(e, errno, "cannot give the namespace its users: '%s'", path);
	return 0;
}

/* --- root --- */

/* How many users from 0 on this process knows. */
static uint64_t known(const char *file)
{
	AUTO_FREE char *path = xasprintf("/proc/self/%s", file);
	AUTO_BUF struct buf text = { 0 };
	struct err ignored = { 0 };
	uint64_t count = 0;
	read_text(path, &text);
	const char *field[3] = { text.s, NULL, NULL }, *p = text.s;
	size_t len[3];
	for (int i = 0; i < 3; i++) {
		p += strspn(p, " \t");
		field[i] = p;
		len[i] = strcspn(p, " \t\n");
		p += len[i];
	}
	if (len[0] != 1 || *field[0] != '0' ||
	    num_parse(field[2], len[2], 10, 1, ALL, &count, &ignored) < 0)
		err_clear(&ignored);
	return count;
}

static int map_as_root(pid_t pid, const char *file, struct err *e)
{
	uint64_t count = known(file), start = 0;
	if (count == ALL)
		start = count = SHIFT;
	AUTO_FREE char *text = xasprintf("0 %" PRIu64 " %" PRIu64 "\n", start, count ? count : 1);
	return write_map(pid, file, text, e);
}

/* --- anybody else --- */

/* A line "USER:START:COUNT"; whether it is the user's and has numbers. */
static bool read_grant(const char *line, size_t len, const char *user, struct map *m)
{
	struct err ignored = { 0 };
	const char *start = memchr(line, ':', len);
	const char *count = start ? memchr(start + 1, ':', len - (size_t)(start + 1 - line)) : NULL;
	if (!count || (size_t)(start - line) != strlen(user) ||
	    memcmp(line, user, strlen(user)) != 0)
		return false;
	bool good = num_parse(start + 1, (size_t)(count - start - 1), 10, 1, ALL - 1, &m->start,
			      &ignored) == 0 &&
		    num_parse(count + 1, len - (size_t)(count + 1 - line), 10, 1, ALL - m->start,
			      &m->count, &ignored) == 0;
	err_clear(&ignored);
	return good;
}

static void find_grant(struct map *m)
{
	AUTO_BUF struct buf text = { 0 };
	AUTO_FREE char *number = xasprintf("%u", (unsigned)getuid());
	const struct passwd *pw = getpwuid(getuid());
	read_text(m->grants, &text);
	for (const char *p = text.s; *p; p += *p == '\n') {
		size_t len = strcspn(p, "\n");
		if ((pw && read_grant(p, len, pw->pw_name, m)) || read_grant(p, len, number, m))
			return;
		p += len;
	}
	m->count = 0;
}

/* Whether newuidmap did it; where it is not there or refuses, the caller does with less. */
static bool map_granted(pid_t pid, const struct map *m)
{
	AUTO_PROC struct proc p = PROC_NONE;
	AUTO_CLOSE int null = open("/dev/null", O_RDONLY | O_CLOEXEC);
	AUTO_FREE char *target = xasprintf("%d", (int)pid);
	AUTO_FREE char *own = xasprintf("%" PRIu64, m->own);
	AUTO_FREE char *start = xasprintf("%" PRIu64, m->start);
	AUTO_FREE char *count = xasprintf("%" PRIu64, m->count);
	const char *const argv[] = { m->program, target, "0", own, "1", "1", start, count, NULL };
	struct err ignored = { 0 };
	bool done = null >= 0 && m->count && proc_start(&p, argv, NULL, null, &ignored) == 0 &&
		    proc_wait(&p, &ignored) == 0;
	err_clear(&ignored);
	return done;
}

static int map_as_user(pid_t pid, struct map *m, struct err *e)
{
	AUTO_FREE char *text = xasprintf("0 %" PRIu64 " 1\n", m->own);
	find_grant(m);
	return map_granted(pid, m) ? 0 : write_map(pid, m->file, text, e);
}

int usermap_set(pid_t pid, struct err *e)
{
	struct map users = {
		.file = "uid_map", .program = "newuidmap", .grants = "/etc/subuid", .own = geteuid()
	};
	struct map groups = {
		.file = "gid_map", .program = "newgidmap", .grants = "/etc/subgid", .own = getegid()
	};
	if (geteuid() == 0)
		return map_as_root(pid, users.file, e) < 0 ? -1 : map_as_root(pid, groups.file, e);
	if (map_as_user(pid, &users, e) < 0)
		return -1;
	find_grant(&groups);
	if (map_granted(pid, &groups))
		return 0;
	AUTO_FREE char *text = xasprintf("0 %" PRIu64 " 1\n", groups.own);
	/* who may not leave groups may not choose them: user_namespaces(7) */
	return write_map(pid, "setgroups", "deny", e) < 0 ? -1
							  : write_map(pid, groups.file, text, e);
}
