# SPDX-License-Identifier: MIT
# What package.nix and docker-tools.nix use of nixpkgs' lib, with the same meaning.
let
  inherit (builtins) all attrNames concatStringsSep filter functionArgs head isAttrs isFunction isString length listToAttrs
    map match replaceStrings split substring;
in
rec {
  inherit (builtins) concatMap elem genList;
  optional = condition: value: if condition then [ value ] else [ ];
  optionals = condition: list: if condition then list else [ ];
  optionalString = condition: text: if condition then text else "";
  optionalAttrs = condition: set: if condition then set else { };
  toList = value: if builtins.isList value then value else [ value ];
  splitString = separator: text: filter isString (split separator text);
  toLower = replaceStrings
    (map (i: substring i 1 "ABCDEFGHIJKLMNOPQRSTUVWXYZ") (genList (i: i) 26))
    (map (i: substring i 1 "abcdefghijklmnopqrstuvwxyz") (genList (i: i) 26));
  concatMapStringsSep = separator: f: list: concatStringsSep separator (map f list);
  concatStringsSep = builtins.concatStringsSep;
  escapeShellArg = text: "'${replaceStrings [ "'" ] [ "'\\''" ] (toString text)}'";
  escapeShellArgs = concatMapStringsSep " " escapeShellArg;
  makeBinPath = concatMapStringsSep ":" (path: "${path}/bin");
  subtractLists = out: filter (element: !(builtins.elem element out));
  genAttrs = names: f: listToAttrs (map (name: { inherit name; value = f name; }) names);
  filterAttrs = f: set: genAttrs (filter (name: f name set.${name}) (attrNames set)) (name: set.${name});
  warn = text: builtins.trace "warning: ${text}";
  warnIf = condition: text: if condition then warn text else (value: value);
  throwIf = condition: text: if condition then throw text else (value: value);
  isDerivation = value: value.type or null == "derivation";
  makeOverridable = f: args:
    let result = f args; again = new: makeOverridable f (args // (if isFunction new then new args else new)); in
    if isAttrs result then result // { override = again; } else result;
  fakeHash = "sha256-AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=";
  fetchers.proxyImpureEnvVars = [ "http_proxy" "https_proxy" "ftp_proxy" "all_proxy" "no_proxy" ];
  licenses.mit = "mit";
  platforms.linux = [ "x86_64-linux" "aarch64-linux" ];
}
