#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
load helper

store=/nix/store/00000000000000000000000000000000
hint="(see 'plan-cost --help')"

setup() {
  setup_path
  made example .
  layer-plan --max-layers 3 --strategy popularity graph >plan
}

brute() { python3 "$TOP/tests/plancost.py" "$@"; }

# tsv OPTION…: the figures of the plan, in the file found
tsv() { plan-cost --graph graph --format tsv "$@" >found 2>err && [ ! -s err ]; }

# field KEY NUMBER: of the line in the file found
field() { awk -F'\t' -v key="$1" -v n="$2" '$1 == key { print $n }' found; }

@test "figures that were reckoned by hand" {
  printf 'CVE-1\tshell-5.2\ngreeting\thello.conf\nother\tno-such\n' >events
  tsv --events events plan
  lines 'size\t3192' 'layers\t3' 'paths\t5' 'expected-cost\t1.3251' 'expected-chain-cost\t1.3398' \
    'expected-bytes\t2309' 'events\t2\t3' 'events-cost\t1.1232\t1.1353' \
    'events-chain-cost\t1.1232\t1.1353' 'event\tCVE-1\t3\t2088\t1\t2088\t1\t2088' \
    'event\tgreeting\t3\t1744\t2\t2216\t2\t2216' \
    'layer\t1\t976\t1\t1\t0.2000\t0.0845\t1.0000\t0\t-\tlibc-2.36' \
    'layer\t2\t128\t1\t1\t0.2000\t0.0111\t1.0000\t1\t-\thello.conf' \
    'layer\t3\t2088\t3\t5\t1.0000\t0.9044\t1.3722\t2\t-\thello-1.0' | same found /dev/stdin
}

@test "random closures, plans, events, weights and older plans: what brute force finds" {
  brute check 200
}

@test "one layer a path costs 1, one layer for all costs the most" {
  layer-plan --max-layers 5 graph >each
  tsv each
  [ "$(field expected-cost 2)" = 1.0000 ]
  sed 's/^[0-9]*/1/' plan >all
  tsv all
  # 3192 bytes, 5 paths, over 8712
  [ "$(field expected-cost 2) $(field expected-chain-cost 2)" = '1.8320 1.8320' ]
}

@test "weights: nothing changes but what somebody says" {
  lines 'libc-2.36\t0' 'shell-5.2\t0' 'hello.conf\t3' 'hello-1.0\t0' 'hello-link\t0' \
    'no-such\t9' >weights
  tsv --weights weights plan
  # (128 + 2088) over (128 + 1416 + 200)
  [ "$(field expected-cost 2)" = 1.2706 ]
  [ "$(awk '$1 == "layer" { print $6 }' found | tr '\n' ' ')" = '0.0000 1.0000 1.0000 ' ]
  brute tsv graph plan - weights - | same found /dev/stdin
}

@test "events: lines of one event belong together wherever they stand" {
  printf 'a\thello.conf\nb\tlibc-2.36\na\thello-link\nb\tlibc-2.36\n' >events
  tsv --events events plan
  grep ^event found >apart
  printf 'a\thello-link\na\thello.conf\nb\tlibc-2.36\n' >events
  tsv --events events plan
  grep ^event found | same apart /dev/stdin
  [ "$(grep -c '^event	' apart)" = 2 ]
}

@test "events that change nothing" {
  printf 'a\tno-such\n' >events
  tsv --events events plan
  [ "$(grep -c ^event found) $(grep ^events found)" = "1 events	0	1" ]
  plan-cost --graph graph --events events plan >found
  grep -qx '0 of 1 events change something.' found
  plan-cost --graph graph --events /dev/null --format svg plan >empty.svg
  plan-cost --graph graph --format svg plan | same empty.svg /dev/stdin
}

@test "a name of an event is escaped in lines and in the picture" {
  printf '<a & "b">\\t\\x01\\xff\thello.conf\n' >events
  tsv --events events plan
  [ "$(field event 2)" = '<a & "b">\t\x01\xff' ]
  plan-cost --graph graph --events events --format svg plan >plan.svg
  grep -qF '&#60;a &#38; &#34;b&#34;&#62;\x09\x01\xff' plan.svg
  python3 -c 'import xml.etree.ElementTree as t; t.parse("plan.svg")'
}

