#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
# layer-plan beyond popularity: size-first, update-cost, pipelines, and their files.
load helper

model() { python3 "$TOP/tests/strategies.py" "$@"; }

setup() {
  setup_path
  made example .
}

# names_in PLAN: "LAYER NAME" of each path
names_in() { cut -f1,2 "$1" | sed -E 's,\t/nix/store/.{33}, ,'; }

cost() { layer-plan --strategy update-cost "$@"; }

sci() {
  gzip -dc "$TOP/tests/fixtures/graphs/sci.json.gz" >sci.json
  closure-graph sci.json
}

@test "update-cost on random graphs: what merging step by step gives" { model update-cost 150; }

@test "size-first on random graphs: what its definition gives" { model size-first 150; }

@test "pipelines on random graphs: what the operations' definitions give" { model pipeline 150; }

@test "shuffled input and other hashes: the same plan" { model same 60; }

@test "a new leaf changes one layer at the most" { model leaf 60; }

@test "a real closure: every path once, no more layers than asked for" {
  local strategy budget
  sci >sci
  cut -f1 sci >paths
  for strategy in size-first update-cost; do
    for budget in 1 2 24 99 127; do
      layer-plan --strategy $strategy --max-layers $((budget + 1)) --reserve 1 sci >plan 2>err
      cut -f2 plan | sort | same paths /dev/stdin
      [ "$(cut -f1 plan | uniq | tail -1)" -le $budget ]
      [ ! -s err ] || [ $budget = 127 ]
    done
  done
}

@test "the figures of the bench hold" {
  BENCH_YEARS=1 python3 "$TOP/tests/bench/plans.py" 99 >table
  awk '/^[a-z]/ { name = $1 } /^ +--/ { name = $1 $2 } $0 ~ "update  " { print name, $(NF - 1) }' table >found
  # sci; size-first and popularity are there
  awk '$1 == "update-cost" && $2 <= 1.02 { ok++ } $1 == "size-first" && $2 > 1.1 { ok++ } END { exit ok != 2 }' found
  awk '/^update-cost/ { on = 1 } on && $1 == "sequence" { for (i = 2; i < 7; i++) if ($i > 1.02) exit 1; n++; exit }
    END { exit n != 1 }' table
}

@test "size-first: small layers are merged where a least size is asked for" {
  layer-plan --strategy size-first --min-layer-size 400 graph >plan
  awk -F '\t' '{ size[$1] += $3 } END { for (l in size) if (size[l] < 400) exit 1 }' plan
  cut -f2 plan | sort | same paths /dev/stdin
}

@test "more than the whole as least size: one layer" {
  cost --min-layer-size 18446744073709551615 graph >plan
  [ "$(cut -f1 plan | uniq)" = 1 ]
  cut -f2 plan | sort | same paths /dev/stdin
}

@test "--explain tells the same plan, with reasons" {
  printf 'text\thello*\n' >groups
  cost --max-layers 3 --group groups graph >plan
  cost --max-layers 3 --group groups --explain graph >explained
  cut -f1-3 plan >expected
  cut -f1-3 explained | same expected /dev/stdin
  cut -f4- explained | sort >found
  lines '1\ta layer of its own, in 1 of 5 updates' '1\twith 2 others, group text, in 5 of 5 updates' \
    '2\ta layer of its own, in 2 of 5 updates' '4\twith 2 others, group text, in 5 of 5 updates' \
    '5\twith 2 others, group text, in 5 of 5 updates' | same found /dev/stdin
}

@test "weights: what never changes shares a layer with the others for nothing" {
  # three alike, two of which never change
  local hash=/nix/store/00000000000000000000000000000000
  printf '%s\t100\t-\t\\e\n' $hash-a $hash-b $hash-c >three
  lines 'b\t0' 'c\t0' 'unknown\t1000000' >weights
  cost --sharing 0 --max-layers 2 --weights weights three >plan
  names_in plan >found
  lines '1 b' '1 c' '2 a' | same found /dev/stdin
  lines 'a\t0' 'b\t0' >weights
  cost --sharing 0 --max-layers 2 --weights weights three >plan
  names_in plan >found
  lines '1 a' '1 b' '2 c' | same found /dev/stdin
  : >weights
  cost --max-layers 2 three >expected
  cost --max-layers 2 --weights weights three | same expected /dev/stdin
}

@test "weights: one name stands for all paths of its source" {
  local hash=/nix/store/00000000000000000000000000000000
  printf '%s\t100\t-\t\\e\n' $hash-a-1.0.0 $hash-a-1.0.0-bin $hash-b >three
  echo 'a-1.0.0	0' >weights
  cost --weights weights --explain three | cut -f 2,4 | sed 's/^[^-]*-//' | sort >found
  lines 'a-1.0.0\t0' 'a-1.0.0-bin\t0' 'b\t1' | same found /dev/stdin
}

