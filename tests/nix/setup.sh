# SPDX-License-Identifier: MIT
# What a builder of a stand-in derivation begins with, with or without structured attributes, and a nix-shell.
# shellcheck shell=bash
# shellcheck disable=SC2154,SC2123,SC1091,SC2068,SC2128,SC2178 # variables are attributes
if [ -e .attrs.sh ]; then
  . ./.attrs.sh
  out=${outputs[out]}
  export out
fi
export SOURCE_DATE_EPOCH=315532800
PATH=
for path in ${nativeBuildInputs[@]} ${defaultInputs[@]}; do PATH+=$path/bin:; done
export PATH=$PATH/usr/sbin:/usr/bin:/sbin:/bin # where the machine can be seen

runHook() { eval "${!1-}"; }
