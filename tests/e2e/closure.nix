# SPDX-License-Identifier: MIT
# A small closure out of busybox alone, with everything a store can hold that an image builder must
# not get wrong: a self-reference, a diamond, a path that is a symlink, a path that is a plain file,
# several outputs, an empty directory, odd names.
{ busyboxDir, sourceDir }:
let
  busybox = builtins.path { path = busyboxDir; name = "busybox-1"; };
  build = name: attributes: script: derivation ({
    inherit name;
    system = builtins.currentSystem;
    builder = "${busybox}/bin/sh";
    PATH = "${busybox}/bin";
    args = [ "-euc" script ];
  } // attributes);
in
rec {
  inherit busybox;
  source = builtins.path { path = sourceDir; name = "source"; };
  conf = builtins.toFile "conf" "greeting=hello\n";

  lib = build "lib-1" { } ''
    mkdir -p $out/lib $out/empty
    echo "self $out" > $out/lib/lib.so.1
    ln -s lib.so.1 $out/lib/lib.so
    echo common > $out/lib/common
  '';

  hello = build "hello-1" { } ''
    mkdir -p $out/bin "$out/share/a directory"
    printf '#!%s/bin/sh\necho "hello with $(%s/bin/cat %s/lib/common)"\n' ${busybox} ${busybox} ${lib} > $out/bin/hello
    chmod 755 $out/bin/hello
    echo common > "$out/share/a directory/common"
    echo odd > "$out/share/a directory/$(printf 'tab\there, percent%%, \303\251, \377')"
  '';

  link = build "link" { } "ln -s ${hello}/bin/hello $out";

  app = build "app-1" { } ''
    mkdir -p $out/bin $out/etc
    ln -s ${conf} $out/etc/app.conf
    printf '#!%s/bin/sh\n. %s\necho "app says $greeting"\nexec %s\n' ${busybox} ${conf} ${link} > $out/bin/app
    chmod 755 $out/bin/app
    echo ${lib} > $out/etc/lib
  '';

  www = build "www" { } "mkdir $out; echo served > $out/index.html";

  server = build "server-1" { } ''
    mkdir -p $out/bin
    printf '#!%s/bin/sh\nexec %s/bin/httpd -f -p 127.0.0.1:8080 -h %s\n' ${busybox} ${busybox} ${www} > $out/bin/server
    chmod 755 $out/bin/server
  '';

  multi = build "multi" { outputs = [ "out" "dev" ]; } ''
    mkdir $out $dev
    echo ${lib} > $out/lib
    echo $out > $dev/out
  '';

  all = build "all" { } ''
    mkdir $out
    for path in ${app} ${server} ${source} ${multi.dev}; do ln -s $path $out/; done
  '';

  # the ways in which Nix hands a closure to a builder
  graphText = build "graph-text" { exportReferencesGraph = [ "closure" all ]; } "cp closure $out";

  graphJson = derivation {
    name = "graph-json";
    system = builtins.currentSystem;
    __structuredAttrs = true;
    exportReferencesGraph.closure = [ all ];
    builder = "${busybox}/bin/sh";
    # without a variable for it: the output's name is in the file itself
    args = [ "-euc" ''
      PATH=${busybox}/bin
      out=$(sed 's/.*"outputs":{"out":"\([^"]*\)".*/\1/' "$NIX_BUILD_TOP/.attrs.json")
      cp "$NIX_BUILD_TOP/.attrs.json" "$out"
    '' ];
  };
}
