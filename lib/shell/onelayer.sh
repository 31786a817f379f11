# SPDX-License-Identifier: MIT
# shellcheck shell=bash disable=SC2154,SC2034 # $tool, $share, $work, attr: from beside
# Images of one layer: copyToRoot and the store paths that it needs.
#
#   onelayer_start TOOL ARGUMENT…   reads and checks the attributes
#   onelayer_image [OPTION…]        writes the image; the options are image-assemble's
#   layers_write [OPTION…]          the same once more
#
# The layer is layerpipe-mtree(5) lines all the way: $work/root is what stands in the image's root,
# $work/store its closure, $work/layer both. Nothing is copied unless commands are to change it.

# shellcheck source=/dev/null
. "$share/image.sh"
. "$share/base.sh"
. "$share/closure.sh"
. "$share/commands.sh"
. "$share/steady.sh"
. "$share/asroot.sh"
. "$share/nixdb.sh"
. "$share/preset.sh"

session+=(root_commands)

onelayer_start() {
  image_start "$@"
  as_root_needs
  nix_db_needs
  old_contents
  contents_find copyToRoot
  preset_needs
  something_given runAsRoot
}

# contents is what copyToRoot was called once.
old_contents() {
  [ ${#list_contents[@]} != 0 ] || return 0
  [ ${#list_copyToRoot[@]} = 0 ] || usage "${called[contents]} and ${called[copyToRoot]}: expected ${called[copyToRoot]} alone"
  message "warning: ${called[contents]} is deprecated: use ${called[copyToRoot]}"
  list_copyToRoot=("${list_contents[@]}")
  called[copyToRoot]=${called[contents]}
}

onelayer_image() {
  local times=(--mtime "${attr[mtime]}")
  image_config
  base_open
  layers_warn
  base_config
  base_files
  closure_open
  root_lines
  store_lines
  layer_lines >"$work/layer"
  layers_write "$@"
}

layers_write() {
  local layers=()
  [ "$base_layers" = 0 ] || layers=(base_known_layer)
  image_of "${layers[@]}" own_layer unchanged -- --expect-layers $((base_layers + 1)) "$@"
}

# nixpkgs has no limit here.
layers_warn() {
  ((base_layers < 125)) || message "warning: the image has $((base_layers + 1)) layers: docker and others refuse more than 125"
}

own_layer() {
  exec layer-tar --mtree "$work/layer" "${base_onto[@]}" --comment 'contents and their closure'
}

# The trees of copyToRoot, merged, then what the commands make of them.
root_lines() {
  local trees=() tree links=() owner="${attr[uid]}:${attr[gid]}" uname='' gname=''
  [ "${attr[uid]}" != 0 ] || uname=root
  [ "${attr[gid]}" != 0 ] || gname=root
  owner+=:$uname:$gname
  for tree in "${contents[@]}"; do
    ! in_store "$tree" || tree=${attr[rootDir]}$tree
    trees+=("$tree")
  done
  [ ${#trees[@]} != 0 ] || empty_tree
  root_links
  stamped "${called[copyToRoot]}" "${links[@]}"
  listed "${called[copyToRoot]}" copied tree-list "${times[@]}" --owner "$owner" "${links[@]}" -- "${trees[@]}"
  store_modes 0555 <"$work/copied" >"$work/root"
  if [ -n "${attr[preset]}" ]; then
    preset_add "$work/root"
    workdir rename "$work/with-preset" "$work/root"
  fi
  if [ -n "${attr[runAsRoot]}" ]; then
    as_root
    workdir rename "$work/listed" "$work/root"
    base_onto=(--onto "$work/after") # which has what the script made of the base's links
  elif [ -n "${attr[extraCommands]}" ]; then
    confined root_files root_commands >"$work/said"
    tree-list --allow-whiteouts "${times[@]}" --owner "$owner" "$work/tree" | root_mode >"$work/found"
    keep_attributes "$work/root" <"$work/found" >"$work/root.new"
    workdir rename "$work/root.new" "$work/root"
  fi
  [ -s "$work/root" ] || fail "cannot list ${called[copyToRoot]}"
}

empty_tree() {
  trees=("$work/empty")
  mkdir -m 755 "${trees[@]}"
}

root_files() { layer-tar --bare --mtree "$work/root"; }

root_commands() {
  unpack
  run extraCommands "$BASH"
}

# Sets links: what links to directories are, as to rsync -k, or rsync -K.
root_links() {
  links=(--follow-dirlinks --store-dir "${attr[storeDir]}")
  [ "${attr[keepContentsDirlinks]}" = false ] || links=(--keep-dirlinks)
  [ -z "${attr[rootDir]}" ] || links+=(--root-dir "${attr[rootDir]}")
}

# The closure of what configuration and root mention, at its place.
store_lines() {
  mentions "$work/root" "$work/config" >"$work/mentioned"
  end_mark >>"$work/mentioned"
  closure_cut "$work/mentioned"
  closure_unknown
  if [ "${attr[includeNixDB]}" = true ]; then
    nix_db "$work/root"
    workdir rename "$work/with-nixdb" "$work/root"
  fi
  listed "${called[storeDir]}" store store_listing
  [ -s "$work/store" ] || [ ! -s "$work/graph" ] || fail 'cannot list the store paths'
}

store_listing() {
  local lines i most=256 # as many as fit into a command line
  lines_twice "$work/graph"
  lines=("${lines[@]%%$'\t'*}")
  for ((i = 0; i < ${#lines[@]}; i += most)); do
    tree-list --in-place --root-dir "${attr[rootDir]:-/}" "${times[@]}" --owner 0:0:root:root -- "${lines[@]:i:most}" || return
  done
}

# Both, each name once: what the root has goes before the store's, but for the store directory and
# those that lead there. What of the store is in the base stays out, directories where nothing that
# is below them comes.
layer_lines() {
  local slashes=${attr[storeDir]//[^\/]/}
  awk -v depth=${#slashes} '
    function parts(name) { return gsub("/", "/", name) }
    function put(name, line) { if (!(name in there)) print line; there[name] }
    /^#/ { next }
    pass == 1 { store[$1]; next }
    pass == 2 { if ($1 in store) held[$1]; next }
    pass == 3 { if ($1 == "." || !($1 in store) || parts($1) > depth) put($1, $0); next }

    { while (n && index($1, name[n] "/") != 1) n-- }
    / type=dir / { name[++n] = $1; line[n] = $0 }
    !($1 in held) {
      for (i = 1; i <= n; i++)
        put(name[i], line[i])
      put($1, $0)
    }
  ' pass=1 "$work/store" pass=2 "$work/base.files" pass=3 "$work/root" pass=4 "$work/store"
}
