#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
# make install, uninstall and dist
load helper

# Make as a user calls it, on what is built already
make_it() { make -s -C "$TOP" BUILD="$BUILD" DEPS=check "$@"; }

setup() {
  setup_path
  tools=()
  local tool
  for tool in "$TOP"/bin/*.c "$TOP"/pipelines/*; do
    tool=${tool##*/}
    [[ $tool == *.nix ]] || tools+=("${tool%.c}")
  done
}

@test "install puts every program, page and shared file in its place" {
  make_it all
  umask 077
  make_it install DESTDIR="$PWD/stage dir" PREFIX=/opt/layerpipe
  cd "stage dir/opt/layerpipe"
  mkdir -p want/man/man{1,5,7} want/layerpipe
  find bin -type f -printf '%f %m\n' | sort >want/found
  printf '%s 755\n' "${tools[@]}" | sort >want/programs
  same want/programs want/found
  all_same "$TOP/lib/shell/layerpipe.bash" "${tools[@]/#/share/bash-completion/completions/}"
  for section in 1 5 7; do cp "$TOP"/man/*.$section want/man/man$section; done
  diff -r want/man share/man
  cp "$TOP"/lib/shell/*.{sh,tsv,awk} "$TOP"/lib/jq/*.jq want/layerpipe
  diff -r want/layerpipe share/layerpipe
  rm -r want
  for file in guest workdir; do
    cmp "$BUILD/libexec/layerpipe/$file" "libexec/layerpipe/$file"
  done
  run find . -type f ! -perm 644 ! -path './bin/*' ! -path './libexec/*'
  [ -z "$output" ]
}

@test "installed filters run, and read their shared files from there" {
  make_it install PREFIX="$PWD/prefix"
  local tool
  for tool in "${tools[@]}"; do
    env -i PATH="/usr/bin:/bin" "$PWD/prefix/bin/$tool" --version >found
    [[ $(<found) == "$tool (layerpipe) "[0-9]* ]]
  done
}

@test "uninstall leaves nothing behind, and nothing else is touched" {
  mkdir -p prefix/bin
  echo mine >prefix/bin/other
  make_it install PREFIX="$PWD/prefix"
  [ "$(find prefix -type f | wc -l)" -gt 2 ]
  make_it uninstall PREFIX="$PWD/prefix"
  [ "$(find prefix -type f)" = prefix/bin/other ]
  [ ! -e prefix/share/layerpipe ] && [ ! -e prefix/libexec/layerpipe ]
}

# sources DIR: a copy of what belongs to the project
sources() {
  mkdir "$1"
  (cd "$TOP" && tests/sources | tar -cf - --verbatim-files-from -T -) | tar -C "$1" -xf -
}

@test "dist is the same from a checkout, a copy, and its own tarball" {
  needs git
  sources one
  git -C one init -q
  git -C one add -A
  (umask 077 && sources two)
  make -s -C one dist >/dev/null
  TZ=Asia/Tokyo make -s -C two dist >/dev/null
  same one/layerpipe-*.tar.gz two/layerpipe-*.tar.gz
  tar -xzf one/layerpipe-*.tar.gz
  make -s -C layerpipe-[0-9]* dist >/dev/null
  same one/layerpipe-*.tar.gz layerpipe-[0-9]*/layerpipe-*.tar.gz
  tar -tzf one/layerpipe-*.tar.gz | sed 's,^[^/]*/,,' | LC_ALL=C sort >found
  "$TOP/tests/sources" | same found /dev/stdin
}

@test "make help names the targets that the Makefile documents" {
  run -0 make -s -C "$TOP" help
  [[ $output == "make            builds"*$'\n'"make help "*uninstall* ]]
}

@test "tests/deps names what is missing: for one file what that file needs, else what all need" {
  local program missing
  mkdir few
  for program in bash cat dirname id paste sed sort tr; do ln -s "$(type -P "$program")" few; done
  missing() {
    ! env PATH="$PWD/few" bash "$TOP/tests/deps" check test "$@" >out 2>err
    [ ! -s out ] && [ "$(wc -l <err)" = 2 ]
    missing=$(sed -n 's/^layerpipe: missing here: \(.*\)/ \1 /p' err)
  }
  missing "$TOP/tests/layer-plan.bats"
  [[ $missing == *' bats '* && $missing != *@(docker|qemu|clang)* ]]
  missing "$TOP/tests/e2e/bases.bats"
  [[ $missing == *' docker.io '*' skopeo umoci '* && $missing != *@(qemu|clang)* ]]
  missing
  [[ $missing == *' clang '*' docker.io '*' nix-bin '*' podman '*' qemu-system-x86 '* ]]
}
