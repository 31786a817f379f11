# SPDX-License-Identifier: MIT
# The registry and what it has are the caller's.
{ dockerTools, imageName, imageDigest, sha256, tlsVerify }:
dockerTools.pullImage {
  inherit imageName imageDigest sha256 tlsVerify;
  finalImageName = "nix";
  finalImageTag = "2.11.1";
  os = "linux";
  arch = "x86_64";
}
