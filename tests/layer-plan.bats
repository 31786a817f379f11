#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
load helper

brute() { python3 "$TOP/tests/popularity.py" "$@"; }

setup() {
  setup_path
  made example example
}

# graph_of "NAME REFERENCE…"… >FILE: a graph of paths that are called by their names
graph_of() {
  local hash=/nix/store/00000000000000000000000000000000 line name refs
  for line; do
    read -r name refs <<<"$line"
    printf '%s-%s\t1\t-\t' $hash "$name"
    [ -z "$refs" ] || refs="$hash-${refs// / $hash-}"
    printf '%s\n' "${refs:-\e}"
  done
}

# popularity <GRAPH: "NAME POPULARITY" in the order of the plan
popularity() {
  layer-plan --strategy popularity --explain >explained || return
  sed 's/^[^-]*-//' explained | cut -f1,3 --output-delimiter=' '
}

# plans_as FILE COMMAND…: this is the plan, and nothing on stderr
plans_as() {
  local expected=$1
  shift
  "$@" >plan 2>err
  same plan "$expected"
  [ ! -s err ]
}

@test "plans the example" {
  layer-plan --strategy popularity --max-layers 3 example/graph >found
  lines '1\t/nix/store/1aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa-libc-2.36\t976\t-' \
    '2\t/nix/store/3cccccccccccccccccccccccccccccc3-hello.conf\t128\t-' \
    '3\t/nix/store/2bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb-shell-5.2\t472\t-' \
    '3\t/nix/store/4ddddddddddddddddddddddddddddddd-hello-1.0\t1416\t-' \
    '3\t/nix/store/5fffffffffffffffffffffffffffffff-hello-link\t200\t-' >expected
  cut -f1-3 found | sed 's/$/\t-/' >without-hash
  same without-hash expected
  cut -f2- found | sort >facts
  cut -f1-3 example/graph | same facts /dev/stdin
}

@test "popularity: the values that dockerTools gives" {
  graph_of 'A B G' 'B C E' 'C D E' 'D F' 'E F' 'F' 'G' >one
  popularity <one >found
  lines 'F 9' 'E 5' 'D 4' 'C 3' 'B 2' 'G 2' 'A 1' | same found /dev/stdin
  graph_of 'foo bar baz' 'bar baz' 'baz tux' 'tux' >two
  popularity <two >found
  lines 'tux 6' 'baz 4' 'bar 2' 'foo 1' | same found /dev/stdin
}

@test "random graphs: the plan that brute force makes" {
  brute check 400
}

@test "counts beyond 64 bits are exact" {
  brute diamonds 200 >graph
  brute plan 100 <graph >expected
  plans_as expected layer-plan --strategy popularity graph
  layer-plan --strategy popularity --explain <graph >explained
  cut -f2,4 --output-delimiter=' ' explained | cut -c45- | sort >found
  brute counts <graph | sort >expected
  same found expected
  [ "$(cut -d' ' -f2 found | sort -n | tail -1 | tr -d '\n' | wc -c)" -gt 60 ]
}

@test "more paths than fit into one pass are counted right" {
  python3 -c '
import random
rng = random.Random(7)
for i in range(700):
    refs = sorted({rng.randrange(max(0, i - 60), i) for _ in range(3)}) if i else []
    print("p%03d" % i, *("p%03d" % r for r in refs))' >names
  mapfile -t names <names
  graph_of "${names[@]}" >graph
  brute plan 100 <graph >expected
  plans_as expected layer-plan --strategy popularity graph
}

@test "every path once, and no more layers than asked for" {
  brute diamonds 40 >graph # 121 paths
  cut -f1 graph | sort >paths
  local budget
  for budget in 1 2 3 60 119 120 121 122 127; do
    layer-plan --strategy popularity --max-layers $((budget + 1)) --reserve 1 graph >plan
    cut -f2 plan | sort | same paths /dev/stdin
    [ "$(cut -f1 plan | uniq | tr '\n' ' ')" = \
      "$(seq $((budget < 121 ? budget : 121)) | tr '\n' ' ')" ]
    brute plan $budget <graph | same plan /dev/stdin
  done
}