@test "from one plan to another" {
  # hello-link in a layer of its own: two layers to pull, though nothing has changed
  sed 's/^3\(.*-hello-link\)/4\1/' plan >apart
  tsv --previous plan apart
  [ "$(field pull-paths 2) $(field pull-layers 2) $(field pull-layers 3)" = '0 2 2088' ]
  [ "$(awk '$1 == "layer" { print $10 }' found | tr '\n' ' ')" = 'yes yes no no ' ]
  # the same plan: nothing to pull
  tsv --previous plan plan
  [ "$(field pull-layers 2) $(field pull-layers 4) $(field pull-chain 2)" = '0 1.0000 0' ]
  # other contents of hello.conf: one layer of the three, two of them by chain ID
  sed '/hello.conf/s/sha256-.*/sha256-AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=/' plan >older
  tsv --previous older plan
  [ "$(grep ^pull found | cut -f2-3 | tr '\t\n' '  ')" = '1 128 1 128 2 2216 ' ]
  # layers that changed places are there, but not for a chain
  awk -F'\t' -v OFS='\t' '$1 < 3 { $1 = 3 - $1 } { print }' plan | sort -s -n -k 1,1 >turned
  tsv --previous turned plan
  [ "$(field pull-layers 2) $(field pull-chain 2)" = '0 3' ]
  # another order within a layer is another layer
  tac plan | sort -s -n -k 1,1 >reversed
  tsv --previous reversed plan
  [ "$(field pull-layers 2) $(field pull-chain 2)" = '1 1' ]
  # hashes that are not known
  awk -F'\t' -v OFS='\t' '{ $4 = "-"; print }' plan >unknown
  tsv --previous unknown plan
  [ "$(field pull-layers 2)" = 0 ]
}

# replayed OPTION…: the lines of a replay, in the file found
replayed() { tsv --events events --replay "$@" && sed -i -n /^replay/p found; }

@test "a replay that was reckoned by hand" {
  printf 'e\thello-link' | sha256sum | grep -q ^573bb941
  [ $(((200 * (970000 + 0x573bb941 % 60001) + 500000) / 1000000)) = 203 ]
  # libc, shell, hello.conf and hello-link together are too dear to be kept: 3195 bytes over 203
  printf 'e\thello-link\n' >events
  sed '/hello-1.0/!s/^[0-9]*/1/; /hello-1.0/s/^[0-9]*/2/' plan | sort -s -n -k 1,1 >dear
  replayed dear
  lines 'replay-cost\t15.7389\t15.7389' 'replay-chain-cost\t15.7389\t15.7389' 'replay-decayed\t1' |
    same found /dev/stdin
  # a layer a path: what changes and no more
  printf 'a\thello-link\nb\thello-1.0\n' >events
  layer-plan --max-layers 5 graph >each
  replayed each
  lines 'replay-cost\t1.0000\t1.0000' 'replay-chain-cost\t1.0000\t1.0000' 'replay-decayed\t0' |
    same found /dev/stdin
}

@test "random replays: what brute force finds in plans of layer-plan" {
  brute check-replay 12
}

@test "a replay with weights and derivers, and an event that names a path twice" {
  printf 'CVE-1\tshell-5.2\ngreeting\thello.conf\n' >events
  replayed plan
  mv found without
  printf 'greeting\thello.conf\n' >>events
  replayed plan
  same without found
  printf 'hello.conf\t50\n' >weights
  replayed --weights weights plan
  [ "$(field replay-cost 3)" = 1.0334 ]
  brute replay graph plan events weights | same found /dev/stdin
  # libc and shell are of one source
  awk -F'\t' -v OFS='\t' -v d=$store- '{ print $0, d (NR == 2 ? 1 : NR) ".drv" }' graph >derived
  mv derived graph
  replayed plan
  [ "$(field replay-cost 2)" = 1.2885 ]
  brute replay graph plan events - | same found /dev/stdin
}

