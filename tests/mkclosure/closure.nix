# SPDX-License-Identifier: MIT
# One derivation a Debian package, and one on top that links to all of them.
{ packages, patch ? true, salted ? "", generate ? { paths = 0; files = 0; bytes = 0; } }:
let
  list = builtins.fromJSON (builtins.readFile packages);

  build = script: attributes: derivation ({
    system = builtins.currentSystem;
    builder = "/bin/bash";
    PATH = "/usr/sbin:/usr/bin:/sbin:/bin";
    LC_ALL = "C.UTF-8";
    args = [ "-euo" "pipefail" script ];
  } // attributes);

  named = builtins.listToAttrs (map (p: {
    name = p.package;
    value = build ./package.sh ({
      inherit (p) name package arch;
      depends = map (d: named.${d}) p.depends;
      adapt = ./adapt.pl;
      patch = if patch then "1" else "";
    } // (if p.package == salted then { salt = "1"; } else { }));
  }) list);

  generated = builtins.genList (i: build ./generate.sh {
    name = "generated-${toString i}";
    inherit (generate) files bytes;
    seed = i;
    depends = map (p: named.${p.package}) list;
  }) generate.paths;
in
build ./env.sh {
  name = "debian-env";
  # the packages asked for come last, and a later name wins
  paths = map (p: named.${p.package}) list ++ generated;
}
