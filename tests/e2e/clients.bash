# SPDX-License-Identifier: MIT
# shellcheck shell=bash
#
# Real clients, in a world of their own: a mount, pid and network namespace in which /etc is an
# overlay and /run is empty. Whatever a client writes or leaves running goes away with it, and its
# network is a loopback nobody else sees. Needs root.

# clients_start DIR: everything that clients store lies in DIR (exported as CLIENTS)
clients_start() {
  export CLIENTS=$1 CLIENTS_INIT
  mkdir -p "$CLIENTS"/{etc,etc.work,podman,docker}
  mkfifo "$CLIENTS/ready"
  # shellcheck disable=SC2016 # expanded inside
  unshare --mount --pid --fork --kill-child --mount-proc --net bash -euc '
    busybox mount -t overlay -o "lowerdir=/etc,upperdir=$CLIENTS/etc,workdir=$CLIENTS/etc.work" etc /etc
    busybox mount -t tmpfs run /run
    mkdir /run/lock
    busybox ip link set lo up
    echo ready >"$CLIENTS/ready"
    exec sleep infinity' >"$CLIENTS/log" 2>&1 3>&- &
  timeout 10 cat "$CLIENTS/ready" >/dev/null || { cat "$CLIENTS/log" >&2 && return 1; }
  # the first process inside is the only child of unshare; the file has no newline
  read -r CLIENTS_INIT _ <"/proc/$!/task/$!/children" || [ -n "$CLIENTS_INIT" ]
  podman_configure
}

# Ends every process in the namespaces; the mounts go with the last of them.
clients_stop() {
  [ -n "${CLIENTS_INIT:-}" ] || return 0
  kill -KILL "$CLIENTS_INIT"
  while [ -d "/proc/$CLIENTS_INIT" ]; do sleep 0.05; done
  find /sys/fs/cgroup -depth -path "*/layerpipe-$CLIENTS_INIT*" -type d -exec rmdir {} +
}

# inside COMMAND…: runs it in the namespaces
inside() { nsenter --target "$CLIENTS_INIT" --mount --pid --net --wdns="$PWD" -- "$@"; }

# --- docker: a daemon of our own ---

# It starts itself again for each layer that it loads; a third of that is the collection of garbage, which GOGC puts off.
docker_start() {
  local i
  nsenter --target "$CLIENTS_INIT" --mount --pid --net -- env GOGC=1000 dockerd --data-root "$CLIENTS/docker/root" \
    --exec-root /run/docker --pidfile /run/docker.pid --host "unix://$CLIENTS/docker/sock" \
    --storage-driver overlay2 --iptables=false --ip6tables=false --bridge=none --ip-forward=false \
    >"$CLIENTS/docker/log" 2>&1 3>&- &
  for ((i = 0; i < 300; i++)); do
    ! docker version >/dev/null 2>&1 || return 0
    sleep 0.1
  done
  tail "$CLIENTS/docker/log" >&2
  return 1
}

docker() { command docker --host "unix://$CLIENTS/docker/sock" "$@"; }

# without a network of its own: for one, docker starts itself once more
docker_run() { docker run --rm --network host --cgroup-parent "/layerpipe-$CLIENTS_INIT" "$@"; }

# --- podman ---

# runc and few open files: works where cgroups are hybrid and limits can not be raised
podman_configure() {
  cat >"$CLIENTS/podman/containers.conf" <<'C'
[containers]
default_ulimits = ["nofile=1024:1024", "nproc=1024:1024"]
[engine]
runtime = "runc"
cgroup_manager = "cgroupfs"
events_logger = "none"
C
}

podman() {
  inside env "CONTAINERS_CONF=$CLIENTS/podman/containers.conf" podman --root "$CLIENTS/podman/root" \
    --runroot "$CLIENTS/podman/run" --storage-driver overlay "$@"
}

podman_run() { podman run --rm --network host --cgroup-parent "/layerpipe-$CLIENTS_INIT" "$@"; }

# unseen FILE [WORD…]: true the first time in a test file that an image of these very bytes comes,
# to be run with these words: a client would make the same of it again
unseen() {
  local it
  it=$({ cat "$1" && printf '%s\0' "${@:2}"; } | sha256sum)
  ! grep -qsF "$it" "$BATS_FILE_TMPDIR/seen" || return 1
  echo "$it" >>"$BATS_FILE_TMPDIR/seen"
}

# --- skopeo, umoci, runc ---

# skopeo_check ARCHIVE DIR: copies the image; every diff ID is checked on the way.
skopeo_check() {
  rm -rf "$2"
  skopeo copy -q "docker-archive:$1" "dir:$2"
}

# umoci_run ARCHIVE DIR: unpacks the image below DIR and runs what it is configured to run
umoci_run() {
  mkdir -p "$2"
  skopeo copy -q "docker-archive:$1" "oci:$2/oci:image"
  umoci unpack --image "$2/oci:image" "$2/bundle" >"$2/log" 2>&1 || { cat "$2/log"; return 1; }
  jq --arg group "/layerpipe-$CLIENTS_INIT/umoci" '.process.terminal = false | .linux.cgroupsPath = $group' \
    "$2/bundle/config.json" >"$2/config.json"
  mv "$2/config.json" "$2/bundle/config.json"
  inside runc --root /run/runc run --bundle "$2/bundle" "layerpipe-$BATS_TEST_NUMBER"
}
