#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
# config-json: image-config(5) lines to the JSON of the image specification.
load helper

json() { config-json --architecture amd64 "$@"; }

@test "nothing configured: the defaults of nixpkgs" {
  json </dev/null >out
  echo '{"created":"1970-01-01T00:00:01Z","architecture":"amd64","os":"linux","config":{},"rootfs":{"type":"layers","diff_ids":[]},"history":[]}' >want
  same out want
}

@test "every key of the table, in the order of the image specification" {
  lines 'Shell\t/bin/sh' 'StopTimeout\t10' 'OnBuild\tRUN x' 'MacAddress\t02:42:ac:11:00:02' \
    'NetworkDisabled\ttrue' 'Image\tsha256:x' 'StdinOnce\tfalse' 'OpenStdin\ttrue' 'Tty\ttrue' \
    'AttachStderr\ttrue' 'AttachStdout\ttrue' 'AttachStdin\tfalse' 'Domainname\texample.org' \
    'Hostname\tbox' 'CpuShares\t4' 'MemorySwap\t-1' 'Memory\t1024' 'ArgsEscaped\ttrue' \
    'StopSignal\tSIGRTMIN+3' 'Labels\tb\t2' 'Labels\ta\t1' 'WorkingDir\t/data' 'Volumes\t/v' \
    'Cmd\t-c' 'Cmd\techo' 'Entrypoint\t/bin/sh' 'Env\tB=2' 'Env\tA=' 'ExposedPorts\t80/tcp' \
    'ExposedPorts\t53/udp' 'User\t1000:100' 'variant\tv8' 'os.features\twin32k' 'os.version\t10.0' \
    'os\twindows' 'architecture\tarm64' 'author\tA B' 'created\t2024-02-29 12:30+02:00' \
    'json\tHealthcheck\t{ "Test": ["NONE"], "Interval": 30000000000 }' 'json\tAaa\t"\\\\t"' >conf
  config-json conf >out
  cat >want <<'END'
{"created":"2024-02-29T10:30:00Z","author":"A B","architecture":"arm64","os":"windows","os.version":"10.0","os.features":["win32k"],"variant":"v8","config":{"User":"1000:100","ExposedPorts":{"53/udp":{},"80/tcp":{}},"Env":["B=2","A="],"Entrypoint":["/bin/sh"],"Cmd":["-c","echo"],"Volumes":{"/v":{}},"WorkingDir":"/data","Labels":{"a":"1","b":"2"},"StopSignal":"SIGRTMIN+3","ArgsEscaped":true,"Memory":1024,"MemorySwap":-1,"CpuShares":4,"Hostname":"box","Domainname":"example.org","AttachStdin":false,"AttachStdout":true,"AttachStderr":true,"Tty":true,"OpenStdin":true,"StdinOnce":false,"Image":"sha256:x","NetworkDisabled":true,"MacAddress":"02:42:ac:11:00:02","OnBuild":["RUN x"],"StopTimeout":10,"Shell":["/bin/sh"],"Aaa":"\t","Healthcheck":{"Interval":30000000000,"Test":["NONE"]}},"rootfs":{"type":"layers","diff_ids":[]},"history":[]}
END
  same out want
  jq -e . out >/dev/null
}

@test "a later line wins in place, maps merge, reset empties" {
  lines 'Env\tA=1' 'Env\tB=2' 'Env\tA=3' 'User\ta' 'User\tb' 'Labels\tx\t1' 'Labels\tx\t2' \
    'Labels\ty\t3' 'Cmd\told' 'json\tWatchdog\t1' 'json\tKept\t2' >base
  lines 'reset\tCmd' 'Cmd\tnew' 'reset\tWatchdog' 'reset\tVolumes' 'Env\tC=\\\\e' >top
  json base top | jq -c .config >out
  echo '{"User":"b","Env":["A=3","B=2","C=\\e"],"Cmd":["new"],"Labels":{"x":"2","y":"3"},"Kept":2}' >want
  same out want
  cat base top | json | jq -c .config >out
  same out want
  json base - <top | jq -c .config >out
  same out want
}

