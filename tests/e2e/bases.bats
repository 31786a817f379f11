#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
# Images as real programs write them: taken apart, image-layers says of them what their makers say,
# and put together again they are what they were.
load ../helper
load clients

setup_file() {
  setup_path
  needs_root
  needs dockerd docker podman skopeo umoci busybox jq
  export BASES=$BATS_FILE_TMPDIR/bases
  mkdir "$BASES"
  clients_start "$BATS_FILE_TMPDIR/clients"
  docker_start
  cd "$BASES" || return
  make_base
  save_bases
}

teardown_file() { clients_stop; }

# An image that docker built on one of ours, with steps that make no layer, or change those below
make_base() {
  mkdir -p root/bin context
  cp "$(command -v busybox)" root/bin/
  for applet in sh cat ls rm mkdir; do ln -s busybox "root/bin/$applet"; done
  tar -C root --owner 0 --group 0 -cf layer.tar bin
  tar -cf layers.tar layer.tar
  image-assemble --name ours --tag t <layers.tar | docker load --quiet
  echo 'said by a file' >context/words
  cat >context/Dockerfile <<'E'
FROM ours:t
ENV A=b TAB="	-"
RUN mkdir /data && echo one >/data/one && echo two >/data/two
RUN rm /data/one && rm -r /bin/ls
COPY words /data/
LABEL org.example.label="with \"quotes\" and \\ "
EXPOSE 80 53/udp
VOLUME /volume
USER 1:1
WORKDIR /data
STOPSIGNAL SIGINT
HEALTHCHECK --interval=5s CMD true
SHELL ["/bin/sh", "-e", "-c"]
ENTRYPOINT ["/bin/cat"]
CMD ["words", "two"]
E
  DOCKER_BUILDKIT=0 docker build --quiet --network host --cgroup-parent "/layerpipe-$CLIENTS_INIT" \
    --tag base:1 context
  printf '%s\n' 'said by a file' two >said
}

# every form in which a program gives it away
save_bases() {
  docker tag base:1 registry.example:5000/team/base:2
  docker save -o docker.tar base:1 registry.example:5000/team/base:2
  docker save base:1 | gzip >docker.tar.gz
  skopeo copy -q docker-archive:docker.tar:base:1 docker-archive:skopeo.tar:base:1
  skopeo copy -q docker-archive:skopeo.tar oci:skopeo-oci:1
  skopeo copy -q docker-archive:skopeo.tar oci-archive:skopeo-oci.tar:base:1
  skopeo copy -q --dest-compress-format zstd docker-archive:skopeo.tar oci:skopeo-zstd:1
  podman load --quiet -i "$BASES/skopeo.tar"
  podman save --quiet --format docker-archive -o "$BASES/podman.tar" base:1
  podman save --quiet --format oci-archive -o "$BASES/podman-oci.tar" base:1
  podman save --quiet --format oci-dir -o "$BASES/podman-oci" base:1
  podman save --quiet --format docker-dir --compress -o "$BASES/podman-dir" base:1
  cp -r skopeo-oci umoci
  umoci insert --image umoci:1 --tag 2 --history.comment 'by umoci' context/words /data/three
  umoci config --image umoci:2 --author me --config.env C=d
}

