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
  local dir=$work/preset missing
  mkdir "$dir"
  printf '%s\n' 'root:x:0:0:root user:/root:/bin/sh' 'nobody:x:65534:65534:nobody:/var/empty:/bin/sh' >"$dir/passwd"
  printf '%s\n' 'root:x:0:' 'nobody:x:65534:' >"$dir/group"
  echo 'hosts: files dns' >"$dir/nsswitch.conf"
  missing=$(preset_missing "$1")
  [ "$missing" = . ] || fail "${called[preset]} ${attr[preset]}: ${missing%.}"
  preset_lines "$1" >"$work/with-preset"
  [ -s "$work/with-preset" ] || fail "cannot list '${attr[preset]}'"
}

# What the contents should have, and a dot.
preset_missing() {
  awk -v kind="${attr[preset]}" '
    { there[$1] }
    END {
      if (kind == "shell" && !("./bin/sh" in there || "./bin/bash" in there))
        printf "the contents have no bin/sh and no bin/bash (add a shell to them)"
      else if (kind == "shell" && !("./usr/bin/env" in there || "./bin/env" in there))
        printf "the contents have no bin/env (add coreutils to them)"
      print "."
    }' "$1"
}

# The lines of FILE, then what they lack; below a link nothing. Owner and time are those of the root.
preset_lines() {
  awk -v kind="${attr[preset]}" -v dir="$work/preset/./" '
    function within_link(name) {
      while (sub("/[^/]*$", "", name))
        if (name in links) return 1
      return 0
    }
    function add(name, what, parent) {
      if (name in there || within_link(name)) return
      parent = name
      sub("/[^/]*$", "", parent)
      if (parent != ".") add(parent, "type=dir mode=0755")
      there[name]
      print name, what, all
    }
    function file(name) { add("./etc/" name, "type=file mode=0644 contents=" dir name) }
    function link(name, target, there_is) { if (there_is in there) add(name, "type=link link=" target) }

    $1 == "." { all = $0; sub("^.* uid=", "uid=", all) }
    $1 == "./tmp" && $2 == "type=dir" { sub(" mode=[0-7]*", " mode=1777") }
    $2 == "type=link" { links[$1] }
    { there[$1]; print }
    END {
      add("./tmp", "type=dir mode=1777")
      add("./root", "type=dir mode=0700")
      add("./var/empty", "type=dir mode=0555")
      file("passwd")
      file("group")
      file("nsswitch.conf")
      bundle = "./etc/ssl/certs/ca-bundle.crt"
      link("./etc/ssl/certs/ca-certificates.crt", "ca-bundle.crt", bundle)
      link("./etc/pki/tls/certs/ca-bundle.crt", "../../../ssl/certs/ca-bundle.crt", bundle)
      if (kind == "shell") {
        link("./bin/sh", "bash", "./bin/bash")
        link("./usr/bin/env", "../../bin/env", "./bin/env")
      }
    }' "$1"
}
