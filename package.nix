# SPDX-License-Identifier: MIT
# layerpipe, for callPackage. Its programs find the others that they start in the store: a pipeline by one
# line with a PATH, a filter by what it was built with. What runAsRoot needs (QEMU, a kernel, mke2fs) is large,
# and comes with the image that needs it.
{ lib, stdenv, pkg-config, jansson, openssl, libdeflate, xz, zstd, zlib
, bash, coreutils, curl, diffutils, fakechroot, fakeroot, findutils, gawk, gnugrep, gnused, gnutar, gzip, jq, skopeo
, util-linux }:
let
  # util-linux: the getopt of fakeroot
  tools = lib.makeBinPath [
    bash coreutils curl diffutils fakechroot fakeroot findutils gawk gnugrep gnused gnutar gzip jq skopeo util-linux xz
    zstd
  ];
  version = builtins.head (builtins.match ".*\nVERSION = ([0-9.]+)\n.*" (builtins.readFile ./Makefile));
  parts = [ "Makefile" "LICENSE" "bin" "lib" "man" "pipelines" ];
  root = toString ./.;
  source = builtins.path {
    path = ./.;
    name = "layerpipe-${version}-source";
    filter = path: type: dirOf path != root || builtins.elem (baseNameOf path) parts;
  };
in
stdenv.mkDerivation {
  name = "layerpipe-${version}";
  src = source;
  nativeBuildInputs = [ pkg-config ];
  # the program that runs in a machine is static
  buildInputs = [ curl jansson openssl libdeflate xz zstd zlib ] ++ lib.optional (stdenv.cc.libc ? static) stdenv.cc.libc.static;
  enableParallelBuilding = true;
  makeFlags = [
    "PREFIX=${placeholder "out"}"
    "DEPS=none"
    "BASH=${bash}/bin/bash"
    "TOOLS=${tools}"
  ];
  dontPatchShebangs = true;
  meta = {
    description = "Builds container images out of Nix store closures, with filters and pipelines";
    license = lib.licenses.mit;
    platforms = lib.platforms.linux;
  };
}
