/* SPDX-License-Identifier: MIT */
#include "base/err.h"

#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"

int err_set(struct err *e, int code, const char *fmt, ...)
{
	va_list ap;
	va_start(ap, fmt);
	char *msg = xvasprintf(fmt, ap);
	va_end(ap);
	free(e->msg);
	e->msg = msg;
	e->code = code;
	if (code) {
		e->msg = xasprintf("%s: %s", msg, strerror(code));
		free(msg);
	}
	return -1;
}

int err_wrap(struct err *e, const char *fmt, ...)
{
	va_list ap;
	va_start(ap, fmt);
	char *context = xvasprintf(fmt, ap);
	va_end(ap);
	char *msg = xasprintf("%s: %s", context, e->msg ? e->msg : "unknown error");
	free(context);
	free(e->msg);
	e->msg = msg;
	return -1;
}

void err_clear(struct err *e)
{
	free(e->msg);
	*e = (struct err){ 0 };
}