@test "one path, one more and one less than there are layers" {
  local budget
  for budget in 4 5 6; do # of 5 paths
    layer-plan --strategy popularity --max-layers $budget example/graph >plan
    cut -f1 plan | uniq -c | tr -s ' ' >found
    if [ $budget = 4 ]; then
      lines ' 1 1' ' 1 2' ' 1 3' ' 2 4' | same found /dev/stdin
    else
      lines ' 1 1' ' 1 2' ' 1 3' ' 1 4' ' 1 5' | same found /dev/stdin
    fi
  done
}

@test "the order of the input lines and references makes no difference" {
  brute diamonds 30 >graph
  brute plan 100 <graph >expected
  shuf graph >lines
  plans_as expected layer-plan --strategy popularity lines
  awk -F'\t' -v OFS='\t' '{ n = split($4, r, " "); if (n == 2) $4 = r[2] " " r[1]; print }' \
    lines >turned
  run ! cmp -s lines turned
  plans_as expected layer-plan --strategy popularity turned
}

@test "self-references make no difference" {
  brute plan 100 <example/graph >expected
  awk -F'\t' -v OFS='\t' '{ $4 = $4 == "\\e" ? $1 : $4 " " $1; print }' example/graph |
    sed 's/\(\S*libc\S*\) \1$/\1/' >selfish
  run ! cmp -s example/graph selfish
  plans_as expected layer-plan --strategy popularity selfish
}

@test "another hash does not change the order" {
  brute plan 4 <example/graph | cut -f2 | cut -d- -f2- >expected
  sed 's/4ddddddddddddddddddddddddddddddd/0zzzzzzzzzzzzzzzzzzzzzzzzzzzzzzz/g' example/graph |
    sed 's/3cccccccccccccccccccccccccccccc3/00000000000000000000000000000000/g' >other
  layer-plan --strategy popularity --max-layers 4 other >plan
  cut -f2 plan | cut -d- -f2- >found
  same found expected
}

@test "equal ones go by name, and the hash decides last" {
  local store=/nix/store/0000000000000000000000000000000
  printf "%s\t1\t-\t\\\\e\n" ${store}4-foo ${store}1-foo-1 ${store}0-foo ${store}3-foo+x \
    ${store}2-foo.1 ${store}5-FOO >graph
  layer-plan --strategy popularity graph >plan
  cut -f2 plan | cut -c43- >found
  # a dash follows the name: + comes before it, . and 1 behind
  lines '5-FOO' '3-foo+x' '0-foo' '4-foo' '1-foo-1' '2-foo.1' | same found /dev/stdin
}

@test "what is not known stays unknown" {
  printf '/nix/store/00000000000000000000000000000000-a\t-\t-\t\\e\n' >graph
  layer-plan --strategy popularity graph >found
  lines '1\t/nix/store/00000000000000000000000000000000-a\t-\t-' | same found /dev/stdin
  layer-plan --strategy popularity --explain graph >found
  lines '1\t/nix/store/00000000000000000000000000000000-a\t-\t1\trank 1, a layer of its own' |
    same found /dev/stdin
}

@test "--explain tells the same plan, with reasons" {
  layer-plan --strategy popularity --max-layers 3 --explain example/graph >found
  cut -f1-3 found >plan
  layer-plan --strategy popularity --max-layers 3 example/graph >unexplained
  cut -f1-3 unexplained | same plan /dev/stdin
  cut -f4- found >reasons
  lines '4\trank 1, a layer of its own' '3\trank 2, a layer of its own' \
    '3\trank 3, shares the last layer' '2\trank 4, shares the last layer' \
    '1\trank 5, shares the last layer' | same reasons /dev/stdin
}

@test "sizes that add up to 2^64 bytes are refused" {
  local hash=/nix/store/0000000000000000000000000000000
  lines "${hash}1-a\t18446744073709551615\t-\t\\\\e" "${hash}2-b\t1\t-\t\\\\e" >graph
  fails 1 'layer-plan: graph: the sizes add up to 2^64 bytes or more' layer-plan graph
  fails 1 'layer-plan: graph: the sizes add up to 2^64 bytes or more' layer-plan --strategy popularity graph
}