setup() {
  setup_path
  [ ! -d "$BASES" ] || ln -s "$BASES"/* .
}

# diff_ids CONFIG
diff_ids() { jq -r '.rootfs.diff_ids[]' "$1"; }

# takes_apart FILE SKOPEO-NAME [OPTION…]: the layers are those that skopeo tells, their bytes too; and
# the image assembled again, again.tar, has them and runs the same configuration
takes_apart() {
  local file=$1 name=$2
  shift 2
  skopeo inspect --config --raw "$name" >theirs
  diff_ids theirs >want
  [ "$(wc -l <want)" -ge 4 ]
  image-layers --list "$@" "$file" | cut -f 1 >found
  same want found
  image-layers "$@" "$file" >stream
  image-layers --config "$@" "$file" >config
  image-assemble --name again --tag t --config config <stream >again.tar
  skopeo_check again.tar dir
  cp "dir/$(jq -r '.config.digest[7:]' dir/manifest.json)" again
  jq -S "$comparable" theirs >want
  jq -S "$comparable" again >found
  same want found
}

# A configuration without what means nothing, or is of whoever built it
# shellcheck disable=SC2016
comparable='{created, author, architecture, os, config, rootfs, history}
  | del(.history[].empty_layer | select(. == false))
  | walk(if type == "object" then with_entries(select(.value | IN(null, "", [], {}) | not)) else . end)'

# loads_and_runs: again.tar, in docker and podman
loads_and_runs() {
  unseen again.tar || return 0
  docker load --quiet -i again.tar
  docker_run again:t >found
  same "$BASES/said" found
  docker history -q again:t | wc -l >found
  docker history -q base:1 | wc -l | diff - found
  podman load --quiet -i "$PWD/again.tar"
  podman_run again:t >found
  same "$BASES/said" found
}

@test "docker save" {
  takes_apart docker.tar docker-archive:docker.tar:base:1
  docker image inspect base:1 | jq -r '.[0].RootFS.Layers[]' >want
  diff_ids again | same want -
  loads_and_runs
  lines base:1 registry.example:5000/team/base:2 >want
  image-layers --repo-tags docker.tar >found
  same want found
  takes_apart docker.tar docker-archive:docker.tar:registry.example:5000/team/base:2 \
    --image registry.example:5000/team/base:2
  docker image inspect base:1 | jq -S '.[0].Config' >want
  docker image inspect again:t | jq -S '.[0].Config' >found
  jq 'del(.Image, .Hostname)' want >want.2
  jq 'del(.Image, .Hostname)' found >found.2
  same want.2 found.2
}

@test "docker save | gzip" {
  takes_apart docker.tar.gz docker-archive:docker.tar:base:1
  image-layers - < <(cat docker.tar.gz) >piped
  same stream piped
}

@test "skopeo copy to docker-archive, oci and oci-archive" {
  takes_apart skopeo.tar docker-archive:skopeo.tar
  loads_and_runs
  [ "$(image-layers --repo-tags skopeo.tar)" = docker.io/library/base:1 ]
  takes_apart skopeo-oci oci:skopeo-oci:1
  takes_apart skopeo-oci oci:skopeo-oci:1 --image base:1
  takes_apart skopeo-oci.tar oci-archive:skopeo-oci.tar:base:1 --image base:1
  loads_and_runs
}

@test "skopeo copy to zstd" {
  image-layers --list skopeo-zstd | cut -f 3 | sort -u >found
  takes_apart skopeo-zstd oci:skopeo-zstd:1
}

@test "podman save: docker-archive, oci-archive, oci-dir" {
  takes_apart podman.tar docker-archive:podman.tar
  loads_and_runs
  takes_apart podman-oci.tar oci-archive:podman-oci.tar
  loads_and_runs
  takes_apart podman-oci oci:podman-oci
}

@test "podman save to docker-dir, which is the form that skopeo calls dir:" {
  takes_apart podman-dir dir:podman-dir
  loads_and_runs
  skopeo copy -q dir:podman-dir oci:from-dir:1
  takes_apart from-dir oci:from-dir:1
}

@test "umoci" {
  takes_apart umoci oci:umoci:1 --image 1
  takes_apart umoci oci:umoci:2 --image base:2
  grep -qx 'author	me' config
  grep -qx 'Env	C=d' config
  grep -q '^history	.*	by umoci	-$' config
  [ "$(image-layers --repo-tags umoci | sort | paste -sd ' ')" = '1 2' ]
}

@test "the tree is what podman mounts" {
  podman image mount base:1 >mounted
  (inside bash -c 'cd "$1" && find . -printf "%p %y %m %U:%G %s %l\n"' _ "$(cat mounted)") |
    sed -E 's/ d ([0-7]+) ([0-9:]+) [0-9]+/ d \1 \2 -/' | sort >want
  podman image unmount base:1 >/dev/null
  for file in docker.tar skopeo-oci umoci; do
    image-layers --files "$file" | python3 -c '
import re, sys
for line in sys.stdin:
    name, *words = line.split()
    word = dict(w.split("=", 1) for w in words)
    kind = {"dir": "d", "file": "f", "link": "l"}[word["type"]]
    size = {"d": "-", "f": word.get("size"), "l": len(word.get("link", ""))}[kind]
    print(name, kind, "%o" % int(word["mode"], 8), word["uid"] + ":" + word["gid"], size, word.get("link", ""))
' | sort >found
    grep -v '^\. ' want >want.below
    grep -v '^\. ' found >found.below
    same want.below found.below
  done
}
