#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
# shellcheck disable=SC2016 # $ is for the command that is run
# layer-serve: blobs of a layout that are made when they are read.
load helper

# An image in full, and the same image with none of its layers: full and lacking.
setup() {
  setup_path
  "$TOP/tests/fixtures/make-example" example
  cd example || return
  layer-plan --max-layers 3 graph >plan
  make_images
}

# make_images [OPTION…]: for layer-tar
make_images() {
  rm -rf full lacking known
  layer-tar --root-dir root "$@" plan | image-assemble --name a --tag 1 --format oci --known known --output full
  layer-tar --root-dir root --known known "$@" plan | image-assemble --name a --tag 1 --format oci --output lacking
  blobs=lacking/blobs/sha256
  (cd full/blobs/sha256 && sha256sum -- *) >sums
}

serve() { layer-serve --layout lacking --plan plan --known known --root-dir root "$@"; }

# layer N: the digest of its blob
layer() {
  local manifest
  manifest=$(jq -r '.manifests[0].digest[7:]' full/index.json)
  jq -r --argjson n "$1" '.layers[$n - 1].digest[7:]' "full/blobs/sha256/$manifest"
}

# A command that runs until it is ended: its process is in pid, layer-serve's is $!.
serve_on() {
  local i
  layer-serve --layout lacking --plan plan --known known --root-dir root sh -c 'echo $$ >pid; exec sleep 100' &
  for ((i = 0; i < 500; i++)); do [ ! -s pid ] || return 0; sleep 0.02; done
  return 1
}

nothing_left() {
  [ "$(find lacking -type p | wc -l)" = 0 ]
  [ "$(find lacking -name '.*' | wc -l)" = 0 ]
}

@test "what the layout lacks can be read while the command runs" {
  [ "$(find "$blobs" -type f | wc -l)" = 2 ]
  serve sh -c "cd $blobs && sha256sum -- *" >found
  same sums found
  nothing_left
  [ "$(find "$blobs" -type f | wc -l)" = 2 ]
}

@test "each compressor, other times and owners, any number of threads" {
  local kind
  for kind in none zstd; do
    rm -rf full lacking known
    layer-tar --root-dir root plan |
      image-assemble --name a --format oci --layer-compressor $kind --known known --output full
    layer-tar --root-dir root --known known --layer-compressor $kind plan |
      image-assemble --name a --format oci --layer-compressor $kind --output lacking
    [ "$(find "$blobs" -type f | wc -l)" = 2 ]
    (cd full/blobs/sha256 && sha256sum -- *) >sums
    serve --jobs 1 sh -c "cd $blobs && sha256sum -- *" >found
    same sums found
  done
  make_images --mtime 5 --uid 7 --gid 8 --uname u --gname g
  serve --mtime 5 --uid 7 --gid 8 --uname u --gname g --jobs 3 sh -c "cd $blobs && sha256sum -- *" >found
  same sums found
  fails 1 "" serve sh -c "cd $blobs && test \$(ls | wc -l) != 2"
}

@test "only the store paths of a layer that is opened are read" {
  local path
  mkdir -p bare/nix/store
  layer-serve --layout lacking --plan plan --known known --root-dir bare true
  awk '$1 == 2 { print $2 }' plan >paths
  while read -r path; do cp -a "root$path" "bare$path"; done <paths
  layer-serve --layout lacking --plan plan --known known --root-dir bare sha256sum "$blobs/$(layer 2)" >found
  grep "^$(layer 2) " found
  fails 125 "layer-serve: cannot read '$(awk '$1 == 1 { print $2; exit }' plan)': No such file or directory" \
    layer-serve --layout lacking --plan plan --known known --root-dir bare cat "$blobs/$(layer 1)"
  nothing_left
}

@test "a blob can be read again, and left" {
  local blob
  blob=$blobs/$(layer 1)
  serve sh -c "head -c 1 $blob; cat $blob; : <$blob; cat $blob" >found
  { head -c 1 "full/blobs/sha256/$(layer 1)"; cat "full/blobs/sha256/$(layer 1)" "full/blobs/sha256/$(layer 1)"; } >want
  same want found
  nothing_left
}

@test "a layer that changed ends the command, and its reader does not get all" {
  local file
  file=$(find root/nix/store -type f -path '*hello-1.0*' -size +0 | head -n 1)
  chmod u+w "$file"
  tr "[:lower:]" "[:upper:]" <"$file" >new
  cat new >"$file"
  n=$(awk -v path="${file#root}" 'index(path, $2 "/") == 1 { print $1 }' plan)
  status=0
  serve sh -c "cat $blobs/$(layer "$n") >got; sleep 5; touch went-on" 2>err || status=$?
  [ "$status" = 125 ]
  [[ $(<err) == "layer-serve: layer $n has changed: its diff ID is sha256:"*", known is sha256:"* ]]
  [ "$(wc -l <err)" = 1 ]
  [ ! -e went-on ]
  [ "$(sha256sum <got | cut -d ' ' -f 1)" != "$(layer "$n")" ]
  run ! gzip -dc got
  nothing_left
}

