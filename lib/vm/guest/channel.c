/* SPDX-License-Identifier: MIT */
#include "vm/guest/channel.h"

#include <errno.h>
#include <stdarg.h>
#include <string.h>
#include <unistd.h>

#include "base/esc.h"
#include "base/out.h"

void channel_say(const struct channels *c, const char *fmt, ...)
{
	va_list ap;
	va_start(ap, fmt);
	AUTO_FREE char *text = xvasprintf(fmt, ap);
	va_end(ap);
	AUTO_BUF struct buf line = { 0 };
	esc_message(&line, text, strlen(text));
	buf_addc(&line, '\n');
	(void)!out_write_fd(c->control, line.s, line.len);
}
