#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
# Each program that a pipeline calls fails in turn, or says nothing, does nothing and seems to succeed:
# the pipeline fails, too, or its result is the same, and nothing is left. Places where a program is
# called the same way count once, and of the two ways each gets one; FAULTS=all is all of it.
# shellcheck disable=SC2086,SC2164 # $status is a number, and bats stops where a command fails
load helper
load registry

# What works by what it changes and not by what it says: nothing can tell that it did not.
silent=
acts='cmp tar mkdir chmod touch ln fakeroot env sleep'
programs="awk cat comm cp cut find grep gzip head jq mv od readlink realpath rm sed sort stat tr wc xargs $acts"

setup_file() {
  setup_path
  needs unshare
  # Here it is only what may be written that can be destroyed.
  unshare -rm true 2>/dev/null || { [ "${MUST_RUN:-0}" != 1 ] && skip 'no namespaces'; }
  mkdir ways place
  : >seen
  local program
  for program in $programs; do
    cat >"ways/$program" <<END
#!/bin/sh
[ -w ../calls ] || exec $(command -v "$program") "\$@"
set -C
n=1
until printf '%s\n' "\$*" >../calls/$program.\$n; do n=\$((n + 1)); done 2>/dev/null
read -r call how <../fault
[ "\$call" != $program.\$n ] || exit \$how
exec $(command -v "$program") "\$@"
END
    sed -i "s,\.\./,$PWD/,g" "ways/$program"
  done
  chmod +x ways/*
  cd place
  made example example
  mkdir -p own/etc bottom
  hello=/nix/store/4ddddddddddddddddddddddddddddddd-hello-1.0
  ln -s "$hello/bin/hello" own/etc/link
  echo own >own/etc/file
  echo bottom >bottom/file
  tree-list --owner 0:0 bottom | layer-tar --mtree - | image-assemble --name base --output base
  gzip -k base
  printf -- '-----BEGIN CERTIFICATE-----\n' >bundle
  printf 'program\n' >program
  chmod +x program
  jq -n --arg hello "$hello" '{name: "x", tag: "1", contents: ["own", $hello], rootDir: "example/root",
    config: {Cmd: ["/bin/hello"], Env: ["A=b"]}, quiet: true}' >layered.json
  jq -n '{name: "x", tag: "1", copyToRoot: "own", rootDir: "example/root", compressor: "none",
    config: {Cmd: ["/bin/hello"]}, quiet: true}' >image.json
}

setup() {
  setup_path
  cd "$BATS_FILE_TMPDIR/place"
  mkdir -p ../calls ../tmp ../out
}

teardown() { registry_stop; }

# isolated COMMAND…: calls the function where only the directory of this file can be written
isolated() {
  unshare -rm bash -c "$(declare -f); $(declare -p silent acts)"'
    mount --make-rprivate / && mount --bind "$BATS_FILE_TMPDIR" "$BATS_FILE_TMPDIR" && mount -o remount,bind,ro /
    cd "$BATS_FILE_TMPDIR/place"
    if touch "$TOP/README.md" 2>/dev/null; then echo "$TOP can be written: not run"; exit 1; fi
    "$@"' isolated "$@"
}

# All that there is but what is made
listing() { find . ../ways -printf '%p %y %m %s %T@ %l\n' | sort; }

# calls CALL STATUS COMMAND…: what the pipeline makes of it
calls() {
  status=0
  rm -rf ../calls ../out
  mkdir ../calls ../out
  echo "$1 $2" >../fault
  TMPDIR=$PWD/../tmp PATH=$PWD/../ways:$PATH timeout 60 "${@:3}" >../said 2>../err </dev/null || status=$?
}

# What is never otherwise
clean() { empty ../tmp && [ "$(listing)" = "$before" ]; }

# empty DIR: where dotglob and nullglob are set
empty() {
  local there=("$1"/*)
  [ ${#there[@]} = 0 ]
}

result() { { tar -C ../out --sort=name --mtime=@0 -cf - . && cat ../said; } | sha256sum; }

# Whether the status of the call says what is so.
right() {
  clean || return 1
  if [ $status = 0 ]; then
    [ "$(result)" = "$want" ]
  else
    [ $status = 1 ] && empty ../out
  fi
}

# places: sets those of the calls that no pipeline made before; ../seen has a line for each that was
places() {
  awk -v all="${FAULTS-}" '
    function ended() {
      if (call == "" || all != "all" && place in seen) return
      print call
      seen[place]
      print place >>"../seen"
    }
    FILENAME == "../seen" { seen[$0]; next }
    FNR == 1 {
      ended()
      call = place = substr(FILENAME, length("../calls/") + 1)
      sub(/\.[0-9]*$/, "", place)
    }
    { gsub(/layerpipe\.[0-9]+/, "layerpipe."); place = place "\1" $0 }
    END { ended() }' ../seen ../calls/* >../places
  mapfile -t places <../places
}

# each COMMAND…: with each of its calls failing once
each() { isolated all_places "$@"; }

all_places() {
  local before want call status places way count=0
  shopt -s dotglob nullglob
  before=$(listing)
  calls none 0 "$@"
  if [ $status != 0 ] || ! clean; then cat ../err && return 1; fi
  want=$(result)
  places "$@"
  for call in "${places[@]}"; do
    count=$((count + 1))
    for way in 1 0; do
      [[ $way = 1 || " $acts $silent " != *" ${call%.*} "* ]] || continue
      [[ ${FAULTS-} = all || $((count % 2)) = "$way" || " $acts $silent " == *" ${call%.*} "* ]] || continue
      calls "$call" $way "$@"
      right || { echo "$call: $(cat "../calls/$call"): status $way instead: $* ends with status $status" && cat ../err && return 1; }
    done
  done
}

@test "layered images" {
  callers() { :; }
  export -f callers # so the pipeline starts once more, by env
  each stream-layered-image --attrs layered.json --unconfined-commands --extra-commands 'echo made >made' \
    --fake-root-commands 'chown 3:4 made'
}

@test "layered images on a base" {
  each build-layered-image --attrs layered.json --from-image base.gz --inherit-config --output ../out/it
}

@test "images of one layer" {
  each build-image --attrs image.json --unconfined-commands --extra-commands 'echo made >made' --output ../out/it
}

@test "images of one layer on a base" {
  each build-image --attrs image.json --from-image base.gz --output ../out/it
}

@test "images of registries" {
  needs docker-registry skopeo
  registry_start "$BATS_FILE_TMPDIR/registry"
  registry_push docker-archive:base base:1
  rm digest
  export NIX_REMOTE="local?root=$BATS_FILE_TMPDIR/nix"
  nix-prefetch-docker --tls-verify=false --quiet --json "$REGISTRY/base" 1 >fetched.json
  each pull-image --attrs fetched.json --tls-verify=false --output ../out/it
  each nix-prefetch-docker --tls-verify=false --json "$REGISTRY/base" 1 --arch x86_64
}

@test "the others" {
  silent='find' # it is there to change modes and times
  each export-image --from-image base.gz --output ../out/it
  each bin-sh --program program --output ../out/it
  each usr-bin-env --program program --output ../out/it
  each ca-certificates --bundle bundle --output ../out/it
  each fake-nss --extra-passwd-lines 'a:x:1:1::/:/x' --output ../out/it
  each shadow-setup
}
