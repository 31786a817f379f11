# SPDX-License-Identifier: MIT
# A stand-in for nixpkgs: packages out of those of Debian that this machine has, and of nixpkgs' functions those
# that package.nix and docker-tools.nix call. The packages are built with a view of this machine; what is built of
# them needs none. packages is what tests/mkclosure/depends.pl writes; built is a build directory of layerpipe, where
# it is not to be compiled.
{ packages, built ? null, overlays ? [ ], system ? builtins.currentSystem }:
let
  lib = import ./lib.nix;

  # one path for a Debian package, as tests/mkclosure/closure.nix makes them
  debian = builtins.listToAttrs (map (p: {
    name = p.package;
    value = derivation {
      inherit (p) name package arch;
      inherit system;
      builder = "/bin/bash";
      args = [ "-euo" "pipefail" ../mkclosure/package.sh ];
      PATH = "/usr/sbin:/usr/bin:/sbin:/bin";
      LC_ALL = "C.UTF-8";
      depends = map (d: debian.${d}) p.depends;
      adapt = ../mkclosure/adapt.pl;
      patch = "1";
    };
  }) (builtins.fromJSON (builtins.readFile packages)));

  # one path with programs of this machine
  programs = name: programs: files: derivation {
    inherit name system programs files;
    builder = "/bin/bash";
    args = [ "-euo" "pipefail" ./tools.sh ];
    PATH = "/usr/sbin:/usr/bin:/sbin:/bin";
  };

  tools = programs "tools" [
    "bash" "cmp" "curl" "diff" "echo" "faked-sysv" "fakechroot" "fakeroot" "find" "getopt" "grep" "gzip" "jq" "mawk" "sed"
    "skopeo" "sqlite3" "tar" "xargs" "xz" "zstd"
  ] [ ];

  mkDerivation = attributes:
    let
      drv = derivation ({
        inherit system;
        builder = "${debian.bash}/bin/bash";
        args = [ "-ec" ". ${./setup.sh}; eval \"$buildCommand\"" ];
        defaultInputs = [ debian.bash debian.coreutils tools ];
      } // removeAttrs attributes [ "passthru" "meta" ]);
    in
    drv // attributes.passthru or { } // {
      meta = attributes.meta or { };
      overrideAttrs = f: mkDerivation (attributes // f attributes);
    };

  runCommand = name: attributes: buildCommand: mkDerivation (attributes // { inherit name buildCommand; });

  writeTextFile = { name, text, executable ? false, destination ? "", meta ? { } }: runCommand name
    { inherit text destination meta; passAsFile = [ "text" ]; } ''
    mkdir -p "$(dirname "$out$destination")"
    cp "$textPath" "$out$destination"
    chmod ${if executable then "555" else "444"} "$out$destination"
  '';

  callPackage = package: arguments:
    let f = if builtins.isFunction package then package else import package; in
    lib.makeOverridable f (builtins.intersectAttrs (builtins.functionArgs f) final // arguments);

  base = {
    inherit lib callPackage runCommand writeTextFile tools debian;
    # a path, as in nixpkgs, that refers to the tools of all builders
    stdenv = runCommand "stdenv" { } "mkdir $out; echo $defaultInputs >$out/inputs; cp ${./setup.sh} $out/setup" // {
      inherit mkDerivation;
      hostPlatform = { isDarwin = false; go.GOARCH = "amd64"; qemuArch = "x86_64"; };
      cc.libc = debian.libc6;
    };
    stdenvNoCC = base.stdenv;
    buildPackages = final;
    # as if for another machine, of which nothing is run here
    pkgsCross.aarch64-multiplatform = final // {
      stdenv = final.stdenv // { hostPlatform = final.stdenv.hostPlatform // { go.GOARCH = "arm64"; qemuArch = "aarch64"; }; };
      dockerTools = import ../../pipelines/docker-tools.nix { pkgs = final.pkgsCross.aarch64-multiplatform; };
    };
    runtimeShell = "${debian.bash}/bin/bash";
    writeText = name: text: writeTextFile { inherit name text; };
    writeScript = name: text: writeTextFile { inherit name text; executable = true; };
    writeShellScriptBin = name: text: writeTextFile {
      inherit name;
      executable = true;
      destination = "/bin/${name}";
      text = "#!${final.runtimeShell}\n${text}\n";
      meta.mainProgram = name;
    };
    buildEnv = { name, paths, pathsToLink ? [ "/" ] }: runCommand name { inherit paths pathsToLink; } ''
      mkdir -p "$out"
      for path in $paths; do
        for link in $pathsToLink; do
          [ ! -e "$path$link" ] || { mkdir -p "$out$link" && cp -rsf "$path$link/." "$out$link"; }
          chmod -R u+w "$out"
        done
      done
    '';
    inherit (debian) bash coreutils;
    bashInteractive = debian.bash;
    busybox = debian.busybox-static;
    zstd = debian.libzstd1;
    zlib = debian.zlib1g;
    # Debian's archives of these are linked
    jansson = debian.zlib1g;
    openssl = debian.zlib1g;
    libdeflate = debian.zlib1g;
    xz = debian.zlib1g;
    hello = runCommand "hello-2.12" { } ''
      mkdir -p $out/bin $out/share
      printf '#!%s sh\necho "Hello, world!"\n' ${final.busybox}/bin/busybox >$out/bin/hello
      chmod 755 $out/bin/hello
    '';
    redis = runCommand "redis-7.0" { } ''
      mkdir -p $out/bin
      printf '#!%s sh\necho "redis in $PWD"\n' ${final.busybox}/bin/busybox >$out/bin/redis-server
      chmod 755 $out/bin/redis-server
    '';
    # what a virtual machine is made of: the kernel of this machine, under a fixed version
    linux = derivation {
      name = "linux-6.1";
      inherit system;
      builder = "/bin/bash";
      args = [ "-euo" "pipefail" ./linux.sh ];
      PATH = "/usr/bin:/bin";
      modDirVersion = "6.1";
    };
    qemu_kvm = programs "qemu-8" [ "qemu-system-x86_64" ] [
      "/usr/lib/*-linux-gnu/qemu/accel-tcg-x86_64.so"
      "/usr/share/qemu/bios-microvm.bin" "/usr/share/qemu/linuxboot_dma.bin" "/usr/share/qemu/pvh.bin"
    ];
    e2fsprogs = programs "e2fsprogs-1.47" [ "mke2fs" ] [ ];
    nix = programs "nix-2.8" [ "nix" "nix-daemon" "nix-store" ] [ ];
    shadow = programs "shadow" [ "groupadd" "useradd" ] [ ];
    cacert = runCommand "cacert" { } ''
      mkdir -p $out/etc/ssl/certs
      printf -- '-----BEGIN CERTIFICATE-----\nnone\n-----END CERTIFICATE-----\n' >$out/etc/ssl/certs/ca-bundle.crt
    '';
  } // lib.genAttrs [
    "curl" "diffutils" "fakechroot" "fakeroot" "findutils" "gawk" "gnugrep" "gnused" "gnutar" "gzip" "jq" "pkg-config"
    "skopeo" "sqlite" "util-linux"
  ] (name: tools);

  # made to refer to the store, where a compiler of the store would see to that
  layerpipe = (callPackage ../../package.nix { }).overrideAttrs (old: {
    libraries = [ debian.libzstd1 debian.zlib1g debian.libc6 debian.coreutils tools ]; # libcurl is in tools
    adapt = ../mkclosure/adapt.pl;
    built = if built == null then "" else builtins.path {
      path = built;
      name = "built";
      filter = path: type: builtins.match ".*/build/(bin|share|libexec)(/.*)?" path != null;
    };
    buildCommand = ''
      if [ -n "$built" ]; then
        cp -r "$built" "$out" && chmod -R u+w "$out"
        grep -lZ 'bash -p$' "$out"/bin/* | xargs -0 sed -i "1s|^#!.* -p$|#!${debian.bash}/bin/bash -p|; 2s|^|export PATH=''${makeFlags##*TOOLS=}:\$PATH\n|"
      else
        cp -r "$src" source && chmod -R u+w source
        make -C source $makeFlags all install V=quiet
      fi
      export depends="$libraries" patch=1 package=layerpipe
      find "$out/bin" "$out/libexec" -type f -print0 | sort -z | perl "$adapt"
    '';
  });

  final = builtins.foldl' (previous: overlay: previous // overlay final previous) base overlays // { inherit layerpipe; };
in
final
