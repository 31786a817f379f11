# SPDX-License-Identifier: MIT
# Images for the tests, by docker-tools.nix; what they are to show is in tests/e2e/docker-tools.bats. Small programs
# stand in for those of nixpkgs' own tests: the httpd of busybox for nginx, bash and coreutils for editors.
{ packages, built ? null }:
let
  pkgs = import ./. { inherit packages built; overlays = [ (import ../../overlay.nix) ]; };
  inherit (pkgs) lib callPackage dockerTools bash coreutils hello runCommand;
  inherit (dockerTools) buildImage buildLayeredImage exportImage mergeImages streamLayeredImage;
  root = name: paths: pkgs.buildEnv { inherit name paths; };
  tools = root "tools" [ bash coreutils ];

  # an example that gives other attributes to that function, too
  example = file: function: more: callPackage file {
    dockerTools = dockerTools // { ${function} = args: dockerTools.${function} (args // more args); };
  };

  helloLink = runCommand "hello-link" { } "ln -s ${hello} $out";

  ownShell = runCommand "own-shell" { } "mkdir -p $out/bin && echo own >$out/bin/sh";

  # a tree of files, and a program that puts links to them into /etc, as NixOS does
  etc = runCommand "etc" { } "mkdir $out && echo localhost >$out/some-config";
  activate = pkgs.writeShellScriptBin "activate" ''
    mkdir -p /etc
    ln -sfn ${etc} /etc/static
    ln -sfn static/some-config /etc/some-config
  '';

  layeredOnTopArgs = {
    name = "layered-on-top";
    fromImage = images.bash;
    inheritConfig = true;
    layeringPipeline = pkgs.writeText "pipeline.json" (builtins.toJSON [ [ "popularity_contest" ] [ "limit_layers" 2 ] ]);
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

  shell = pkgs.stdenv.mkDerivation {
    inherit (pkgs) stdenv;
    name = "shell";
    nativeBuildInputs = [ hello ];
    shellHook = "echo the hook";
    str = "this is a string";
    passAsFile = [ "str" ];
    buildCommand = "touch $out";
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
    withoutStore = callPackage ./examples/layered-without-store.nix { };
    asRoot = callPackage ./examples/build-run-as-root.nix { };
    filters = callPackage ./examples/filters.nix { };
    shadowBasic = callPackage ./examples/build-shadow.nix { };
    fakeNssExample = callPackage ./examples/build-fake-nss.nix { };
    helloShell = example ./examples/nix-shell.nix "buildNixShellImage" (args: { maxLayers = 3; });

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
    # the defaults of packages for another machine
    cross = pkgs.pkgsCross.aarch64-multiplatform.dockerTools.buildLayeredImage {
      name = "cross";
      contents = [ ownShell ];
      layeringPipeline = [ [ "popularity_contest" ] [ "limit_layers" 1 ] ];
      compressor = "none";
    };
    merged = mergeImages [ onTop nothing cross parent bash ];

    layered = streamLayeredImage {
      name = "layered";
      contents = tools;
      config = { Env = [ "PATH=/bin" "A=base" ]; Cmd = [ "/bin/bash" "-c" "echo layered; stat -c '%a %u' /nix /nix/store" ]; };
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
    nixShellRun = dockerTools.streamNixShellImage {
      drv = shellDrv;
      name = "run";
      tag = "1";
      maxLayers = 2;
      run = ''
        buildDerivation
        cat $out
        id -u
        pwd
        [ "$HOME" = "$(eval "echo ~$(whoami)")" ] && touch $HOME/file && echo home
        case $- in *i*) ;; *) echo not interactive ;; esac
      '';
    };
    nixShellCommand = dockerTools.streamNixShellImage {
      drv = shell;
      name = "command";
      tag = "1";
      maxLayers = 2;
      homeDirectory = "/homeless-shelter";
      command = ''
        hello
        cat "$strPath"
        echo
        [ "$HOME" = "$(eval "echo ~$(whoami)")" ] && [ ! -e $HOME ] && echo no home
        case $- in *i*) echo interactive ;; esac
      '';
    };
    # by the plan of another image
    planned = (streamLayeredImage { name = "planned"; contents = [ tools hello ]; previousPlan = "${layered.conf}/plan"; maxDecay = 1000; }).conf;
    known = (streamLayeredImage { name = "known"; contents = [ tools hello ]; sharing = 100; knownPlans = [ "${layered.conf}/plan" ]; }).conf;

    # what nixpkgs' own tests ask for, several cases in an image
    parent = buildImage {
      name = "parent";
      copyToRoot = pkgs.busybox;
      compressor = "none";
      extraCommands = "mkdir tmp; echo one | tee tmp/layer1 >tmp/layerN";
      config.Env = [ "PATH=/bin" "FROM_PARENT=true" "LAST=parent" ];
    };
    parentCopy = parent.copyTo;
    child = buildImage {
      name = "child";
      fromImage = parent;
      compressor = "none";
      extraCommands = "mkdir tmp; echo two | tee tmp/layer2 >tmp/layerN";
      config.Env = [ "FROM_CHILD=true" "LAST=child" ];
    };
    # with what its script finds of the three layers below, two of which are the same, and then these commands
    redis = example ./examples/build-redis.nix "buildImage" (args: {
      fromImage = child.override { fromImage = child; };
      inheritConfig = true;
      compressor = "none";
      runAsRoot = args.runAsRoot + "cat /tmp/layer1 /tmp/layer2 /tmp/layerN >/seen";
      extraCommands = "cat seen >extra; echo extra >>extra";
    });
    top = streamLayeredImage {
      name = "registry.example/team/top";
      tag = "1";
      fromImage = redis;
      maxLayers = 7;
      created = "now";
      contents = [ helloLink dockerTools.caCertificates ];
      config.Env = [ "FROM_TOP=true" "LAST=top" ];
      enableFakechroot = true;
      fakeRootCommands = ''
        mkdir -p /home/alice /tmp
        chown 1000 /home/alice
        echo three >/tmp/layerN
        chown 12345 /tmp/layerN
        ln -s ${hello} /hello
        ${activate}/bin/activate
      '';
    };
    # a machine made the layer below
    onRoot = buildImage { name = "on-root"; fromImage = shadowBasic; copyToRoot = pkgs.busybox; compressor = "none"; config.User = "redis"; };
    withoutStoreFakechroot = streamLayeredImage {
      name = "hello";
      tag = "fakechroot";
      includeStorePaths = false;
      enableFakechroot = true;
      config.Cmd = [ "${hello}/bin/hello" ];
    };
    twoLayered = buildLayeredImage { name = "two-layered"; contents = [ hello pkgs.bash ]; maxLayers = 2; compressor = "none"; };
    fourLayered = streamLayeredImage {
      name = "four-layered";
      tag = "1";
      fromImage = twoLayered;
      contents = [ pkgs.busybox hello ownShell ];
      maxLayers = 4;
      config = { Cmd = [ "${hello}/bin/hello" ]; User = "1000:1000"; };
    };
    withNix = dockerTools.streamLayeredImage {
      name = "with-nix";
      tag = "1";
      contents = [ pkgs.nix hello pkgs.busybox ];
      extraCommands = "mkdir -m 1777 tmp";
      maxLayers = 2;
      includeNixDB = true;
      config.Env = [ "PATH=/bin" "USER=nobody" ];
    };
    databaseOfOne = dockerTools.buildImageWithNixDb { name = "database"; copyToRoot = root "hello" [ hello ]; };
    web = streamLayeredImage {
      name = "web";
      tag = "1";
      maxLayers = 2;
      contents = [ fakeNss ];
      extraCommands = ''
        mkdir www
        echo served >www/index.html
      '';
      config = {
        User = "nobody:nobody";
        ExposedPorts."8080/tcp" = { };
        Cmd = [ "${pkgs.busybox}/bin/busybox" "httpd" "-f" "-p" "8080" "-h" "/www" ];
      };
    };

    nss = fakeNss.override { extraPasswdLines = [ "alice:x:1000:100::/home/alice:/bin/sh" ]; };
  };
in
images // {
  inherit pkgs dockerTools;
  copies =
    let
      says = build: name: text: build { inherit name; tag = "1"; config.Cmd = [ "${pkgs.busybox}/bin/busybox" "echo" text ]; };
      images = [ (says streamLayeredImage "copied" "copied") (says buildImage "copied-file" "copied file") ];
    in
    map (image: image.copyToPodman) images ++ map (image: image.copyToDockerDaemon) images;
  nixShell = dockerTools.buildNixShellImage { drv = shellDrv; tag = "1"; compressor = "none"; };
  all = runCommand "all" { } (lib.concatMapStringsSep "\n" (name: "mkdir -p $out; ln -s ${images.${name}} $out/${name}")
    (builtins.attrNames images));
}
