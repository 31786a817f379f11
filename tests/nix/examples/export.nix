# SPDX-License-Identifier: MIT
{ dockerTools, callPackage }:
let
  someLayeredImage = callPackage ./layered-contents.nix { };
in
dockerTools.exportImage {
  fromImage = someLayeredImage;
  fromImageName = null;
  fromImageTag = null;

  name = someLayeredImage.name;
}