@test "a replay: the same bytes in each run, in all formats; nothing of it where nothing changes" {
  printf 'CVE-1\tshell-5.2\ngreeting\thello.conf\n' >events
  local format
  for format in text tsv svg; do
    plan-cost --graph graph --events events --format $format plan >without.$format
    plan-cost --graph graph --events events --replay --format $format plan >found.$format
    plan-cost --graph graph --events events --replay --format $format plan | same found.$format /dev/stdin
    diff without.$format found.$format | grep '^[<>]' >more.$format
  done
  lines '>   replay, planned afresh                          1.15         1.15' \
    '>   replay, with --previous                         1.15         1.15' | same more.text /dev/stdin
  lines '> replay-cost\t1.1550\t1.1550' '> replay-chain-cost\t1.1550\t1.1550' '> replay-decayed\t0' |
    same more.tsv /dev/stdin
  grep -qF '>Replay of the events, planned afresh: 1.15 bytes by layer, 1.15 by chain ID; with --previous: 1.15' found.svg
  printf 'a\tno-such\n' >events
  plan-cost --graph graph --events events plan >want
  plan-cost --graph graph --events events --replay plan | same want /dev/stdin
}

@test "sizes that become no sizes together in a replay" {
  printf '%s\t18446744073709551615\t-\t\\e\n' $store-a >graph
  printf '1\t%s\t-\t-\n' $store-a >plan
  # the first event makes it smaller, the other one larger
  printf 'c\ta\n' >events
  plan-cost --graph graph --events events --replay --format tsv plan >found
  [ "$(field replay-cost 2)" = 1.0000 ]
  printf 'b\ta\n' >events
  fails 1 "plan-cost: event 'b': the sizes add up to 2^64 bytes or more" \
    plan-cost --graph graph --events events --replay plan
}

@test "the plan's sizes do where the graph has none, and the other way round" {
  tsv plan
  mv found want
  cut -f1 graph | sed 's/$/\t-\t-/' | paste - <(cut -f4 graph) >sizeless
  plan-cost --graph sizeless --format tsv plan | same want /dev/stdin
  awk -F'\t' -v OFS='\t' '{ $3 = "-"; print }' plan >plan-sizeless
  plan-cost --graph graph --format tsv plan-sizeless | same want /dev/stdin
  fails 1 "plan-cost: plan-sizeless:1: the size of \
'/nix/store/1aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa-libc-2.36' is not known" \
    plan-cost --graph sizeless plan-sizeless
}

@test "plan and graph of different closures" {
  head -4 graph >smaller
  local path='/nix/store/5fffffffffffffffffffffffffffffff-hello-link'
  fails 1 "plan-cost: <stdin>:5: '$path' is not in the graph 'smaller'" \
    plan-cost --graph smaller <plan
  grep -v hello-link plan >shorter
  fails 1 "plan-cost: shorter: '$path' of the graph 'graph' is missing \
(closure-graph --exclude leaves it out)" plan-cost --graph graph shorter
  sed '/hello-link/s/\t200\t/\t201\t/' plan >larger
  fails 1 "plan-cost: larger:5: '$path' has another size in the graph 'graph'" \
    plan-cost --graph graph larger
  sed '/hello-link/s/sha256-.*/sha256-AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=/' plan >other
  fails 1 "plan-cost: other:5: '$path' has another hash in the graph 'graph'" \
    plan-cost --graph graph other
  fails 1 'plan-cost: <stdin>: the plan is empty' plan-cost --graph graph </dev/null
  : >nothing
  fails 1 'plan-cost: nothing: the plan is empty' plan-cost --graph nothing nothing
}

@test "sizes that are no sizes together" {
  printf '%s\t18446744073709551615\t-\t\\e\n' $store-a $store-b >graph
  awk -F'\t' -v OFS='\t' '{ print NR, $1, $2, "-" }' graph >plan
  fails 1 'plan-cost: plan:2: the sizes add up to 2^64 bytes or more' plan-cost --graph graph plan
}

