# SPDX-License-Identifier: MIT
{ dockerTools, hello }:
dockerTools.buildLayeredImage {
  name = "hello";
  config.Cmd = [ "${hello}/bin/hello" ];
}