@test "groups: together, alone, by name and by path; the first line counts" {
  lines '-\thello.*' 'lower\tlibc*' 'lower\t/nix/store/2*' 'nobody\tnothing*' '-\t*bc*' >groups
  cost --group groups --max-layers 3 graph >plan
  names_in plan | sort -k 2 >found
  local lower other
  lower=$(sed -n 's/ libc-2.36//p' found) other=$(sed -n 's/ hello-1.0//p' found)
  lines "$other hello-1.0" "$other hello-link" "$(grep -o '^[0-9] hello.conf' found)" "$lower libc-2.36" \
    "$lower shell-5.2" | same found /dev/stdin
  [ "$(cut -d ' ' -f 1 found | sort -u | wc -l)" = 3 ]
  layer-plan --strategy size-first --group groups --max-layers 3 graph >plan
  names_in plan | sort -k 2 | cut -d ' ' -f 2 >names
  cut -d ' ' -f 2 found | same names /dev/stdin
}

@test "groups: by source, for paths with other names; the first line counts" {
  local hash=/nix/store/00000000000000000000000000000000
  printf '%s\t100\t-\t\\e\n' $hash-krb5-1.21.2 $hash-libkrb5-1.21.2 $hash-krb5-1.21.2-dev $hash-other-1.0 >four
  lines 'dev\t*-dev' 'kerberos\tsource:krb5-*' 'late\tlib*' >groups
  cost --group groups --explain four | cut -f 2,5 | sed 's/^[^-]*-//' | sort >found
  lines 'krb5-1.21.2\twith 1 other, group kerberos, in 1 of 2 updates' \
    'krb5-1.21.2-dev\ta layer of its own, group dev, in 1 of 2 updates' \
    'libkrb5-1.21.2\twith 1 other, group kerberos, in 1 of 2 updates' \
    'other-1.0\ta layer of its own, in 1 of 2 updates' | same found /dev/stdin
  # without it, only the paths with that name; with a slash, whole paths
  lines 'kerberos\tkrb5-*' >groups
  cost --group groups --explain four | grep -q 'libkrb5-1.21.2.*a layer of its own'
  lines 'kerberos\tsource:/nix/store/*-libkrb5-*' >groups
  cost --group groups --explain four | grep -q 'libkrb5-1.21.2.*with 2 others, group kerberos,'
}

@test "groups that need more layers than there are" {
  lines '-\t*' >groups
  lines '-\thello*' 'lower\tsource:' >bad
  fails 1 "layer-plan: bad:2: expected a glob right behind 'source:'" layer-plan --strategy update-cost --group bad graph
  lines 'blank\tsource: hello*' >bad
  fails 1 "layer-plan: bad:1: expected a glob right behind 'source:'" layer-plan --strategy update-cost --group bad graph
  fails 1 'layer-plan: groups: the groups need 5 layers: expected at most 4' \
    cost --group groups --max-layers 4 graph
  lines '-\thello*' >groups
  fails 1 'layer-plan: groups: the groups need 4 layers with one for all other paths: expected at most 3' \
    cost --group groups --max-layers 3 graph
  cost --group groups --max-layers 4 graph >plan
  [ "$(cut -f1 plan | uniq | tail -1)" = 4 ]
}

@test "previous: layers that can stay do, in their order and with theirs inside" {
  cost --max-layers 3 graph >plan
  cost --max-layers 3 --previous plan graph | same plan /dev/stdin
  # turned round inside and among layers: it stays as it is
  lines '1\t/nix/store/5fffffffffffffffffffffffffffffff-hello-link' \
    '1\t/nix/store/2bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb-shell-5.2' \
    '2\t/nix/store/4ddddddddddddddddddddddddddddddd-hello-1.0' \
    '2\t/nix/store/3cccccccccccccccccccccccccccccc3-hello.conf' \
    '2\t/nix/store/1aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa-libc-2.36' >layers
  awk -F '\t' -v OFS='\t' 'NR == FNR { facts[$1] = $2 OFS $3; next } { print $0, facts[$2] }' graph layers >old
  cost --max-layers 2 --max-decay 1000000 --previous old graph >plan
  same plan old
  # a path with other contents takes its layer apart, and no other
  sed -E '/^[^\t]*-shell-/s,sha256-.{43},sha256-AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA,' graph >changed
  run ! cmp -s graph changed
  cost --max-layers 4 --max-decay 1000000 --previous old changed >plan
  names_in plan | tee found | head -3 >kept
  lines '1 hello-1.0' '1 hello.conf' '1 libc-2.36' | same kept /dev/stdin
  tail -n +4 found | sort -k 2 | cut -d ' ' -f 2 >others
  lines 'hello-link' 'shell-5.2' | same others /dev/stdin
  [ "$(cut -d ' ' -f 1 found | uniq | wc -l)" = 3 ]
}

