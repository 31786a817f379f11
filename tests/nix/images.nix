# SPDX-License-Identifier: MIT
# Images for the tests, by docker-tools.nix; what they are to show is in tests/e2e/docker-tools.bats.
{ packages, built ? null }:
let
  pkgs = import ./. { inherit packages built; overlays = [ (import ../../overlay.nix) ]; };
  inherit (pkgs) lib callPackage dockerTools bash coreutils hello runCommand;
  inherit (dockerTools) buildImage buildLayeredImage exportImage mergeImages streamLayeredImage;
  root = name: paths: pkgs.buildEnv { inherit name paths; };
  tools = root "tools" [ bash coreutils ];

  ownShell = runCommand "own-shell" { } "mkdir -p $out/bin && echo own >$out/bin/sh";

  layeredOnTopArgs = {
    name = "layered-on-top";
    fromImage = images.bash;
    inheritConfig = true;
    layeringPipeline = [ [ "popularity_contest" ] [ "limit_layers" 3 ] ];
    config.User = "alice";
    fakeRootCommands = ''
      install -d -o 1000 -g 100 home/alice
      echo ${hello}/bin/hello >home/alice/hello
      date +%N >made
      chmod 4755 home/alice/hello
    '';
    enableFakechroot = true;
  };

  shellDrv = derivation {
    name = "made";
    system = builtins.currentSystem;
    builder = "${bash}/bin/bash";
    args = [ "-ec" "${coreutils}/bin/cat $textPath ${hello}/bin/hello >$out" ];
    text = "from 'a file'\n";
    passAsFile = [ "text" ];
  };

  images = rec {
    inherit (dockerTools) usrBinEnv binSh caCertificates fakeNss;
    extraCommands = callPackage ./examples/build-extra-commands.nix { };
    preset = buildImage { name = "preset"; preset = "shell"; copyToRoot = [ hello ownShell ]; };
    presetLayered = buildLayeredImage { name = "preset-layered"; preset = "minimal"; compressor = "none"; };
    createdNow = callPackage ./examples/build-created-now.nix { };
    helpers = callPackage ./examples/build-helpers.nix { };
    layeredContents = callPackage ./examples/layered-contents.nix { };
    layeredConfig = callPackage ./examples/layered-config.nix { };
    # one path of it is another one
    changed = layeredConfig.override { hello = hello.overrideAttrs (old: { again = true; }); };
    withoutStore = callPackage ./examples/layered-without-store.nix { };
    filters = callPackage ./examples/filters.nix { };
    shadowBasic = callPackage ./examples/build-shadow.nix { };

    bash = buildImage {
      name = "Bash";
      copyToRoot = tools;
      compressor = "none";
      config = { Env = [ "PATH=/bin" "A=base" "B=base" ]; Cmd = [ "/bin/bash" "-c" "echo from $A" ]; };
    };
    # the path of ls is known to the builder's PATH alone
    onTop = buildImage {
      name = "team/on-top";
      fromImage = bash;
      copyToRoot = [ ./examples hello ];
      uid = 1000;
      gid = 100;
      architecture = "arm64";
      inheritConfig = true;
      created = "2020-01-02T03:04:05Z";
      config = { Env = [ "A=top" "C=top" ]; User = "1000:100"; };
      extraCommands = ''
        cat ./bin/hello >copied
        ln -s "$(type -P ls)" ls
      '';
      compressor = "zstd";
    };
    layer = onTop.layer;
    nothing = buildImage { name = "nothing"; allowEmpty = true; config = null; };
    exportedExample = callPackage ./examples/export.nix { };
    exported = exportImage { fromImage = onTop; };
    merged = mergeImages [ onTop nothing bash ];

    layered = streamLayeredImage {
      name = "layered";
      contents = tools;
      config = { Env = [ "PATH=/bin" "A=base" ]; Cmd = [ "/bin/bash" "-c" "echo layered" ]; };
      maxLayers = 5;
      passthru.mine = "yes";
    };
    # commands run once, when it is prepared; the path of hello is in their text alone
    layeredOnTop = streamLayeredImage layeredOnTopArgs;
    layeredOnTopFile = buildLayeredImage (layeredOnTopArgs // { compressor = "zstd"; });
    database = dockerTools.buildLayeredImageWithNixDb {
      name = "database";
      contents = [ hello ];
      config.Cmd = [ "${coreutils}/bin/true" ];
    };
    nixShell = dockerTools.buildNixShellImage { drv = shellDrv; tag = "1"; compressor = "none"; };
    nixShellRun = dockerTools.streamNixShellImage {
      drv = shellDrv;
      name = "run";
      tag = "1";
      run = ''
        buildDerivation
        cat $out
        id -u
        pwd
      '';
    };
    nss = fakeNss.override { extraPasswdLines = [ "alice:x:1000:100::/home/alice:/bin/sh" ]; };
  };
in
images // {
  inherit pkgs dockerTools;
  copies = map (image: image.stream.copyTo) (with images; [ layeredConfig changed ]);
  # of these a virtual machine each would be made
  asRoot = callPackage ./examples/build-run-as-root.nix { };
  helloShell = callPackage ./examples/nix-shell.nix { };
  redis = callPackage ./examples/build-redis.nix { };
  all = runCommand "all" { } (lib.concatMapStringsSep "\n" (name: "mkdir -p $out; ln -s ${images.${name}} $out/${name}")
    (builtins.attrNames images));
}
