#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
# Images that a script had a hand in, on top of one that docker built and saved, run by docker and
# podman; in namespaces, and as a virtual machine makes them.
load ../helper
load ../vm
load clients

setup_file() {
  setup_path
  needs_root
  needs dockerd docker podman busybox jq qemu-system-x86_64
  export BASES=$BATS_FILE_TMPDIR/bases
  mkdir "$BASES"
  clients_start "$BATS_FILE_TMPDIR/clients"
  docker_start
  cd "$BASES" || return
  make_image
}

teardown_file() { clients_stop; }

# base.tar: several layers, with whiteouts, a replaced directory, a name with spaces
make_image() {
  mkdir -p base/etc
  echo root:x:0:0::/:/bin/sh >base/etc/passwd
  echo root:x:0: >base/etc/group
  make_base
  image-assemble --name ours --tag t <base.stream | docker load --quiet
  mkdir context
  cat >context/Dockerfile <<'E'
FROM ours:t
RUN mkdir '/a name' && echo kept >'/a name/with spaces' && echo gone >/gone && echo old >/data/old
RUN rm /gone && rm -r /data && mkdir /data && echo new >/data/new
RUN ln /data/new /data/again && chmod 4711 /bin/busybox && chown -R 5:6 '/a name'
CMD ["ls", "/data"]
E
  DOCKER_BUILDKIT=0 docker build --quiet --network host --cgroup-parent "/layerpipe-$CLIENTS_INIT" \
    --tag base:1 context
  docker save -o base.tar base:1
}

# engines COMMAND…: once in namespaces, once in a machine
engines() {
  local engine
  for engine in userns tcg; do
    echo "with $engine"
    "$@"
  done
}

# on IMAGE LINE… > IMAGE: with the layer that a script makes on top, by $engine
on() {
  local image=$1
  shift
  script "$@" >script
  make_empty
  { image-layers "$image"; cat empty.stream; } | vm-exec --engine "$engine" --script script >top.stream
  image-layers --config "$image" >config
  { image-layers "$image"; cat top.stream; } |
    image-assemble --name on --tag t --config config
}

# runs CLIENT IMAGE WANT COMMAND…: what its container says. Where what counts is the files in an image, one client is enough.
runs() {
  unseen "$2" "$1" "${@:4}" || return 0 # of the other engine
  $1 load --quiet -i "$PWD/$2" >loaded
  [ "$("${1}_run" "$(sed -n 's/^Loaded image: //p' loaded)" "${@:4}")" = "$3" ]
}

order() {
  on "$BASES/base.tar" 'echo -n a >>/layer-order' >1.tar
  on 1.tar 'echo -n b >>/layer-order' >2.tar
  on 2.tar 'echo -n c >>/layer-order' >3.tar
  runs docker 3.tar abc cat /layer-order
}
# Three machines, one after the other, are in root.bats.
@test "T25 three scripts, each on what the one before made" {
  engine=userns
  order
}

repeated() {
  image-layers "$BASES/base.tar" >all
  { cat all all; stream_of data/.wh.new; } | image-assemble --name twice --tag 1 >twice.tar
  on twice.tar 'cat "/a name/with spaces" >/found' 'echo x >/data/x' '! test -e /data/new' \
    '! test -e /gone' >out.tar
  runs podman out.tar "$(printf 'again\nx\nkept')" sh -c 'ls /data; cat /found'
}
@test "T26 layers that are there twice" { engines repeated; }

data() {
  local client
  on "$BASES/base.tar" 'mkdir -p /store' 'touch /example-file' 'rm /etc/motd' \
    'echo alice:x:1000:1000::/home/alice:/bin/sh >>/etc/passwd' 'mkdir -p /home/alice' \
    'chown alice:1000 /home/alice' \
    'test "$(stat -c %u:%g:%a "/a name" /bin/busybox | paste -sd " " -)" = "5:6:755 0:0:4711"' >out.tar
  for client in docker podman; do
    runs $client out.tar "$(printf '/example-file\n/store\n1000:1000')" \
      sh -c 'ls -d /store /example-file; stat -c %u:%g /home/alice; test ! -e /etc/motd'
  done
}
@test "T29 a directory, a file, a user" { engines data; }

@test "T30 what looks like shell is not read twice" {
  engine=userns
  # shellcheck disable=SC2016 # as it stands
  on "$BASES/base.tar" 'echo '\''echo "runAsRoot has (quotes) and $(dollars)"'\'' >"/out (1)"' 'cat "/out (1)"' >out.tar
  # shellcheck disable=SC2016
  runs podman out.tar 'echo "runAsRoot has (quotes) and $(dollars)"' cat '/out (1)'
}

# docker starts itself again for each layer that it loads: once, as the layers of both engines are the same
@test "125 layers, as many as docker takes" {
  local i engine layers=()
  for i in {1..123}; do layers+=(-- "deep/$i" "deep/.wh.$((i - 1))" "shallow/$i"); done
  stream_of "${layers[@]:1}" >many
  { cat "$BASES/base.stream" many; } | image-assemble --name deep --tag 1 >deep.tar
  for engine in userns tcg; do
    on deep.tar 'ls /deep >/found' 'ls /shallow | wc -l >>/found' >$engine.tar
    image-layers --list $engine.tar >$engine
  done
  same userns tcg
  [ "$(wc -l <tcg)" = 125 ]
  runs docker tcg.tar "$(printf '123\n123')" cat /found
}
