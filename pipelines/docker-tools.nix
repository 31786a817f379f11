# SPDX-License-Identifier: MIT
# The functions of nixpkgs' dockerTools, with layerpipe behind them; docker-tools(7) says what differs.
#   dockerTools = import ./docker-tools.nix { inherit pkgs; };
# What attributes there are, and what they may be, lib/shell/attributes.tsv says; all work is done by pipelines,
# which find the attributes of a derivation in its .attrs.json.
{ pkgs, lib ? pkgs.lib, layerpipe ? pkgs.buildPackages.layerpipe or (pkgs.buildPackages.callPackage ../package.nix { }) }:
let
  inherit (builtins) attrNames baseNameOf elem elemAt filter head isList match readFile replaceStrings substring toJSON
    unsafeDiscardStringContext;
  inherit (pkgs) runtimeShell writeText;
  inherit (lib) escapeShellArg makeOverridable optional optionalAttrs optionals optionalString splitString subtractLists toLower;

  # --- attributes ---

  rows = map (splitString "\t") (filter (line: match "[^#].*" line != null) (splitString "\n" (readFile ../lib/shell/attributes.tsv)));

  # Those of the caller's files make no sense in a derivation.
  hidden = [
    "-" "=" "annotations" "attrs" "authfile" "closure" "closureKey" "explain" "format" "knownLayers" "layerCompressor"
    "output" "planOut" "prepare" "prepared" "quiet" "repoTag" "rootDir" "storeDir" "tlsVerify" "to" "via"
  ];

  # What a pipeline takes. The names of pipelines in the table are patterns of a shell.
  known = pipeline: subtractLists hidden (map (row: elemAt row 1)
    (filter (row: match (replaceStrings [ "@(" "*" ] [ "(" ".*" ] (head row)) pipeline != null) rows));

  # checked FUNCTION PIPELINE MORE ATTRIBUTES: the attributes, each of which is known to the pipeline or in MORE
  checked = function: pipeline: more: attributes:
    let
      names = known pipeline ++ more;
      unknown = subtractLists names (attrNames attributes);
    in
    if unknown == [ ] then attributes
    else throw "dockerTools.${function}: unknown attribute '${head unknown}': expected some of ${toString names}";

  architecture = pkgs.stdenv.hostPlatform.go.GOARCH or pkgs.go.GOARCH;

  suffix = compressor: { none = ""; gz = ".gz"; zstd = ".zst"; }.${compressor} or
    (throw "dockerTools: compressor: expected one of \"none\", \"gz\", \"zstd\", found ${toJSON compressor}");

  # withPreset CONTENTS ATTRIBUTES: the packages of a preset go to the contents, whose attribute has that name, where
  # those of the user come before them; the pipeline adds the rest. Of two files with one name copyToRoot takes the last.
  withPreset = contents: attributes:
    let
      preset = attributes.preset or null;
      given = attributes.${contents} or null;
      env = pkgs.buildEnv {
        name = "preset-${preset}";
        paths = [ pkgs.cacert ] ++ optionals (preset == "shell") [ pkgs.bashInteractive pkgs.coreutils ];
        pathsToLink = [ "/bin" "/etc/ssl/certs" ];
      };
      own = optionals (given != null) (lib.toList given);
    in
    if preset == null then attributes
    else attributes // { ${contents} = if contents == "copyToRoot" then [ env ] ++ own else own ++ [ env ]; };

  # --- derivations ---

  # Where nobody says a tag, it is the hash of the output.
  tagOf = tag: drv: if tag != null then tag else substring 0 32 (baseNameOf (unsafeDiscardStringContext drv.outPath));
  tagOption = tag: optionalString (tag == null) ''--tag "$(basename "$out" | cut -c -32)"'';

  # Attributes with store paths that are not the image's
  tools = [ "fromImage" "previousPlan" "knownPlans" "weights" "layerGroups" "kernel" "modules" "qemu" "mke2fs" "drv" ];

  # image NAME ATTRIBUTES MORE COMMAND: a derivation whose .attrs.json has the attributes of an image. The closure in
  # it is that of all store paths that the attributes mention, and of the builder's own tools, as commands can put
  # these into the image; it has in it what the image then turns out to refer to.
  image = name: attributes: more: command: pkgs.stdenvNoCC.mkDerivation (
    { inherit architecture; }
    // removeAttrs attributes [ "name" "passthru" "meta" ]
    // {
      inherit name;
      imageName = toLower attributes.name;
      __structuredAttrs = true;
      exportReferencesGraph.closure = [
        (writeText "${name}-mentions" (toJSON (removeAttrs attributes
          ([ "passthru" "meta" ] ++ tools))))
        layerpipe
        pkgs.stdenvNoCC
      ];
      buildCommand = optionalString (elem "now" [ (attributes.created or "") (attributes.mtime or "") ]) ''
        unset SOURCE_DATE_EPOCH
      '' + command;
    }
    // more
    // { nativeBuildInputs = [ layerpipe ] ++ optionals (attributes.includeNixDB or false) [ pkgs.nix pkgs.sqlite ]; }
  );

  # A small derivation, of a command alone
  run = name: attributes: command: pkgs.stdenvNoCC.mkDerivation (attributes // {
    inherit name;
    nativeBuildInputs = [ layerpipe ];
    buildCommand = command;
  });

  # Scripts that bring an image elsewhere: copyTo DESTINATION, as skopeo names it, and three that know one
  copies = { name, tag, command }:
    let
      script = program: destination: pkgs.writeShellScriptBin program ''
        set -euo pipefail
        ${destination}
        ${command}
      '';
      fixed = program: form: script program "set -- ${escapeShellArg "${form}${toLower name}:${tag}"} \"$@\"";
    in
    {
      copyTo = script "copy-to" ''
        [ $# != 0 ] || { echo 'usage: copy-to DESTINATION [OPTION...]' >&2; exit 2; }'';
      copyToRegistry = fixed "copy-to-registry" "docker://";
      copyToPodman = fixed "copy-to-podman" "containers-storage:";
      copyToDockerDaemon = fixed "copy-to-docker-daemon" "docker-daemon:";
    };

  # --- images of one layer ---

  # What a machine for runAsRoot is made of, and the start of the script, as upstream has it
  machine = args: optionalAttrs (args.runAsRoot or null != null) ({
    runAsRoot = ''
      #!${runtimeShell}
      set -e
      export PATH=${pkgs.coreutils}/bin:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
      ${args.runAsRoot}'';
  } // optionalAttrs (args.engine or "auto" != "userns") (let kernel = pkgs.linux; in {
    kernel = args.kernel or "${kernel}/${pkgs.stdenv.hostPlatform.linux-kernel.target or "bzImage"}";
    modules = args.modules or "${kernel.modules or kernel}/lib/modules/${kernel.modDirVersion}";
    qemu = args.qemu or "${pkgs.qemu_kvm}/bin/qemu-system-${pkgs.stdenv.hostPlatform.qemuArch}";
    mke2fs = args.mke2fs or "${pkgs.e2fsprogs}/bin/mke2fs";
  }));

  buildImage = makeOverridable (given:
    let
      inherit (args) name;
      tag = args.tag or null;
      args = withPreset "copyToRoot" (
        if given.contents or null == null then checked "buildImage" "build-image" [ ] given
        else if given.copyToRoot or null != null
        then throw "dockerTools.buildImage: contents and copyToRoot: expected copyToRoot alone"
        else lib.warn "dockerTools.buildImage: contents is deprecated: use copyToRoot, and buildEnv where it is for /bin"
          (removeAttrs given [ "contents" ] // { copyToRoot = given.contents; }));
      root = args.runAsRoot or null != null;
      result = image "docker-image-${baseNameOf name}.tar${suffix (args.compressor or "gz")}" (args // machine args) {
        requiredSystemFeatures = optional (root && args.engine or "auto" == "kvm") "kvm";
        passthru = {
          buildArgs = given;
          imageTag = tagOf tag result;
          layer = run "docker-layer-${baseNameOf name}" { } ''
            mkdir layers $out
            image-layers ${result} | tar -C layers -xf -
            mv "layers/$(ls -v layers | tail -n 1)" $out/layer.tar
            image-layers --config ${result} | grep -v ^history | config-json >$out/json
            echo -n 1.0 >$out/VERSION
          '';
        } // copies {
          inherit name;
          tag = result.imageTag;
          command = ''
            destination=$1
            shift
            if [[ $destination != docker://* || " $*" == *" --"@(dest|src)-* ]]; then # options of skopeo
              exec ${pkgs.skopeo}/bin/skopeo --insecure-policy copy "$@" docker-archive:${result} "$destination"
            fi
            PATH=${lib.makeBinPath [ layerpipe pkgs.coreutils pkgs.jq ]}:$PATH
            layout=$(mktemp -d)
            trap 'rm -rf "$layout"' EXIT
            merge-images --format oci --output "$layout/image" ${result}
            credentials=$(registry-credentials "$destination")
            registry-push ''${credentials:+--credentials 3} "$@" "$layout/image" "$destination" 3<<<"$credentials"'';
        };
      } ''build-image --attrs .attrs.json ${tagOption tag} --output "$out"'';
    in
    result);

  # --- layered images ---

  # All but the bytes of the store layers: prepared-image(5). Its files mention the store paths, so that these are
  # not collected as garbage.
  prepare = pipeline: name: attributes: more:
    let
      conf = image "${baseNameOf name}-conf" attributes (more // {
        passthru.imageTag = tagOf (attributes.tag or null) conf;
      }) ''${pipeline} --attrs .attrs.json ${tagOption (attributes.tag or null)} --prepare "$out"'';
    in
    conf;

  streamed = baseName: passthru: conf: pkgs.stdenvNoCC.mkDerivation {
    name = "stream-${baseName}";
    inherit (conf) imageName;
    preferLocalBuild = true;
    allowSubstitutes = false;
    passthru = passthru // {
      inherit conf;
      inherit (conf) imageTag;
      streamScript = "${layerpipe}/bin/stream-layered-image";
      isExe = true;
    } // copies {
      name = conf.imageName;
      tag = conf.imageTag;
      command = ''
        destination=$1
        shift
        exec ${layerpipe}/bin/build-layered-image --prepared ${conf} --to "$destination" "$@"'';
    };
    buildCommand = ''
      cat >$out <<'END'
      #!${runtimeShell}
      exec ${layerpipe}/bin/stream-layered-image --prepared ${conf} "$@"
      END
      chmod 555 $out
    '';
  };

  built = fileName: compressor: stream: pkgs.stdenvNoCC.mkDerivation {
    name = "${fileName}.tar${suffix compressor}";
    inherit (stream) imageName;
    nativeBuildInputs = [ layerpipe ];
    passthru = { inherit stream; inherit (stream) imageTag conf copyTo copyToRegistry copyToPodman copyToDockerDaemon; };
    buildCommand = ''
      unset SOURCE_DATE_EPOCH # as created can be "now"
      build-layered-image --prepared ${stream.conf} --compressor ${compressor} --output "$out"
    '';
  };

  streamLayeredImage = makeOverridable (given:
    let args = withPreset "contents" (checked "streamLayeredImage" "stream-layered-image" [ "passthru" "debug" ] given); in
    if args.maxLayers or 100 <= 1 && args.layeringPipeline or null == null
    then throw "dockerTools.streamLayeredImage: maxLayers: expected more than 1, as the customisation layer is one"
    else if args.enableFakechroot or false && pkgs.stdenv.hostPlatform.isDarwin
    then throw "dockerTools.streamLayeredImage: enableFakechroot works on Linux only"
    else streamed (baseNameOf args.name) (args.passthru or { })
      (prepare "stream-layered-image" args.name (removeAttrs args [ "debug" ]) { }));

  buildLayeredImage = makeOverridable (args:
    built (baseNameOf args.name) (args.compressor or "gz") (streamLayeredImage (removeAttrs args [ "compressor" ])));

  # --- images of a nix-shell ---

  streamNixShellImage = { drv, ... }@given:
    let
      name = args.name or "${drv.name}-env";
      args = checked "streamNixShellImage" "stream-nix-shell-image" [ ] given;
    in
    if drv.drvAttrs.__structuredAttrs or false
    then throw "dockerTools.streamNixShellImage: '${drv.name}' has __structuredAttrs, which are not supported"
    else if args.command or null != null && args.run or null != null
    then throw "dockerTools.streamNixShellImage: command and run: expected one of them"
    else streamed (baseNameOf name) { } (prepare "stream-nix-shell-image" name ({
      inherit name;
      inherit (pkgs) coreutils cacert;
      shell = "${pkgs.bashInteractive}/bin/bash";
    } // args // {
      drv = builtins.unsafeDiscardOutputDependency drv.drvPath;
      inputs = removeAttrs drv.drvAttrs [ "outputs" ]; # what they mention, the image can need
    }) { });

  buildNixShellImage = { drv, compressor ? "gz", ... }@args:
    built "${drv.name}-env" compressor (streamNixShellImage (removeAttrs args [ "compressor" ]));

  # --- images of others ---

  pullImage = { imageName, imageDigest, finalImageName ? imageName, finalImageTag ? "latest"
    , name ? "docker-image-${replaceStrings [ "/" ":" ] [ "-" "-" ] "${finalImageName}-${finalImageTag}"}.tar", ... }@given:
    let
      args = checked "pullImage" "pull-image" [ "tlsVerify" ] given;
      hash = args.hash or args.sha256 or args.outputHash or "";
    in
    pkgs.stdenvNoCC.mkDerivation ({
      arch = architecture;
      inherit finalImageName finalImageTag;
    } // removeAttrs args [ "hash" "sha256" ] // {
      inherit name;
      __structuredAttrs = true;
      imageTag = finalImageTag;
      sourceURL = "docker://${imageName}@${imageDigest}";
      destNameTag = "${finalImageName}:${finalImageTag}";
      outputHash = if hash == "" then lib.fakeHash else hash;
      outputHashAlgo = args.outputHashAlgo or "sha256";
      outputHashMode = "flat";
      impureEnvVars = lib.fetchers.proxyImpureEnvVars;
      SSL_CERT_FILE = "${pkgs.cacert}/etc/ssl/certs/ca-bundle.crt";
      nativeBuildInputs = [ layerpipe ];
      buildCommand = ''
        export SSL_CERT_FILE
        pull-image --attrs .attrs.json --output "$out"
      '';
    });

  exportImage = { fromImage, name ? fromImage.name, ... }@args: pkgs.stdenvNoCC.mkDerivation (
    checked "exportImage" "export-image" [ ] args // {
      inherit name;
      __structuredAttrs = true;
      nativeBuildInputs = [ layerpipe ];
      buildCommand = ''export-image --attrs .attrs.json --output "$out"'';
    });

  mergeImages = images: run "merge-docker-images" { inherit images; } ''merge-images --output "$out" $images'';

  # --- trees for the root of an image ---

  withNixDb = build: args: build (args // { includeNixDB = true; });
in
{
  inherit buildImage buildLayeredImage streamLayeredImage buildNixShellImage streamNixShellImage pullImage exportImage
    mergeImages;
  buildImageWithNixDb = withNixDb buildImage;
  buildLayeredImageWithNixDb = withNixDb buildLayeredImage;

  usrBinEnv = run "usr-bin-env" { } "usr-bin-env --coreutils ${pkgs.coreutils} --output $out";
  binSh = run "bin-sh" { } "bin-sh --bash ${pkgs.bashInteractive} --output $out";
  caCertificates = run "ca-certificates" { } "ca-certificates --cacert ${pkgs.cacert} --output $out";
  fakeNss = makeOverridable ({ extraPasswdLines ? [ ], extraGroupLines ? [ ] }: pkgs.stdenvNoCC.mkDerivation {
    name = "fake-nss";
    __structuredAttrs = true;
    inherit extraPasswdLines extraGroupLines;
    nativeBuildInputs = [ layerpipe ];
    buildCommand = ''fake-nss --attrs .attrs.json --output "$out"'';
  }) { };
  # what shadow-setup(1) prints, for the shell of the store
  shadowSetup = "export PATH=${pkgs.shadow}/bin\${PATH:+:$PATH}\n" + replaceStrings [ "@shell@" ] [ runtimeShell ] (readFile ../lib/shell/shadow.sh);
}