@test "previous: a plan that has decayed is made afresh, and says so" {
  sed 's/^\([^\t]*\)\t\([^\t]*\)\t.*/1\t\1\t\2\t-/' graph >old
  cost graph >fresh
  cost --previous old graph >plan 2>err
  same plan fresh
  grep -qx "layer-plan: warning: old: a plan made from it costs [0-9.]* where a fresh one costs 1.00, \
more than 10 % above (--max-decay): planned afresh" err
  cost --max-decay 1000000 --previous old graph >plan 2>err
  [ ! -s err ]
  [ "$(cut -f1 plan | uniq)" = 1 ]
}

@test "known: a layer of another plan is taken where it wastes little" {
  # libc and shell, in an order that layer-plan does not write
  lines '1\t/nix/store/2bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb-shell-5.2\t-\t-' \
    '1\t/nix/store/1aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa-libc-2.36\t-\t-' >other
  lines '1\t/nix/store/00000000000000000000000000000000-none\t-\t-' >foreign
  cost --sharing 100 --known foreign --known other graph >plan
  names_in plan >found
  grep -A 1 shell found | cut -d ' ' -f 2 >order
  lines shell-5.2 libc-2.36 | same order /dev/stdin
  [ "$(cut -d ' ' -f 1 found | uniq -c | sort -r | head -1 | tr -s ' ')" = " 2 $(sed -n 's/ libc-2.36//p' found)" ]
  cut -f2 plan | sort | same paths /dev/stdin
  cost --sharing 100 --known other --explain graph | grep -q 'with 1 other, a known layer, in 2 of 5 updates$'
  # 976 of 2896 bytes * sources are wasted: too much where sharing counts less
  cost --known other graph >plan
  cost graph | same plan /dev/stdin
  # other contents
  sed '1s/-$/sha256-AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=/' other >changed
  cost --sharing 100 --known changed graph >plan
  cost --sharing 100 graph | same plan /dev/stdin
  # what --previous keeps comes first
  cost --max-layers 5 graph >previous
  cost --sharing 100 --known other --previous previous graph | same previous /dev/stdin
  fails 1 "layer-plan: graph:1: layer: '/nix/store/1aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa-libc-2.36': expected a number from 1 to 4294967295" cost --known graph graph
}

@test "a pipeline can drop paths, and no other strategy does" {
  echo '[["remove_paths", "/nix/store/3cccccccccccccccccccccccccccccc3-hello.conf"],
    ["popularity_contest"], ["limit_layers", 2]]' >pipeline
  layer-plan --pipeline pipeline graph >plan
  names_in plan >found
  lines '1 libc-2.36' '2 shell-5.2' '2 hello-1.0' '2 hello-link' | same found /dev/stdin
  echo '[["popularity_contest"], ["limit_layers", 3]]' >pipeline
  layer-plan --strategy popularity --max-layers 3 graph >expected
  layer-plan --pipeline pipeline graph | cut -f1,2 | sort >found
  cut -f1,2 expected | sort | same found /dev/stdin
}

