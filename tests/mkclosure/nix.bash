# SPDX-License-Identifier: MIT
# shellcheck shell=bash
# nix_store DIR: from here on Nix works in a store of its own below DIR (a chroot store: the paths
# are /nix/store/…, the files lie in DIR/nix/store), without daemon, network or the user's settings.
nix_store() {
  local dir host=
  mkdir -p "$1/home"
  # what builders see of the machine, where it is there
  for dir in /bin /lib /lib32 /lib64 /libx32 /usr /boot /etc/alternatives /var/lib/dpkg; do
    [ ! -e "$dir" ] || host+=" $dir"
  done
  unset NIX_PATH NIX_STORE_DIR NIX_STATE_DIR NIX_LOG_DIR NIX_CONF_DIR NIX_USER_CONF_FILES
  export NIX_REMOTE=$1 HOME=$1/home XDG_CACHE_HOME=$1/home/cache
  export NIX_CONFIG="build-users-group =
sandbox = false
extra-sandbox-paths =$host
substitute = false
substituters =
max-jobs = auto
experimental-features = nix-command"
}
