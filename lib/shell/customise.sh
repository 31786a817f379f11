# SPDX-License-Identifier: MIT
# shellcheck shell=bash disable=SC2154,SC2034 # $tool, $share, $work, attr: from beside
# The customisation layer: contents in the image's root, then what the commands make of it.
#
#   customise          lists the layer
#   $custom            the file that these layerpipe-mtree(5) lines are in

# shellcheck source=/dev/null
. "$share/commands.sh"
. "$share/steady.sh"

session+=(custom_commands custom_as_root run_in_fakechroot custom_in_chroot inward_links)
custom=

customise() {
  local listing=(--owner 0:0:root:root --mtime "${attr[mtime]}")
  stamped "${called[contents]}"
  link_contents
  copy_contents
  if [ -n "${attr[preset]}" ]; then
    preset_add "$custom"
    custom=$work/with-preset
  fi
  if [ -n "${attr[extraCommands]}${attr[fakeRootCommands]}" ]; then
    run_commands
  fi
}

# Before anything is built.
commands_need() {
  [ -n "${attr[fakeRootCommands]}" ] || return 0
  need_fakeroot "${called[fakeRootCommands]}"
  [ "${attr[enableFakechroot]}" = false ] || need fakechroot "${called[enableFakechroot]}"
}

# Whether the layer would hold nothing but the root.
nothing_customised() {
  local lines
  mapfile -n 3 -t lines <"$custom" # "#mtree", the root, more
  [[ ${#lines[@]} -ge 2 && ${lines[0]} == '#'* && ${lines[1]} == '. '* ]] || fail "cannot read '$custom'"
  [[ ${#lines[@]} = 2 && ${lines[1]} == '. type=dir mode=0755 uid=0 gid=0 '* ]]
}

# A link for each file of the contents that are in the store.
link_contents() {
  local content linked=()
  custom=$work/linked
  for content in "${contents[@]}"; do
    ! in_store "$content" || linked+=("$content")
  done
  if [ ${#linked[@]} = 0 ]; then
    mkdir -m 755 "$work/empty"
    tree-list "${listing[@]}" "$work/empty" >"$custom"
  else
    listed "${called[contents]}" linked tree-list --links --root-dir "${attr[rootDir]:-/}" "${listing[@]}" -- "${linked[@]}"
  fi
}

# Other directories are copied, with the modes that the store would give them. Of two files with
# one name, tree-list takes the later tree's: so what comes first goes last.
copy_contents() {
  local content copied=()
  for content in "${contents[@]}"; do
    in_store "$content" || copied=("$content" "${copied[@]}")
  done
  [ ${#copied[@]} != 0 ] || return 0
  mkdir -m 755 "$work/links"
  custom_files | (cd -- "$work/links" && exec tar -xpf - --no-same-owner) ||
    fail "cannot copy the contents to '$work/links'"
  tree-list "${listing[@]}" -- "${copied[@]}" "$work/links" >"$work/custom.own"
  custom=$work/custom
  store_modes 0755 <"$work/custom.own" >"$custom"
}

run_commands() {
  [ "${attr[enableFakechroot]}" = false ] || host_programs "$work/host/bin"
  confined custom_files custom_commands >"$work/said"
  if [ -z "${attr[fakeRootCommands]}" ]; then
    tree-list --allow-whiteouts "${listing[@]}" "$work/tree" | root_mode >"$work/found"
  else
    tree-list --allow-whiteouts --mtime "${attr[mtime]}" "$work/tree" >"$work/left"
    fake_owners "$work/said" <"$work/left" >"$work/found"
  fi
  keep_attributes "$custom" <"$work/found" >"$work/custom.new"
  custom=$work/custom.new
}

custom_files() { layer-tar --bare --mtree "$custom"; }

custom_commands() {
  unpack
  [ -z "${attr[extraCommands]}" ] || run extraCommands "$BASH"
  if [ -z "${attr[fakeRootCommands]}" ]; then
    return
  elif [ "${attr[enableFakechroot]}" = true ]; then
    run_in_fakechroot
  else
    faked custom_as_root
  fi
}

# What the fake root did not touch is root's.
custom_as_root() {
  run fakeRootCommands "$BASH"
  fake_listing "$@"
}

# As a fake root whose / is the tree. The store, /dev, /proc, /sys and $work/host are the
# host's, and programs come from there. The chroot program is not used: it would let the
# host's programs load libraries of the image.
run_in_fakechroot() {
  [[ $work =~ ^[A-Za-z0-9_./+-]+$ ]] ||
    fail "${called[enableFakechroot]} needs a temporary directory whose name has only letters, digits and _./+-: set TMPDIR, not '$work'"
  inward_links
  FAKECHROOT_EXCLUDE_PATH=${attr[storeDir]}:/dev:/proc:/sys:$work/host faked custom_in_chroot fakechroot -e none
}

custom_in_chroot() {
  run fakeRootCommands env FAKECHROOT_BASE="$work/tree" \
    PATH="$work/host/bin:/usr/sbin:/usr/bin:/sbin:/bin" "$work/host/bin/bash"
  fake_listing "$@" | sed "s| link=$work/tree/| link=/|"
}

# What commands in a fakechroot can call by name: what nixpkgs' builders have (coreutils,
# findutils, diffutils, sed, grep, awk, tar, compressors, patch, bash) and shadow.
host_names='bash sh b2sum base32 base64 basename basenc cat chcon chgrp chmod chown cksum comm cp
  csplit cut date dd df dir dircolors dirname du echo env expand expr factor false fmt fold groups
  head id install join link ln logname ls md5sum mkdir mkfifo mknod mktemp mv nice nl nohup nproc
  numfmt od paste pathchk pr printenv printf ptx pwd readlink realpath rm rmdir seq sha1sum
  sha224sum sha256sum sha384sum sha512sum shred shuf sleep sort split stat stdbuf stty sum sync tac
  tail tee test timeout touch tr true truncate tsort tty uname unexpand uniq unlink users vdir wc
  whoami yes [ find xargs cmp diff diff3 sdiff sed grep awk gawk mawk tar gzip bzip2 xz zstd patch
  file perl getent chpasswd groupadd groupdel groupmems groupmod grpck grpconv grpunconv newusers
  pwck pwconv pwunconv useradd userdel usermod'

# host_programs DIR: links to them. type -aP would take a process for each name.
host_programs() {
  local name dir rest=$PATH: dirs=() programs=()
  mkdir -p "$1"
  while [ -n "$rest" ]; do
    dirs+=("${rest%%:*}") rest=${rest#*:}
  done
  for name in $host_names; do
    for dir in "${dirs[@]}"; do
      ! is_held "$dir/$name" || { programs+=("$dir/$name") && break; }
    done
  done
  ln -s -t "$1" -- "${programs[@]}"
}

# Whether there is a program of this name that a fakechroot holds: one of the store, or one with a dynamic linker, whose
# name stands near the start of the file. A static program would see the host's /, a setuid one
# too, and the interpreter of a script is not there.
is_held() {
  local head=''
  [ -f "$1" ] && [ -x "$1" ] || return 1
  ! in_store "$1" || return 0
  [ ! -u "$1" ] && [ ! -g "$1" ] || return 1
  IFS= read -r -d '' -N 4096 head <"$1" || :
  [[ $head == $'\x7fELF'*/ld*.so.* ]]
} 2>/dev/null

# Absolute links as a fakechroot keeps them: with the tree in front, so that the system, which
# knows nothing of it, follows them into the tree.
inward_links() {
  local link target
  find "$work/tree" -type l -lname '/*' ! -lname "${attr[storeDir]}/*" -printf '%p\0%l\0' |
    while IFS= read -r -d '' link && IFS= read -r -d '' target; do
      ln -sfn -- "$work/tree$target" "$link"
    done
}
