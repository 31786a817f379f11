# SPDX-License-Identifier: MIT
# shellcheck shell=bash disable=SC2154 # $work, attr: from beside
# What most programs expect of an image, where the contents lack it: the attribute preset.
#
#   preset_needs       before anything is built
#   preset_add FILE    the layerpipe-mtree(5) lines of an image's root, and it, go to $work/with-preset

preset_needs() {
  [[ -z ${attr[preset]} || -z ${attr[fromImage]} ]] ||
    usage "${called[preset]} and ${called[fromImage]}: expected one of them"
}

preset_add() {
  local etc=$work/preset/etc first
  mkdir -p "$etc"
  printf '%s\n' 'root:x:0:0:root user:/root:/bin/sh' 'nobody:x:65534:65534:nobody:/var/empty:/bin/sh' >"$etc/passwd"
  printf '%s\n' 'root:x:0:' 'nobody:x:65534:' >"$etc/group"
  echo 'hosts: files dns' >"$etc/nsswitch.conf"
  tree-list "$work/preset" >"$work/preset.files"
  preset_lines "$1" >"$work/with-preset"
  IFS= read -r first <"$work/with-preset" || fail "cannot read '$1'"
  [[ $first == '#'* ]] || fail "${called[preset]} ${attr[preset]}: $first"
}

# The lines of FILE, then what they lack, with owner and time of the root; or a line that says which program is missing.
# Links of FILE are followed. What is behind one that leads elsewhere is not known, and taken to be there.
preset_lines() {
  awk -v kind="${attr[preset]}" '
    # The place of a name; nothing where it is not known.
    function real(name, at, rest, part, i, followed) {
      at = "."
      rest = substr(name, 3)
      while (rest != "") {
        i = index(rest "/", "/")
        part = substr(rest, 1, i - 1)
        rest = substr(rest, i + 1)
        if (part == "" || part == ".") continue
        if (part == "..") { sub("/[^/]*$", "", at); continue }
        at = at "/" part
        if (rest == "") break
        if (at in target) {
          if (++followed > 40) return ""
          rest = target[at] "/" rest
          if (rest ~ "^/") at = "."; else sub("/[^/]*$", "", at)
        } else if (at in there ? !(at in dirs) : followed) {
          return ""
        }
      }
      return at
    }
    function is_there(name) { name = real(name); return name == "" || name in there }
    function add(name, what, parent) {
      if (is_there(name)) return
      name = parent = real(name)
      sub("/[^/]*$", "", parent)
      if (parent != ".") add(parent, "type=dir mode=0755")
      there[name]
      if (what ~ "^type=dir") dirs[name]
      print name, what, all
    }
    function file(name) { add(name, "type=file mode=0644" contents[name]) }
    function link(name, to, needed) { if (is_there(needed)) add(name, "type=link link=" to) }

    pass == 1 { if (match($0, " contents=[^ ]*")) contents[$1] = substr($0, RSTART, RLENGTH); next }
    $1 == "." { all = $0; sub("^.* uid=", "uid=", all) }
    $2 == "type=dir" { dirs[$1] }
    $2 == "type=link" && match($0, " link=[^ ]*") { target[$1] = substr($0, RSTART + 6, RLENGTH - 6) }
    $1 == "./tmp" && $2 == "type=dir" { sub(" mode=[0-7]*", " mode=1777") }
    { there[$1]; line[++n] = $0 }
    END {
      if (kind == "shell" && !is_there("./bin/sh") && !is_there("./bin/bash")) {
        print "the contents have no bin/sh and no bin/bash (add a shell to them)"
        exit
      }
      if (kind == "shell" && !is_there("./usr/bin/env") && !is_there("./bin/env")) {
        print "the contents have no bin/env (add coreutils to them)"
        exit
      }
      for (i = 1; i <= n; i++) print line[i]
      add("./tmp", "type=dir mode=1777")
      add("./root", "type=dir mode=0700")
      add("./var/empty", "type=dir mode=0555")
      file("./etc/passwd")
      file("./etc/group")
      file("./etc/nsswitch.conf")
      bundle = "./etc/ssl/certs/ca-bundle.crt"
      link("./etc/ssl/certs/ca-certificates.crt", "ca-bundle.crt", bundle)
      link("./etc/pki/tls/certs/ca-bundle.crt", "../../../ssl/certs/ca-bundle.crt", bundle)
      if (kind == "shell") {
        link("./bin/sh", "bash", "./bin/bash")
        link("./usr/bin/env", "../../bin/env", "./bin/env")
      }
    }' pass=1 "$work/preset.files" pass=2 "$1"
}