@test "a line that gives a wrong digest is found out" {
  local digest wrong=0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef
  digest=$(layer 1)
  awk -v d="sha256:$digest" -v w="sha256:$wrong" 'BEGIN { FS = OFS = "\t" } $5 == d { $5 = w; $7 = ""; printf "%s", $0 }' known >fields
  { cat fields; sha256sum <fields | cut -c 1-16; } >known
  status=0
  serve sh -c "cat $blobs/$wrong; exec sleep 100" >got 2>err || status=$?
  [ "$status" = 125 ]
  [[ $(<err) == "layer-serve: layer 1 has changed: its digest is sha256:$digest, known is sha256:$wrong" ]]
  [ "$(stat -c %s got)" -lt "$(stat -c %s "full/blobs/sha256/$digest")" ]
  nothing_left
}

@test "the status is the command's" {
  fails 7 '' serve sh -c 'exit 7'
  # where the caller hears of no child
  fails 7 '' env --ignore-signal=CHLD layer-serve --layout lacking --plan plan --known known --root-dir root sh -c 'exit 7'
  fails 143 '' serve sh -c 'kill -TERM $$'
  fails 127 "layer-serve: cannot run './no-such': No such file or directory" serve ./no-such
  fails 126 "layer-serve: cannot run './plan': Permission denied" serve ./plan
  serve -- sh -c 'test "$1" = --known' sh --known
  nothing_left
}

@test "a signal ends the command and the pipes" {
  serve_on
  status=0
  kill -TERM $!
  wait $! || status=$?
  [ "$status" = 143 ]
  [ ! -e "/proc/$(<pid)/exe" ]
  nothing_left
}

@test "what a killed run leaves is replaced, and its command ends; two at a time are refused" {
  local i
  serve_on
  fails 125 "layer-serve: '$blobs' is being served by another process" serve true
  [ "$(find lacking -type p | wc -l)" -gt 0 ]
  kill -KILL $!
  wait $! || true
  for ((i = 0; i < 250; i++)); do [ -e "/proc/$(<pid)/exe" ] || break; sleep 0.02; done
  [ ! -e "/proc/$(<pid)/exe" ]
  [ "$(find lacking -type p | wc -l)" -gt 0 ]
  serve sh -c "cd $blobs && sha256sum -- *" >found
  same sums found
  nothing_left
}

@test "who adds an image to the layout meanwhile does not lose a blob" {
  local i
  exec 7<lacking/oci-layout
  flock 7
  layer-serve --layout lacking --plan plan --known known --root-dir root test -p "$blobs/$(layer 1)" 7<&- &
  for ((i = 0; i < 500; i++)); do
    [[ $(readlink "/proc/$!/fd/"*) != */oci-layout* ]] || break
    sleep 0.02
  done
  [ "$i" -lt 500 ] # now it waits for the lock
  [ "$(find lacking -type p | wc -l)" = 0 ]
  exec 7<&-
  wait $!
  nothing_left
  serve sh -c "layer-tar --root-dir root plan | image-assemble --name a --tag 2 --format oci --output lacking"
  (cd $blobs && sha256sum -- *) >found
  same sums found
}

@test "blobs that are there, and layers that are not known, are left alone" {
  cp "full/blobs/sha256/$(layer 1)" $blobs
  serve sh -c "test -f $blobs/$(layer 1) && test -p $blobs/$(layer 2)"
  [ -f "$blobs/$(layer 1)" ]
  : >known
  serve test ! -e "$blobs/$(layer 2)"
  rm known
  serve test ! -e "$blobs/$(layer 2)"
}

