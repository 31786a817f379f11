# SPDX-License-Identifier: MIT
{ dockerTools, buildEnv }:
with dockerTools;
buildImage {
  name = "shadow-basic";

  copyToRoot = buildEnv {
    name = "image-root";
    paths = [ binSh fakeNss ];
    pathsToLink = [ "/bin" "/etc" "/var" ];
  };
}