@test "weights and events that are none" {
  printf 'libc-2.36\t1\nlibc-2.36\t2\n' >bad
  fails 1 "plan-cost: bad:2: 'libc-2.36' already has a weight" \
    plan-cost --graph graph --weights bad plan
  cut -f1 graph | cut -c45- | sed 's/$/\t0/' >bad
  fails 1 'plan-cost: every path has the weight 0' plan-cost --graph graph --weights bad plan
  printf 'a\n' >bad
  fails 1 'plan-cost: bad:1: expected 2 fields separated by single tabs, found 1' \
    plan-cost --graph graph --events bad plan
  printf 'a\tb\nCVE-1\t%s\n' $store-libc >bad
  fails 1 "plan-cost: bad:2: name: expected a path's name without directory and hash, found \
'$store-libc'" plan-cost --graph graph --events bad plan
}

@test "options" {
  fails 2 "plan-cost: --graph is missing: give the closure graph of the plan $hint" plan-cost plan
  fails 2 "plan-cost: --format: expected text, tsv or svg, found 'png' $hint" \
    plan-cost --graph graph --format png plan
  fails 2 "plan-cost: standard input can be one of the inputs only, not 2 $hint" \
    plan-cost --graph -
  fails 2 "plan-cost: standard input can be one of the inputs only, not 3 $hint" \
    plan-cost --graph graph --events - --previous - -
  fails 2 "plan-cost: --replay: only with --events $hint" plan-cost --graph graph --replay plan
  plan-cost --graph graph plan >want
  plan-cost --graph - plan <graph | same want /dev/stdin
  plan-cost --graph graph --format text <plan | same want /dev/stdin
  fails 1 "plan-cost: cannot open 'nowhere': No such file or directory" \
    plan-cost --graph graph --events nowhere plan
}

@test "the text" {
  printf 'CVE-1\tshell-5.2\ngreeting\thello.conf\n' >events
  sed '/hello.conf/s/sha256-.*/sha256-AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=/' plan >older
  plan-cost --graph graph --events events --previous older plan >found
  cat >want <<'END'
3.19 kB in 3 layers, 5 paths; an update is expected to pull 2.31 kB

An update pulls, for each byte that changes,  by layer  by chain ID
  expected                                        1.33         1.34
  all events together                             1.12         1.12
  mean of the events                              1.14         1.14
  from the previous plan                          1.00        17.31

New since the previous plan: 1 path, 128 B
To pull by layer:            1 layer, 128 B
To pull by chain ID:         2 layers, 2.22 kB

The dearest layers, and how many of the 5 sources change them:
  layer     size change it    cost   ratio
      3  2.09 kB         5    90 %    1.37  3 paths, the largest:
         1.42 kB         4                  hello-1.0
           472 B         2                  shell-5.2
           200 B         5                  hello-link
      1    976 B         1     8 %    1.00  libc-2.36
      2    128 B         1     1 %    1.00  hello.conf

2 of 2 events change something; the worst:
  changed by layer   ratio by chain   ratio
  1.74 kB  2.22 kB    1.27  2.22 kB    1.27  greeting
  2.09 kB  2.09 kB    1.00  2.09 kB    1.00  CVE-1
END
  same found want
}

@test "the picture: bars as wide as layers are large, the bottom layer at the bottom" {
  printf 'CVE-1\tshell-5.2\ngreeting\thello.conf\n' >events
  sed '/hello.conf/s/sha256-.*/sha256-AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=/' plan >older
  plan-cost --graph graph --events events --previous older --format svg plan >plan.svg
  plan-cost --graph graph --events events --previous older --format svg plan | same plan.svg /dev/stdin
  python3 - <<'END' >found
import xml.etree.ElementTree as tree
name = "{http://www.w3.org/2000/svg}"
root = tree.parse("plan.svg").getroot()
*layers, previous = root.findall(name + "g")
assert [float(g.findall(name + "rect")[1].get("y")) for g in layers] == sorted(
    float(g.findall(name + "rect")[1].get("y")) for g in layers)
largest = max(float(g.findall(name + "rect")[1].get("width")) for g in layers)
for g in layers:
    bar = g.findall(name + "rect")[1]
    words = ["".join(text.itertext()) for text in g.findall(name + "text")]
    print(*words, f"{float(bar.get('width')) / largest:.2f}", bar.get("fill"), sep=", ")
words = [text.text.strip() for text in previous.findall(name + "text")][1:]
print(*words, *["gone" for text in previous.findall(name + "text") if "gone" in text.get("class", "")], sep=", ")
for line in previous.findall(name + "line"):
    print(line.get("y1") == line.get("y2"), float(line.get("y1")) - 10 in [float(g.find(name + "rect").get("y")) for g in layers])
height = float(root.get("height"))
assert all(0 < float(t.get("y")) < height for t in root.iter(name + "text"))
assert all(t.get("class") != "" for t in root.iter())
END
  grep -qF '>Pull from the previous plan: 1 layer, 128 B (128 B changed); by chain ID 2.22 kB<' plan.svg
  grep -qF '>How often a layer changes, in % of the given events:<' plan.svg
  grep -qF '<title>3 paths of 3 sources, changed by 5 of 5 sources; costs' plan.svg
  lines '3, hello-1.0 +2 more, 2.09 kB, 100 %, 1.00, #7a1452' \
    '2, hello.conf, pull, 128 B, 50 %, 0.06, #c42f4e' \
    '1, libc-2.36, 976 B, 0 %, 0.47, #fff3c4' \
    '3, hello-1.0 +2 more, 2.09 kB, 2, hello.conf, 128 B, 1, libc-2.36, 976 B, gone, gone, gone' \
    'True True' 'True True' | same found /dev/stdin
}

