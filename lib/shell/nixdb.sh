# SPDX-License-Identifier: MIT
# shellcheck shell=bash disable=SC2154,SC2034 # $tool, $share, $work, attr: from beside
# includeNixDB: Nix's database of the store paths that are in the image, so that Nix works in it.
#
#   nix_db_needs      before anything is built
#   nix_db LINES      $work/with-nixdb: these layerpipe-mtree(5) lines, the database of $work/graph, and roots for the
#                     garbage collector: ${roots[@]}
#
# Nix makes the database, below a root of its own. Of all that it makes there, only the database gets into the image:
# the rest is locks and names of this machine. The times in it are 1, and it is written anew, so that it is the same
# wherever it is made.

nix_db_needs() {
  local program
  [ "${attr[includeNixDB]}" = true ] || return 0
  for program in nix-store sqlite3; do need "$program" "${called[includeNixDB]}"; done
  [ "${attr[storeDir]}" = /nix/store ] ||
    usage "${called[includeNixDB]}: expected the store directory /nix/store, found '${attr[storeDir]}'"
  [ "${attr[includeStorePaths]-true}" = true ] ||
    usage "${called[includeNixDB]} and ${called[includeStorePaths]}: a database is of store paths that are there"
}

nix_db() {
  local db=$work/nixdb/nix/var/nix
  mkdir -p "$db"/{db,profiles,gcroots/docker} "$work/nix/nix/var/nix/db"
  nix_db_of_base
  registration >"$work/registration"
  nix_db_load
  cp -- "$work/nix/nix/var/nix/db/"{db.sqlite,schema} "$db/db"
  ln -s /nix/var/nix/profiles "$db/gcroots/profiles"
  nix_db_roots
  chmod -R u=rwX,go=rX "$work/nixdb"
  nix_db_lines >"$work/nixdb.lines"
  awk '
    pass == 1 { if (!/^#/) own[$1]; next }
    pass == 2 { if ($1 == "." || !($1 in own)) print; next }
    $1 != "." && !/^#/
  ' pass=1 "$work/nixdb.lines" pass=2 "$1" pass=3 "$work/nixdb.lines" >"$work/with-nixdb"
}

# Whom the store belongs to, or the other files.
nix_db_lines() {
  local owner=${attr[uid]}:${attr[gid]} root=([0]=root)
  owner+=:${attr[uname]-${root[attr[uid]]-}}:${attr[gname]-${root[attr[gid]]-}}
  tree-list --owner "$owner" --mtime "${attr[mtime]}" "$work/nixdb"
}

# What the base has registered stays so.
nix_db_of_base() {
  local name found dir=./nix/var/nix/db
  [ "$base_layers" != 0 ] || return 0
  base_files
  found=$(awk -v dir="$dir" '$1 == dir "/db.sqlite" || $1 == dir "/schema" { print $1, $2 }' "$work/base.files")
  [[ $found == *"$dir/db.sqlite "* ]] || return 0
  # Nix would follow a link
  for name in db.sqlite schema; do
    [[ $'\n'$found$'\n' == *$'\n'"$dir/$name type=file"$'\n'* ]] ||
      fail "${called[includeNixDB]}: '$base_name': '${dir#.}/$name' is not a file"
  done
  base_layer | layer-flatten | (cd -- "$work/nix" && exec tar -xf - --no-same-owner "$dir/db.sqlite" "$dir/schema")
  chmod -R u+rwX "$work/nix"
}

# As nix-store --load-db reads it.
registration() {
  local lines
  lines_twice "$work/graph"
  [[ " ${lines[*]}" != *$'\t-\t'* ]] ||
    fail "${called[includeNixDB]} needs a closure with NAR hashes and sizes, such as that of nix path-info --json"
  [ ${#lines[@]} = 0 ] || printf '%s\n' "${lines[@]}" | awk -F '\t' '
    {
      n = $4 == "\\e" ? 0 : split($4, reference, " ")
      print $1 "\n" $3 "\n" $2 "\n\n" n
      for (i = 1; i <= n; i++)
        print reference[i]
    }'
}

nix_db_load() {
  local root reason
  nix_db_uri "$work/nix"
  reason=$(NIX_REMOTE="local?root=$root" NIX_CONF_DIR=$work/nix NIX_CONFIG='build-users-group =' USER=nobody \
    exec nix-store --load-db <"$work/registration" 2>&1) || fail "${called[includeNixDB]}: nix-store: ${reason##*$'\n'}"
  reason=$(exec sqlite3 "$work/nix/nix/var/nix/db/db.sqlite" 'PRAGMA wal_checkpoint(TRUNCATE); PRAGMA journal_mode = DELETE;
    UPDATE ValidPaths SET registrationTime = 1; VACUUM;' 2>&1) || fail "${called[includeNixDB]}: sqlite3: $reason"
}

# nix_db_uri FILE: sets root to its name in a URI
nix_db_uri() {
  local char i
  root=
  for ((i = 0; i < ${#1}; i++)); do
    char=${1:i:1}
    [[ $char == [A-Za-z0-9/_.-] ]] || printf -v char '%%%02X' "'$char"
    root+=$char
  done
}

nix_db_roots() {
  local root
  for root in "${roots[@]}"; do
    ln -sfn -- "$root" "$db/gcroots/docker/${root##*/}"
  done
}
