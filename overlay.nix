# SPDX-License-Identifier: MIT
# nixpkgs with layerpipe, and with it behind dockerTools.
final: previous: {
  layerpipe = final.callPackage ./package.nix { };
  dockerTools = import ./pipelines/docker-tools.nix { pkgs = final; };
}
