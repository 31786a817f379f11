# SPDX-License-Identifier: MIT
{ dockerTools, hello }:
dockerTools.streamLayeredImage {
  name = "hello";
  includeStorePaths = false;
  config.Cmd = [ "${hello}/bin/hello" ];
}
