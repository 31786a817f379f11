# SPDX-License-Identifier: MIT
{ dockerTools, runtimeShell }:
dockerTools.buildImage {
  name = "shadow-basic";

  runAsRoot = ''
    #!${runtimeShell}
    ${dockerTools.shadowSetup}
    groupadd -r redis
    useradd -r -g redis redis
    mkdir /data
    chown redis:redis /data
  '';
}