@test "the picture: sources, beside short bars and where one points" {
  local hash=/nix/store/00000000000000000000000000000000
  printf '%s\t%s\t-\t\\e\n' $hash-large-1 1000 $hash-krb5-1.21.2 60 $hash-krb5-1.21.2-dev 50 $hash-doc 40 >graph
  awk -v OFS='\t' '{ print (NR == 1 ? 1 : 2), $1, $2, $3 }' graph >plan
  plan-cost --graph graph --format svg plan >plan.svg
  grep -E '>[^<]*krb5-1.21.2, doc<' plan.svg | cut -d '>' -f 2 >found
  echo 'krb5-1.21.2, doc</text' | same found /dev/stdin
  grep -qxF 'sources: krb5-1.21.2, doc</title>' plan.svg
  # a bar that fills the row leaves no room; a layer of one source has its name already
  sed 's/^[12]/1/' plan >one
  plan-cost --graph graph --format svg one >plan.svg
  grep -qxF 'sources: large-1, krb5-1.21.2, doc</title>' plan.svg
  run ! grep -E '<text[^>]*>[^<]*krb5-1.21.2, doc<' plan.svg
}

# beside NAME…: the text beside the shortest bar, of a layer whose sources have these names, goes into the file found
beside() {
  local number=9 name
  printf '%s\t100000\t-\t\\e\n' $store-large >graph
  for name; do
    printf '%s\t%s\t-\t\\e\n' $store-"$name" $((number--)) >>graph
  done
  awk -v OFS='\t' '{ print (NR == 1 ? 1 : 2), $1, $2, $3 }' graph >plan
  plan-cost --graph graph --format svg plan | sed -n 's/^<text [^>]* class="more">\(.*\)<.*/\1/p' >found
}

@test "the picture: a note of more sources stands where it must, and takes the room that it needs" {
  local a=aaaaaaaaaaaaaaaaaaaa b=bbbbbbbbbbbbbbbbbbbb
  beside $a $b ccccccccccc # 55 letters
  echo "$a, $b, ccccccccccc" | same found /dev/stdin
  beside $a $b cccccccccccc
  echo "$a, $b and 1 more" | same found /dev/stdin
  beside $a ${b}bb cccc ddddd # 55 letters with the note
  echo "$a, ${b}bb and 2 more" | same found /dev/stdin
  beside $a ${b}bbb cccc ddddd
  echo "$a and 3 more" | same found /dev/stdin
  beside $a$b$a d
  : | same found /dev/stdin
}

@test "a chain of 3,000 paths" {
  python3 "$TOP/tests/popularity.py" chain 3000 >graph
  layer-plan --strategy popularity graph >plan
  timeout 20 plan-cost --graph graph --format tsv plan >found
  [ "$(field paths 2) $(field layers 2)" = '3000 100' ]
  # the last path of a chain has no bytes, all others 100
  [ "$(field size 2)" = 299900 ]
}
