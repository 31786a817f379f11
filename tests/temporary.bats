#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
# Where pipelines work: the directories that they make, what of them they remove, and when.
load helper

setup() {
  setup_path
  # to remove: end PROCESS DIR…, with a number that no process has
  workdir=("$BUILD/libexec/layerpipe/workdir" a-tool)
  mkdir canary tmp
  echo precious >canary/file
}

# One that a killed test left cannot be removed by bats.
teardown() { chmod -R u+rwx . || :; }

kept() { [ "$(cat canary/file)" = precious ]; }

# mounting COMMAND…: where mounts can be made that nobody else sees; as root without a user namespace
mounting() {
  local options=(--mount --propagation private)
  [ "$(id -u)" = 0 ] || options+=(--map-root-user)
  if ! unshare "${options[@]}" true 2>/dev/null; then
    [ "${MUST_RUN:-0}" != 1 ] || return 1
    skip 'no namespaces here'
  fi
  unshare "${options[@]}" "$@"
}

@test "a directory to work in has a mode of its own, whatever its place hands down" {
  mkdir -m 2770 place
  setfacl -d -m u::rwx,g::rwx,g:12:rwx,o::rwx place
  (umask 0 && mkdir place/made-by-mkdir && "${workdir[@]}" make place/made)
  [[ $(stat -c %A place/made-by-mkdir) = drwxrws* ]]
  [ "$(stat -c %A place/made)" = drwx------ ]
  [ -z "$(getfacl -cps place/made)" ]
  mkdir place/made/sub
  [ "$(stat -c %A place/made/sub)" = drwxr-xr-x ]
}

@test "what is there is not taken for a new directory" {
  ln -s canary link
  for name in canary link; do
    fails 1 "a-tool: cannot make a temporary directory in '.': File exists" "${workdir[@]}" make "$name"
  done
  fails 1 "a-tool: cannot make a temporary directory in 'canary': File exists" "${workdir[@]}" make canary/file
  fails 1 "a-tool: cannot make a temporary directory in 'no': No such file or directory" "${workdir[@]}" make no/where
}

@test "all that is in it goes, whatever the modes, and no link is followed" {
  "${workdir[@]}" make it
  mkdir -p it/a/b it/closed/sub it/many
  ln -s "$PWD/canary" it/a/link
  ln -s "$PWD/canary/file" it/link
  ln canary/file it/a/b/hard
  mkfifo it/fifo
  touch it/$'\n' it/-rf it/closed/file it/many/{1..3000}
  chmod 0 it/closed/sub it/closed it/a it
  "${workdir[@]}" end 2000000000 it
  [ ! -e it ]
  kept && [ "$(stat -c %a canary/file)" = 644 ]
  "${workdir[@]}" end 2000000000 it
}

@test "a path of 4,000 directories goes" {
  "${workdir[@]}" make it
  python3 -c '
import os
os.chdir("it")
for i in range(4000):
    os.mkdir("d")
    os.chdir("d")'
  "${workdir[@]}" end 2000000000 it
  [ ! -e it ]
}

@test "a link and a file are not removed" {
  ln -s canary link
  fails 1 "a-tool: cannot remove 'link': Not a directory" "${workdir[@]}" end 2000000000 link
  fails 1 "a-tool: cannot remove 'canary/file': Not a directory" "${workdir[@]}" end 2000000000 canary/file
  kept
}

@test "a directory of somebody else is not removed" {
  needs_root
  chmod 777 . canary
  mkdir other
  chown 4242 other
  fails 1 "a-tool: cannot remove 'other': Operation not permitted" "${workdir[@]}" end 2000000000 other
  [ -d other ]
}

@test "what is mounted in it is unmounted, not removed" {
  "${workdir[@]}" make it
  mkdir it/dir it/dir/sub
  touch it/file
  # shellcheck disable=SC2016 # the other shell's
  mounting bash -euc '
    mount --bind canary it/dir/sub
    mount --bind canary it/dir/sub
    mount --bind canary/file it/file
    mount --bind canary it
    "$0" "$@" end 2000000000 it
    ! grep -F "$PWD/it" /proc/self/mountinfo
  ' "${workdir[@]}"
  [ ! -e it ]
  kept
}

@test "where it may not be unmounted it stays, and that is said" {
  "${workdir[@]}" make it
  mkdir it/sub it/other
  # shellcheck disable=SC2016 # the other shell's
  mounting bash -euc '
    mount --bind canary it/sub
    ! setpriv --bounding-set -sys_admin --inh-caps -sys_admin "$0" "$@" end 2000000000 it 2>err
    umount it/sub
    rmdir it/sub
    rmdir it
  ' "${workdir[@]}"
  [ "$(cat err)" = "a-tool: cannot remove 'it': something is mounted on 'sub' in it" ]
  kept
}

