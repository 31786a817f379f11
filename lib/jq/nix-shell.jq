# SPDX-License-Identifier: MIT
# nix-shell.jq: a derivation → the attributes of a layered image whose container starts as nix-shell does in it.
# The arguments are the attributes of build-nix-shell-image. The derivation is what is in its .drv file (run with
# -sR), or what nix derivation show writes, of any version (run with -s).

def bad(text): text | halt_error(1);

def attr: $ARGS.named;

# Derive([…],…) is JSON but for its parentheses, which are in strings too.
def from_drv:
  [match("\"(\\\\.|[^\"\\\\])*\"|[^\"]+"; "g").string
    | if startswith("\"") then gsub("(?<control>[\u0001-\u001f])"; .control | tojson[1:-1]) else sub("^Derive"; "") | gsub("\\("; "[") | gsub("\\)"; "]") end]
  | join("") | fromjson
  | {outputs: [.[0][] | .[1] | select(. != "")], builder: .[4], args: .[5], env: (.[6] | map({key: .[0], value: .[1]}) | from_entries)};

def from_show:
  (.derivations // .) | if type == "object" and length == 1 then to_entries[0].value
    else bad("expected one derivation") end
  | if has("structuredAttrs") then .env.__json = "" else . end
  | {outputs: [.outputs[]? | .path // empty | if startswith("/") then . else attr.storeDir + "/" + . end], builder, args, env};

def derivation:
  if type == "string" then from_drv
  elif length == 1 then .[0] | from_show
  else bad("expected one derivation") end
  | if .env.__json then bad("the derivation has structured attributes (__structuredAttrs), which have no environment: expected one without")
    elif (.builder | type) != "string" or (.env | type) != "object" then bad("expected a derivation") else . end;

# passAsFile: these variables are files, named by NAMEPath
def as_files: (.env.passAsFile // "") | split(" ") | map(select(. != ""));

# buildDerivation lies in /bin
def path($shell):
  ($shell | sub("/[^/]*$"; "")) as $dir
  | [$dir] + (if $dir == "/bin" then [] else ["/bin"] end) + (if attr.coreutils == "" then [] else [attr.coreutils + "/bin"] end) | join(":");

def environment($files; $shell):
  {NIX_STORE: attr.storeDir, NIX_BUILD_CORES: "1", HOME: attr.homeDirectory,
    PATH: path($shell)}
  + (if attr.cacert == "" then {} else
      (attr.cacert + "/etc/ssl/certs/ca-bundle.crt") as $bundle | {SSL_CERT_FILE: $bundle, NIX_SSL_CERT_FILE: $bundle} end)
  + (.env | with_entries(if .key | IN($files[]) then {key: (.key + "Path"), value: "/build/.attr-\(.key)"} else . end))
  + ({NIX_BUILD_TOP: 1, TMPDIR: 1, TEMPDIR: 1, TMP: 1, TEMP: 1, PWD: 1} | map_values("/build"))
  + {TERM: "xterm-256color"};

def rc($shell):
  "unset PATH
dontAddDisableDepTrack=1
[ ! -e \"${stdenv-}/setup\" ] || . \"$stdenv/setup\"
PATH=\(path($shell) | @sh)${PATH+:$PATH}
SHELL=\($shell | @sh)
export PATH SHELL
set +eu
[ -z \"${PS1-}\" ] || [ -n \"${NIX_SHELL_PRESERVE_PROMPT-}\" ] || PS1='\\n\\[\\033[1;32m\\][nix-shell:\\w]\\$\\[\\033[0m\\] '
[ \"$(type -t runHook)\" != function ] || runHook shellHook
unset NIX_ENFORCE_PURITY
shopt -u nullglob
shopt -s execfail
\(if attr.run != "" then attr.run elif attr.command != "" then attr.command + "\nexit" else "" end)
";

def put($file): "printf %s \(@sh) >\($file | @sh)";

derivation
| as_files as $files
| .env as $env
| (if attr.shell == "" then .builder else attr.shell end) as $shell
| rc($shell) as $rc
| "#!\($shell)\nexec \([.builder, .args[]] | map(@sh) | join(" "))\n" as $build
| {name: (if attr.name == "" then ($env.name // "nix-shell") + "-env" else attr.name end),
  exclude: .outputs,
  config: {
    Cmd: (if attr.run == "" then [$shell, "--rcfile", "/etc/nix-shell.rc"] else [$shell, "/etc/nix-shell.rc"] end),
    User: "\(attr.uid):\(attr.gid)", WorkingDir: "/build",
    Env: [environment($files; $shell) | to_entries[] | "\(.key)=\(.value)"]},
  extraCommands: ([
    "mkdir -p bin usr/bin build etc/nix \("." + attr.storeDir | @sh) nix/var/nix",
    "mkdir -m 1777 tmp",
    "ln -s \($shell | @sh) bin/sh",
    ($build | put("bin/buildDerivation")),
    "chmod 755 bin/buildDerivation",
    (if attr.coreutils == "" then empty else "ln -s \("\(attr.coreutils)/bin/env" | @sh) usr/bin/env" end),
    ("root:x:0:0:root:/root:/noshell\nnixbld:x:\(attr.uid):\(attr.gid):Build user:\(attr.homeDirectory):/noshell\n" | put("etc/passwd")),
    ("root:x:0:\nnixbld:!:\(attr.gid):\n" | put("etc/group")),
    ("hosts: files dns\n" | put("etc/nsswitch.conf")),
    ($rc | put("etc/nix-shell.rc")),
    ($files[] | . as $name | ($env[$name] // "") | put("build/.attr-\($name)"))
  ] | join("\n")),
  fakeRootCommands: "chown -R \(attr.uid):\(attr.gid) build etc/nix nix"}
