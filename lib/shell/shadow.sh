# SPDX-License-Identifier: MIT
# shellcheck shell=sh
# What programs that manage users and groups need, where it is missing: shadow-setup(1).
(
  set -e
  missing() { [ ! -e "/etc/$1" ] && [ ! -L "/etc/$1" ]; }
  umask 022
  mkdir -p /etc/pam.d
  if missing passwd; then echo "root:x:0:0::/root:@shell@" >/etc/passwd; fi
  if missing group; then echo "root:x:0:" >/etc/group; fi
  if missing login.defs; then : >/etc/login.defs; fi
  if missing pam.d/other; then
    printf "%s\n" "account sufficient pam_unix.so" "auth sufficient pam_rootok.so" \
      "password requisite pam_unix.so nullok yescrypt" "session required pam_unix.so" \
      >/etc/pam.d/other
  fi
  umask 077
  if missing shadow; then echo "root:!x:::::::" >/etc/shadow; fi
  if missing gshadow; then echo "root:x::" >/etc/gshadow; fi
)