@test "an option wins over a line; an empty scalar is left out" {
  lines 'created\t2001-01-01' 'architecture\tarm' 'os\tplan9' 'User\t\\e' 'WorkingDir\t\\e' >conf
  json --created 2002-02-02T02:02:02.50Z --os linux conf | jq -c '[.created, .architecture, .os, .config]' >out
  echo '["2002-02-02T02:02:02.50Z","amd64","linux",{}]' >want
  same out want
  SOURCE_DATE_EPOCH=86400 json --created now </dev/null | jq -r .created >out
  echo 1970-01-02T00:00:00Z >want
  same out want
}

@test "the default architecture is that of this machine, as Go names it" {
  case $(uname -m) in
    x86_64) want=amd64 ;;
    aarch64) want=arm64 ;;
    *) skip 'not in this table' ;;
  esac
  [ "$(config-json </dev/null | jq -r .architecture)" = "$want" ]
}

@test "every byte in a label reads back in jq as it was" {
  python3 - <<'END'
import json
text = "".join(chr(c) for c in list(range(1, 0x250)) + [0x2028, 0x2029, 0xfeff, 0x1f600, 0x10ffff])
esc = {"\\": "\\\\", "\t": "\\t", "\n": "\\n", "\r": "\\r"}
line = "".join(esc.get(c) or (f"\\x{ord(c):02x}" if ord(c) < 32 or ord(c) == 127 else c) for c in text)
open("conf", "w").write(f"Labels\t{line}\t{line}\n")
json.dump({text: text}, open("want.json", "w"))
END
  json conf >out
  jq -S .config.Labels out >got
  jq -S . want.json >want
  same got want
  python3 -c 'import json; assert json.load(open("out"))["config"]["Labels"] == json.load(open("want.json"))'
}

@test "layers give rootfs and history" {
  a=sha256:$(printf a | sha256sum | cut -d' ' -f1)
  b=sha256:$(printf b | sha256sum | cut -d' ' -f1)
  lines "$a\t10240\tapplication/vnd.oci.image.layer.v1.tar\t$a\t-" \
    "$b\t99\tapplication/vnd.oci.image.layer.v1.tar+gzip\t$a\tstore \"paths\": \\\\n" >layers
  json --layers layers </dev/null | jq -c '.rootfs, .history' >out
  {
    echo "{\"type\":\"layers\",\"diff_ids\":[\"$a\",\"$b\"]}"
    echo '[{"created":"1970-01-01T00:00:01Z"},{"created":"1970-01-01T00:00:01Z","comment":"store \"paths\": \n"}]'
  } >want
  same out want
  lines "$a\t1\tx\t$a\t-" >layers
  fails 1 "config-json: layers:1: media-type 'x': expected TYPE/SUBTYPE" json --layers layers </dev/null
  lines "$a\t1\tx/y\tsha256:12\t-" >layers
  fails 1 "config-json: layers:1: digest 'sha256:12': expected sha256: and 64 lower-case hex digits" \
    json --layers layers </dev/null
}

# layers COMMENT…: layer-list lines
layers() {
  local comment hash
  for comment; do
    hash=sha256:$(printf %s "$comment" | sha256sum | cut -d ' ' -f 1)
    lines "$hash\t1\tapplication/x-tar\t$hash\t$comment"
  done
}

@test "history lines describe the layers from the bottom, the others follow" {
  lines 'history\t2024-02-29T12:30:00.123456789+02:00\tA "B"\tRUN x \\\\ y\\tz\tkept\t-' \
    'history\t-\t-\t\\e\t-\ttrue' 'history\t-\t-\t-\t-\t-' \
    'history\t0001-01-01T00:00:00Z\t-\t-\t\\x2d\ttrue' 'created\t2025-01-01' >conf
  layers own - third >list
  json --layers list conf >out
  jq -ce . out >/dev/null
  jq -c '.history[]' out >found
  cat >want <<'END'
{"created":"2024-02-29T12:30:00.123456789+02:00","author":"A \"B\"","created_by":"RUN x \\ y\tz","comment":"kept"}
{"created_by":"","empty_layer":true}
{}
{"created":"0001-01-01T00:00:00Z","comment":"-","empty_layer":true}
{"created":"2025-01-01T00:00:00Z","comment":"third"}
END
  same found want
}