@test "pipelines that are none, each with its message" {
  local json message deep
  while IFS='|' read -r json message; do
    echo "$json" >p
    fails 1 "layer-plan: p: $message" layer-plan --pipeline p graph
  done <<'END'
{}|expected a list of operations, found {}
[1]|operation 1: expected [name, argument…], found 1
[["flatten"],[]]|operation 2: expected [name, argument…], found []
[["sort"]]|operation 1: 'sort': expected popularity_contest, split_paths, subcomponent_in, subcomponent_out, over, pipe, map, split_every, limit_layers, remove_paths, reverse or flatten
[["flatten", 1]]|operation 1 (flatten): expected no argument, found [1]
[["over", "rest"]]|operation 1 (over): expected 2 arguments, found ["rest"]
[["over", 1, ["flatten"]]]|operation 1 (over): expected a key, found 1
[["over", "rest", ["pipe", [["flatten"], ["split_every", 0]]]]]|operation 1.1.2 (split_every): expected a number from 1, found 0
[["limit_layers", 1.5]]|operation 1 (limit_layers): expected a number from 1, found 1.5
[["split_paths", [{"parents_of": "a"}]]]|operation 1 (split_paths): expected paths and {"children_of": paths}, found {"parents_of":"a"}
[["remove_paths", [1]]]|operation 1 (remove_paths): expected paths, found 1
[["pipe", 1]]|operation 1 (pipe): expected a list of operations, found 1
[["popularity_contest"], ["popularity_contest"]]|operation 2 (popularity_contest): expected a graph, found a list
[["over", "main", ["flatten"]]]|operation 1 (over): expected a dictionary, found a graph
[["limit_layers", 1]]|operation 1 (limit_layers): expected a list, found a graph
[["map", ["flatten"]]]|operation 1 (map): expected a list or a dictionary, found a graph
[["split_every", 2], ["map", ["split_every", 1]], ["limit_layers", 1]]|operation 3 (limit_layers): expected a list of graphs (flatten makes one), found a list
[["remove_paths", []], ["subcomponent_out", []], ["over", "rest", ["remove_paths", "x"]], ["reverse"]]|operation 4 (reverse): expected a list, found a dictionary
END
  echo '[["popularity_contest"]]' >p
  fails 1 'layer-plan: p: the pipeline makes 5 layers: expected at most 4 (end it with ["limit_layers", 4])' \
    layer-plan --max-layers 4 --pipeline p graph
  jq -Rnc '[["remove_paths", [inputs]]]' paths >p
  fails 1 'layer-plan: p: the pipeline removes all paths' layer-plan --pipeline p graph
  deep='["flatten"]'
  for _ in $(seq 64); do deep="[\"map\",$deep]"; done
  echo "[$deep]" >p
  fails 1 "layer-plan: p: operation 1$(printf '.1%.0s' $(seq 64)): nested deeper than 64 operations" \
    layer-plan --pipeline p graph
  echo '[[' >p
  run -1 layer-plan --pipeline p graph
  [[ $output == 'layer-plan: p: cannot parse JSON: '* ]]
}

@test "weights and groups that are none, each with its message" {
  local option text message
  while IFS='|' read -r option text message; do
    printf %b "$text" >file
    fails 1 "layer-plan: file:$message" cost "--$option" file graph
  done <<'END'
weights|a\n|1: expected 2 fields separated by single tabs, found 1
weights|a\tx\n|1: weight: 'x': expected a number from 0 to 1000000
weights|a\t1000001\n|1: weight: '1000001': expected a number from 0 to 1000000
weights|a\t1\nb\t1\na\t1\n|3: 'a' already has a weight
weights|/nix/store/a\t1\n|1: name: expected a path's name without directory and hash, found '/nix/store/a'
group|a\n|1: expected 2 fields separated by single tabs, found 1
group|a\tb\tc\n|1: expected 2 fields separated by single tabs, found 3
group|a\t\n|1: glob: empty field: the empty value is written \e
END
}

@test "the default of --sharing, and of the pipelines' option" {
  local n
  sci >whole
  cost whole >plan
  for n in 1 2 3; do cost --sharing $n whole >"plan.$n"; done
  same plan plan.2
  run -1 cmp -s plan plan.1
  run -1 cmp -s plan plan.3
  layer-plan --help >help
  grep -q 'shared layers count, 0 to 100 (2)$' help
  stream-layered-image --help >help
  grep -q -- '--sharing N .* shared layers count (2)$' help
}

@test "options that do not go together" {
  local hint="(see 'layer-plan --help')" option
  echo '[]' >file
  fails 2 "layer-plan: --pipeline and --strategy: expected one of them $hint" \
    layer-plan --pipeline file --strategy size-first graph
  for option in sharing=2 previous=graph max-decay=2 known=graph; do
    fails 2 "layer-plan: --${option%=*}: only with --strategy update-cost $hint" \
      layer-plan --strategy size-first "--$option" graph
  done
  for option in weights=file group=file min-layer-size=1; do
    fails 2 "layer-plan: --${option%=*}: only with --strategy size-first or update-cost $hint" \
      layer-plan --strategy popularity "--$option" graph
  done
  fails 1 "layer-plan: cannot open 'nowhere': No such file or directory" cost --weights nowhere graph
}

@test "nothing at all, and paths of no size" {
  for strategy in size-first update-cost; do
    layer-plan --strategy $strategy --allow-empty </dev/null >plan
    [ ! -s plan ]
    awk -F '\t' -v OFS='\t' '{ $2 = "-"; print }' graph >sizeless
    layer-plan --strategy $strategy --max-layers 2 sizeless >plan
    cut -f2 plan | sort | same paths /dev/stdin
  done
}
