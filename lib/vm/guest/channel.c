/* SPDX-License-Identifier: MIT */
#include "vm/guest/channel.h"

#include <errno.h>
#include <stdarg.h>
#include <string.h>
#include <unistd.h>

#include "base/esc.h"

int channel_write(int fd, const void *data, size_t len)
{
	const char *p = data;
	while (len) {
		ssize_t n = write(fd, p, len);
		if (n < 0 && errno != EINTR)
			return -1;
		if (n > 0) {
			p += n;
			len -= (size_t)n;
		}
	}
	return 0;
}

void channel_say(const struct channels *c, const char *fmt, ...)
{
	va_list ap;
	va_start(ap, fmt);
	AUTO_FREE char *text = xvasprintf(fmt, ap);
	va_end(ap);
	AUTO_BUF struct buf line = { 0 };
	esc_message(&line, text, strlen(text));
	buf_addc(&line, '\n');
	(void)!channel_write(c->control, line.s, line.len);
}