@test "mistakes" {
  fails 125 "layer-serve: expected --layout DIR (see 'layer-serve --help')" layer-serve --plan plan --known known true
  fails 125 "layer-serve: expected --plan FILE or --image FILE (see 'layer-serve --help')" layer-serve --layout lacking --known known true
  fails 125 "layer-serve: expected --known FILE (see 'layer-serve --help')" layer-serve --layout lacking --plan plan true
  fails 125 "layer-serve: expected a command to run (see 'layer-serve --help')" serve
  fails 125 "layer-serve: cannot open directory 'nowhere/blobs/sha256': No such file or directory" \
    layer-serve --layout nowhere --plan plan --known known --root-dir root true
  fails 125 "layer-serve: <stdin>: the plan is empty" layer-serve --layout lacking --plan - --known known true </dev/null
  fails 125 "layer-serve: --image-name is for the --image before it: there is none (see 'layer-serve --help')" serve --image-name a --image a true
  fails 125 "layer-serve: --platform is for the --image before it: there is none (see 'layer-serve --help')" serve --platform arm64 true
  fails 125 "layer-serve: --platform: expected [OS/]ARCH[/VARIANT], found 'a/b/c/d' (see 'layer-serve --help')" serve --image a --platform a/b/c/d true
  fails 125 "layer-serve: cannot open 'nowhere': No such file or directory" serve --image nowhere true
  head -c 40 known >torn
  cp torn known
  fails 0 'layer-serve: warning: known:1: not a whole line of known-layers(5): ignored' serve true
}

@test "layers of a base image and of the customisation, in one image each" {
  local kind
  for kind in base top; do
    mkdir $kind
    seq 100000 >$kind/$kind
    tree-list --owner 0:0 $kind | layer-tar --mtree - | image-assemble --name $kind --tag 1 --output $kind.tar
  done
  gzip -k base.tar
  rm -rf full lacking
  stream() { image-layers "$@" base.tar; layer-tar --root-dir root "$@" plan; image-layers "$@" top.tar; }
  stream >s
  image-assemble --name a --tag 1 --format oci --known known --output full s
  stream --known known >s
  image-assemble --name a --tag 1 --format oci --output lacking s
  (cd full/blobs/sha256 && sha256sum -- *) >sums
  [ "$(find lacking/blobs -type f | wc -l)" = 2 ]
  serve --image base.tar.gz --image top.tar sh -c "cd $blobs && sha256sum -- *" >found
  same sums found
  # without a plan, only those of the images
  layer-serve --layout lacking --known known --image top.tar sh -c "find lacking -type p | wc -l" | same <(echo 1) /dev/stdin
  # an image of several in a file
  merge-images base.tar top.tar >both.tar
  layer-serve --layout lacking --known known --image both.tar --image-name top:1 sh -c "cat $blobs/$(layer 5)" |
    sha256sum | same <(echo "$(layer 5)  -") /dev/stdin
  # of two files, each with its own name and platform
  layer-serve --layout lacking --known known --image both.tar --image-name top:1 --platform arm64 --image base.tar \
    sh -c "find lacking -type p | wc -l" | same <(echo 2) /dev/stdin
  # an image whose bytes are not what they were
  printf x | dd of=base.tar bs=1 seek=100000 conv=notrunc status=none
  status=0
  serve --image base.tar sh -c "cat $blobs/$(layer 1) >got; exec sleep 100" 2>err || status=$?
  [ "$status" = 125 ]
  [[ $(<err) == "layer-serve: base.tar: layer 1 (sha256:"*"): damaged: its bytes are sha256:"* ]]
  run ! gzip -dc got
  nothing_left
}

@test "memory stays below 32 MiB, with several readers and any number of threads; of who made the layout, too" {
  [ "${SANITIZED:-0}" != 1 ] || skip 'the sanitizers need more'
  local n path kind
  mkdir -p big/nix/store
  for n in 1 2 3; do
    path=/nix/store/${n}aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa-big
    head -c 20000000 /dev/urandom >"big$path"
    lines "$n\t$path\t20000120\tsha256-${n}AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA="
  done >plan
  for kind in gz zstd zstd:chunked; do
    rm -rf lacking
    layer-tar --root-dir big plan >s
    python3 - image-assemble --name a --format oci --layer-compressor $kind --jobs 8 --known known --output full-$kind s <<'END'
import resource, subprocess, sys
subprocess.run(sys.argv[1:], check=True)
found = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss
assert found < 32 << 10, found
END
    layer-tar --root-dir big --known known --layer-compressor $kind plan |
      image-assemble --name a --format oci --output lacking
    layer-serve --layout lacking --plan plan --known known --root-dir big --jobs 8 \
      sh -c 'cd lacking/blobs/sha256 && for f in *; do [ ! -p $f ] || cat $f >/dev/null & done; wait; cat /proc/$PPID/status' >status
    [ "$(awk '/^VmHWM/ { print $2 }' status)" -lt 32768 ]
  done
}

@test "skopeo reads an image whose layers are pipes" {
  serve skopeo --insecure-policy copy --quiet oci:lacking:1 docker-archive:found.tar:a:1
  skopeo --insecure-policy copy --quiet oci:full:1 docker-archive:want.tar:a:1
  export-image --from-image found.tar --output found --quiet 2>/dev/null || export-image --from-image found.tar --output found
  export-image --from-image want.tar --output want
  same want found
  nothing_left
}
