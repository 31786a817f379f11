# SPDX-License-Identifier: MIT
{ dockerTools, hello }:
dockerTools.buildNixShellImage {
  drv = hello;
}
