#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
# shadow-setup: what its text does in the root of an image
load helper

# in_image SCRIPT: runs it by a shell with -e in ./image, whose only program is busybox
in_image() {
  mkdir -p image/bin
  cp "$(command -v busybox)" image/bin/busybox
  ln -sf busybox image/bin/sh
  ln -sf busybox image/bin/mkdir
  PATH=/bin "$(command -v chroot)" image /bin/sh -e -c "$1"
}

modes() { (cd image && find etc -printf '%p %m %s\n' | LC_ALL=C sort); }

setup() {
  setup_path
  needs_root
  needs busybox
}

@test "an empty image: all of the files, as nixpkgs has them" {
  shadow-setup >text
  in_image "umask 027; $(cat text)"
  echo root:x:0:0::/root:/bin/sh | same - image/etc/passwd
  echo 'root:!x:::::::' | same - image/etc/shadow
  echo root:x:0: | same - image/etc/group
  echo root:x:: | same - image/etc/gshadow
  printf '%s\n' 'account sufficient pam_unix.so' 'auth sufficient pam_rootok.so' \
    'password requisite pam_unix.so nullok yescrypt' 'session required pam_unix.so' | same - image/etc/pam.d/other
  modes >found
  cat >want <<END
etc 755 $(stat -c %s image/etc)
etc/group 644 10
etc/gshadow 600 9
etc/login.defs 644 0
etc/pam.d 755 $(stat -c %s image/etc/pam.d)
etc/pam.d/other 644 137
etc/passwd 644 26
etc/shadow 600 15
END
  same want found
}

@test "what is there stays, a link to nowhere too; a second time changes nothing" {
  mkdir -p image/etc
  echo mine >image/etc/passwd
  ln -s /nowhere image/etc/group
  : >image/etc/login.defs
  in_image "$(shadow-setup)"
  [ "$(cat image/etc/passwd)" = mine ]
  [ "$(readlink image/etc/group)" = /nowhere ]
  [ ! -e image/nowhere ]
  [ "$(cat image/etc/shadow)" = 'root:!x:::::::' ]
  echo changed >image/etc/gshadow
  modes >before
  in_image "$(shadow-setup)"
  modes | same before -
}

@test "a failure ends the script, and the script's own state stays as it was" {
  in_image "umask 027; $(shadow-setup)
    umask >/state; echo \$PATH >>/state; ! command -v missing"
  [ "$(cat image/state)" = $'0027\n/bin' ]
  rm -r image/etc
  : >image/etc
  status=0
  in_image "$(shadow-setup)
    echo went on" >said 2>err || status=$?
  [ "$status" != 0 ]
  [ ! -s said ]
  grep -q '^mkdir: .*/etc' err
}

@test "bash and dash run it, too" {
  needs dash
  for shell in bash dash; do
    rm -rf image
    # a root of its own over the system's, with nothing in /etc
    shadow-setup | unshare --mount "$shell" -euc '
      busybox mount -t tmpfs etc /etc
      "$1" -e
      ls /etc | tr "\n" " "' - "$shell" >found
    [ "$(cat found)" = 'group gshadow login.defs pam.d passwd shadow ' ]
  done
}

@test "useradd and groupadd work after it" {
  needs useradd groupadd
  { shadow-setup && printf '%s\n' 'groupadd -r redis' 'useradd -r -g redis redis' 'mkdir /tmp/data' \
    'chown redis:redis /tmp/data' 'stat -c %U:%G /tmp/data' 'cat /etc/passwd /etc/shadow'; } >script
  unshare --mount bash -euc 'busybox mount -t tmpfs etc /etc; busybox mount -t tmpfs tmp /tmp; bash -e' <script >found
  [ "$(head -n 2 found)" = $'redis:redis\nroot:x:0:0::/root:/bin/sh' ]
  grep -Eqx 'redis:x:[0-9]+:[0-9]+::/home/redis:.*' found
  grep -q '^redis:!' found
}

@test "--shadow and --root-shell" {
  shadow=/nix/store/8aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa-shadow-4.17
  mkdir -p "root$shadow/bin"
  shadow-setup --root-shell /nix/store/x-bash/bin/bash --shadow "$shadow" --root-dir root >text
  in_image "$(cat text); echo \$PATH >/path"
  [ "$(cat image/path)" = "$shadow/bin:/bin" ]
  echo root:x:0:0::/root:/nix/store/x-bash/bin/bash | same - image/etc/passwd
  jq -n --arg shadow "$shadow" '{shadow: $shadow, rootShell: "/nix/store/x-bash/bin/bash", rootDir: "root"}' >attrs.json
  shadow-setup --attrs attrs.json | same text -
  fails 1 "shadow-setup: --shadow: '/usr' is not a store path in /nix/store" shadow-setup --shadow /usr
  fails 1 "shadow-setup: --shadow: '$shadow/x;y' is not a store path in /nix/store" shadow-setup --shadow "$shadow/x;y"
  fails 1 "shadow-setup: --shadow: '$shadow/bin' is not a directory" shadow-setup --shadow "$shadow"
  # shellcheck disable=SC2016 # not to be expanded
  for shell in bash '/bin/sh:x' '/bin/$(x)' "/bin/'sh" ''; do
    fails 1 "shadow-setup: --root-shell: expected an absolute path of letters, digits and _./+-, found '$shell'" \
      shadow-setup --root-shell "$shell"
  done
}
