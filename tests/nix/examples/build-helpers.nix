# SPDX-License-Identifier: MIT
{ dockerTools }:
dockerTools.buildImage {
  name = "environment-example";
  copyToRoot = with dockerTools; [
    usrBinEnv
    binSh
    caCertificates
    fakeNss
  ];
}
