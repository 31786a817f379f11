# SPDX-License-Identifier: MIT
{
  description = "Container images out of Nix store closures";
  inputs.nixpkgs.url = "nixpkgs";
  outputs = { self, nixpkgs }:
    let
      systems = [ "x86_64-linux" "aarch64-linux" ];
      each = f: builtins.listToAttrs (map (name: { inherit name; value = f nixpkgs.legacyPackages.${name}; }) systems);
      package = pkgs: pkgs.callPackage ./package.nix { };
    in
    {
      overlays.default = import ./overlay.nix;
      # lib.dockerTools pkgs: what the overlay puts in place of pkgs.dockerTools
      lib.dockerTools = pkgs: import ./pipelines/docker-tools.nix { inherit pkgs; };
      packages = each (pkgs: rec { layerpipe = package pkgs; default = layerpipe; });
      checks = each (pkgs: {
        package = package pkgs;
        image = (self.lib.dockerTools pkgs).buildLayeredImage { name = "bash"; contents = [ pkgs.bash ]; };
      });
    };
}