@test "the limits of the options" {
  local hint="(see 'layer-plan --help')"
  fails 2 "layer-plan: --max-layers: '1': expected a number from 2 to 128 $hint" \
    layer-plan --max-layers 1 example/graph
  fails 2 "layer-plan: --max-layers: '129': expected a number from 2 to 128 $hint" \
    layer-plan --max-layers=129 example/graph
  fails 2 "layer-plan: at least 1 layer is required to store contents: --max-layers 4 less \
--reserve 4 leaves none $hint" layer-plan --max-layers 4 --reserve 4 example/graph
  fails 2 "layer-plan: at least 1 layer is required to store contents: --max-layers 100 less \
--reserve 4000000000 leaves none $hint" layer-plan --reserve 4000000000 example/graph
  fails 2 "layer-plan: --strategy: expected update-cost, size-first or popularity, \
found 'random' $hint" \
    layer-plan --strategy random example/graph
  layer-plan example/graph >expected
  plans_as expected layer-plan --strategy update-cost example/graph
}

@test "more than 125 layers are a warning" {
  layer-plan example/graph >expected
  plans_as expected layer-plan --max-layers 125 example/graph
  layer-plan --max-layers 126 example/graph >found 2>err
  same found expected
  echo 'layer-plan: warning: --max-layers 126: docker and others refuse images of more than 125' \
    'layers' | same err /dev/stdin
}

@test "an empty graph is an error unless it is allowed" {
  fails 1 'layer-plan: <stdin>: no paths to plan (--allow-empty makes an empty plan)' \
    layer-plan </dev/null
  layer-plan --allow-empty </dev/null >found 2>&1
  [ ! -s found ]
}

@test "a graph that is not complete or not a graph is refused" {
  local hash=/nix/store/00000000000000000000000000000000
  graph_of 'a b' >graph
  fails 1 "layer-plan: <stdin>:1: '$hash-a' refers to '$hash-b', which is not described: \
the closure is not complete" layer-plan <graph
  graph_of 'a b' 'b c' 'c a' >graph
  fails 1 "layer-plan: the references form a cycle: '$hash-a' -> '$hash-b' -> '$hash-c' -> \
'$hash-a'" layer-plan graph
  fails 1 "layer-plan: cannot open 'nowhere': No such file or directory" layer-plan nowhere
}

@test "a chain of 100,000 paths" {
  brute chain 100000 >graph
  timeout 20 layer-plan --strategy popularity --max-layers 3 graph >plan
  lines "1\t$(tail -1 graph | cut -f1)\t0\t-" "2\t$(tail -2 graph | head -1 | cut -f1)\t100\t-" \
    >expected
  head -2 plan | same expected /dev/stdin
  [ "$(cut -f1 plan | sort -n | uniq -c | tr -s ' ' | tr '\n' ,)" = ' 1 1, 1 2, 99998 3,' ]
}

# alike SIZES SHAPE: 1,000 paths, whose sizes and references awk reckons from i, and one that refers to all
alike() {
  awk -v OFS='\t' 'function path(i) { return sprintf("/nix/store/%032d-p", i) }
    BEGIN {
      for (i = 1; i <= 1000; i++) {
        print path(i), '"$1"', "-", '"$2"'
        all = all " " path(i)
      }
      print path(1001), 100, "-", substr(all, 2)
    }'
}

@test "paths of one size are planned as fast as others" {
  local strategy shape sizes alike other
  TIMEFORMAT=%U
  for shape in '"\\e"' 'i == 1 ? "\\e" : path(i - 1)' 'i % 3 ? "\\e" : path(i - 1)' 'i % 10 == 1 ? "\\e" : path(i - (i - 1) % 10)'; do
    alike '1000 + i * 7919 % 100003' "$shape" >different
    for strategy in popularity size-first update-cost; do
      other=$({ time layer-plan --strategy $strategy --max-layers 99 different >plan; } 2>&1)
      for sizes in 200 '100 + 100 * (i % 2)' 0; do
        alike "$sizes" "$shape" >graph
        alike=$({ time layer-plan --strategy $strategy --max-layers 99 graph >plan; } 2>&1)
        [ "$(wc -l <plan)" = 1001 ]
        awk -v alike="$alike" -v other="$other" 'BEGIN { exit !(alike <= 3 * other + 0.3) }' ||
          { echo "$strategy, $shape, $sizes: $alike s, but $other s where sizes differ" && return 1; }
      done
    done
  done
}