@test "a history of more layers than the image has is an error; reset history drops it" {
  lines 'history\t-\t-\tone\t-\t-' 'history\t-\t-\tnone\t-\ttrue' 'history\t-\t-\ttwo\t-\t-' >conf
  layers a >list
  fails 1 'config-json: history describes 2 layers, but the image has 1' json --layers list conf
  fails 1 'config-json: history describes 2 layers, but the image has 0' json conf
  { cat conf; lines 'reset\thistory' 'history\t-\t-\tnone\t-\ttrue'; } >reset
  [ "$(json --layers list reset | jq -c .history)" = \
    '[{"created_by":"none","empty_layer":true},{"created":"1970-01-01T00:00:01Z","comment":"a"}]' ]
  # what empties the history may come from a file of its own
  lines 'reset\thistory' >drop
  [ "$(json conf drop | jq -c .history)" = '[]' ]
}

@test "image-assemble keeps the history, or fails where it does not fit" {
  lines 'history\t2024-02-29T12:30:00Z\t-\tRUN x\t-\t-' >conf
  lines '. type=dir' './a type=dir' >m
  layer-tar --mtree m --comment own >one
  cat one one | image-assemble --name x --config conf >two.tar
  tar -xOf two.tar --wildcards '*.json' --exclude manifest.json | jq -c .history >found
  echo '[{"created":"2024-02-29T12:30:00Z","created_by":"RUN x"},{"created":"1970-01-01T00:00:01Z","comment":"own"}]' >want
  same found want
  cat conf conf >twice
  fails 1 'image-assemble: history describes 2 layers, but the image has 1' \
    image-assemble --name x --config twice --output out.tar <one
  [ ! -e out.tar ]
}

@test "a bad option value" {
  local hint="(see 'config-json --help')"
  fails 2 "config-json: --created: bad time 'x': expected one like 2024-02-29T12:30:00Z $hint" \
    config-json --created x </dev/null
  fails 2 "config-json: --os: expected letters, digits, '.', '_' and '-', found 'a b' $hint" \
    config-json --os 'a b' </dev/null
  fails 2 "config-json: --architecture: expected 'amd64', as Go names it, found 'x86_64' $hint" \
    config-json --architecture x86_64 </dev/null
  fails 1 "config-json: cannot open 'none': No such file or directory" config-json none
}

@test "jq is missing: one clear line" {
  lines 'json\tX\t1' >conf
  mkdir bin
  ln -s "$(command -v config-json)" bin/
  run -1 env PATH="$PWD/bin" config-json conf
  [[ $output == "config-json: conf:1: X: "*jq* ]]
}

@test "numbers that JSON does not have are refused, whichever jq reads them" {
  local value status
  for value in nan NaN -NaN Infinity -Infinity 1e1000; do
    status=0
    lines "json\tX\t[{\"a\": $value}]" | config-json >out 2>err || status=$?
    echo "$value: $status $(cat err)"
    [ "$status" = 1 ]
    [ ! -s out ]
    # versions of jq differ in which of these they read at all
    grep -Eqx 'config-json: <stdin>:1: X: (cannot parse JSON: .+|expected numbers that JSON .+)' err
    [ "$(wc -l <err)" = 1 ]
  done
}

