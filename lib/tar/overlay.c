/* SPDX-License-Identifier: MIT */
#include "tar/overlay.h"

#include <string.h>

bool overlay_is_private(const char *attribute)
{
	static const char trusted[] = "trusted.overlay.", user[] = "user.overlay.";
	return strncmp(attribute, trusted, sizeof trusted - 1) == 0 ||
	       strncmp(attribute, user, sizeof user - 1) == 0;
}
