# SPDX-License-Identifier: MIT
# Builder of stand-in derivations, with or without structured attributes. Runs under bash -e.
# shellcheck shell=bash
# shellcheck disable=SC2154,SC2123,SC1091,SC2068,SC2128,SC2178 # variables are attributes
if [ -e .attrs.sh ]; then
  . ./.attrs.sh
  out=${outputs[out]}
  export out
fi
export SOURCE_DATE_EPOCH=315532800 HOME=/homeless-shelter
PATH=
for path in ${nativeBuildInputs[@]} ${defaultInputs[@]}; do PATH+=$path/bin:; done
export PATH=$PATH/usr/sbin:/usr/bin:/sbin:/bin # where the machine can be seen

eval "${buildCommand:?}"