# shared FUNCTION ARGUMENT…: calls a function of the pipelines' in one that has started
shared() {
  # shellcheck disable=SC2016 # the other shell's
  TMPDIR=$PWD/tmp bash -c 'set -euo pipefail
    here=$0/bin share=$0/share/layerpipe
    . "$share/pipeline.sh"
    pipeline_start shadow-setup
    "$@"' "$BUILD" "$@"
}

@test "only what was made here is removed or renamed" {
  fails 1 "shadow-setup: 'canary' was not made here: it is left alone" shared temporary_keep canary new
  fails 1 "shadow-setup: '' was not made here: it is left alone" shared temporary_keep '' new
  kept && [ ! -e new ]
  run -1 shared eval 'work='
  [[ $output == *': work: readonly variable' ]]
  [ -z "$(ls tmp)" ]
}

@test "programs that say nothing and do nothing: nothing of the current directory goes" {
  local program pipeline
  mkdir bin
  for program in mktemp rm mv mkdir chmod touch; do
    printf '#!/bin/sh\nexit 0\n' >"bin/$program"
    chmod +x "bin/$program"
  done
  for pipeline in shadow-setup 'fake-nss --output ../made' 'stream-layered-image --name x' \
    'build-image --name x --output ../made'; do
    # shellcheck disable=SC2086 # several words
    (cd canary && PATH=$OLDPWD/bin:$PATH TMPDIR=$OLDPWD/tmp $pipeline >../out 2>&1) || :
    kept && [ "$(ls canary)" = file ] && [ -z "$(ls -A tmp)" ]
  done
}

# A program of bin says so here, commands of the user in their tree.
is_started() { [ -e started ] || compgen -G 'tmp/layerpipe.*/tree/started' >/dev/null; }

# stopped SIGNAL PIPELINE ARGUMENT…: sends the signal to a pipeline and all that it started when
# "started" is there, or to the pipeline alone
stopped() {
  local signal=$1 to=$2 status=0 pipeline
  shift 2
  rm -f started
  TMPDIR=$PWD/tmp setsid env --default-signal=TERM,HUP,INT "$@" >out 2>err &
  pipeline=$!
  for ((i = 0; i < 200; i++)); do ! is_started || break; sleep 0.05; done
  is_started
  case $to in
    one) kill "-$signal" "$pipeline" ;;
    all) kill "-$signal" -- "-$pipeline" ;;
  esac
  wait "$pipeline" || status=$?
  [ "$status" != 0 ]
  [ -z "$(ls -A tmp)" ]
  for ((i = 0; i < 100; i++)); do pgrep -s "$pipeline" >/dev/null || return 0; sleep 0.05; done
  pgrep -as "$pipeline"
  return 1
}

@test "a signal ends all, and nothing is left" {
  local signal to
  mkdir bin
  for name in find tar; do
    printf '#!/bin/sh\n: >%q/started\nsleep 30\nexec %s "$@"\n' "$PWD" "$(command -v $name)" >bin/$name
    chmod +x bin/$name
  done
  for signal in TERM HUP INT; do
    for to in one all; do
      [ $signal-$to != INT-one ] || continue # the shell waits for the program to make of it what it likes
      PATH=$PWD/bin:$PATH stopped $signal $to fake-nss --output canary/tree
      PATH=$PWD/bin:$PATH stopped $signal $to stream-layered-image --name x --contents canary
      stopped $signal $to build-layered-image --name x --output canary/image \
        --extra-commands 'mkdir d && chmod 0 d && (: >started; sleep 30)'
      [ "$(ls -A canary)" = file ]
    done
  done
}

# The last thing that a pipeline does is to become the program that removes its directory.
@test "a signal while the directory is removed changes nothing" {
  needs "$BUILD/faults/inject"
  local signal
  shadow-setup >want
  for signal in 1 2 15; do
    TMPDIR=$PWD/tmp "$BUILD/faults/inject" log 60 workdir remove 1 killpg=$signal shadow-setup >out
    grep -q "^done" log
    grep -q "^status.0$" log
    same want out
    [ -z "$(ls -A tmp)" ]
  done
}

@test "where that program cannot be started, the directory goes all the same, and it is a failure" {
  local fault
  needs "$BUILD/faults/inject"
  for fault in 2:127 13:126; do
    TMPDIR=$PWD/tmp "$BUILD/faults/inject" log 60 bash exec 2 "error=${fault%:*}" shadow-setup >out 2>err
    grep -q "^status.${fault#*:}$" log
    [[ $(<err) == *'/workdir: '* ]]
    [ -z "$(ls -A tmp)" ]
  done
}