@test "the architecture can say system and variant, and an option drops a variant of another machine" {
  platform() { config-json "$@" | jq -c '[.os, .architecture, .variant]'; }
  [ "$(platform --architecture linux/arm/v7 </dev/null)" = '["linux","arm","v7"]' ]
  [ "$(platform --architecture arm/v7 </dev/null)" = '["linux","arm","v7"]' ]
  [ "$(platform --architecture windows/amd64 </dev/null)" = '["windows","amd64",null]' ]
  [ "$(platform --architecture arm --variant v6 </dev/null)" = '["linux","arm","v6"]' ]
  printf 'architecture\tarm\nvariant\tv7\n' >arm
  [ "$(platform arm)" = '["linux","arm","v7"]' ]
  [ "$(platform --architecture arm arm)" = '["linux","arm","v7"]' ]
  [ "$(platform --architecture amd64 arm)" = '["linux","amd64",null]' ]
  [ "$(platform --variant v5 arm)" = '["linux","arm","v5"]' ]
  local name
  for name in armv7l:arm/v7 arm32v7:arm/v7 arm32v6:arm/v6 aarch64:arm64 x86_64:amd64 i686:386 x86_64-linux:amd64 aarch64-linux:arm64 AMD64:amd64; do
    fails 2 "config-json: --architecture: expected '${name#*:}', as Go names it, found '${name%:*}' (see 'config-json --help')" \
      config-json --architecture "${name%:*}" arm
  done
  for name in amd46:amd64 arm65:arm64; do
    fails 2 "config-json: --architecture: Go has no machine '${name%:*}': did you mean ${name#*:}? (see 'config-json --help')" \
      config-json --architecture "${name%:*}" arm
  done
  for name in 386 arm64 loong64 mips64le ppc64 ppc64le riscv riscv64 s390x sparc64 wasm mymachine; do
    [ "$(platform --architecture $name </dev/null)" = "[\"linux\",\"$name\",null]" ]
  done
  fails 2 "config-json: --variant: 'v6' contradicts the 'v7' of --architecture (see 'config-json --help')" \
    config-json --architecture arm/v7 --variant v6 arm
  fails 2 "config-json: --os: 'linux' contradicts the 'windows' of --architecture (see 'config-json --help')" \
    config-json --architecture windows/amd64 --os linux arm
  for name in '' / arm/ /v7 a//b; do
    fails 2 "config-json: --architecture: expected letters, digits, '.', '_' and '-', found '' (see 'config-json --help')" \
      config-json --architecture "$name" arm
  done
}

@test "a config object in JSON is read as its lines are" {
  printf ' \n\t{"Cmd": ["/bin/sh"], "Env": ["A=b"], "ExposedPorts": {"80/tcp": {}}, "Healthcheck": {"Test": ["NONE"], "Interval": 3e10}}' >object
  lines 'Cmd\t/bin/sh' 'Env\tA=b' 'ExposedPorts\t80/tcp' \
    'json\tHealthcheck\t{"Test": ["NONE"], "Interval": 30000000000}' >conf
  json object >found
  json conf >want
  same found want
  lines 'Env\tB=c' 'Env\tA=d' >later
  json object later | jq -c .config.Env >found
  [ "$(cat found)" = '["A=d","B=c"]' ]
  # an empty list replaces
  echo '{"Cmd": []}' | json object - | jq -c .config.Cmd >found
  [ "$(cat found)" = null ]
}

@test "a mistyped option is told what it may have been, and none is cut short" {
  fails 2 "config-json: unknown option '--layer': did you mean --layers? (see 'config-json --help')" config-json --layer x
  fails 2 "config-json: unknown option '--archtecture=x': did you mean --architecture? (see 'config-json --help')" \
    config-json conf --archtecture=x
  fails 2 "config-json: unknown option '--nothing-like-it' (see 'config-json --help')" config-json --nothing-like-it
  fails 2 "image-assemble: unknown option '-q' (see 'image-assemble --help')" image-assemble -q
  fails 2 "build-image: unknown option '--contens': did you mean --contents? (see 'build-image --help')" build-image --contens x
  echo '{"name": "x", "contens": []}' >attrs
  fails 1 'stream-layered-image: attrs: unknown attribute "contens": did you mean contents?' stream-layered-image --attrs attrs
}

@test "a configuration without a byte is one whose producer failed" {
  lines '. type=dir' './a type=dir' >m
  layer-tar --mtree m >stream
  : >empty
  fails 1 'image-assemble: empty: the configuration is empty: its producer failed (for an empty one leave out --config)' \
    image-assemble --name x --config empty stream
  fails 1 "build-image: --config: 'empty' is empty: its producer failed (for an empty configuration leave it out)" \
    build-image --name x --config empty --quiet --output image
  echo '{}' >object
  image-assemble --name x --config object stream >/dev/null
  build-image --name x --tag t --config object --quiet --output image
}
