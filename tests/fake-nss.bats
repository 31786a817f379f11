#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
# fake-nss: root and nobody (more in helper-trees.bats)
load helper

@test "the files of nixpkgs' fakeNss, to the byte" {
  fake-nss --output tree
  printf '%s\n' root:x:0:0:root\ user:/var/empty:/bin/sh nobody:x:65534:65534:nobody:/var/empty:/bin/sh |
    same - tree/etc/passwd
  printf '%s\n' root:x:0: nobody:x:65534: | same - tree/etc/group
  echo 'hosts: files dns' | same - tree/etc/nsswitch.conf
  [ "$(cd tree && find . | LC_ALL=C sort | tr '\n' ' ')" = \
    '. ./etc ./etc/group ./etc/nsswitch.conf ./etc/passwd ./var ./var/empty ' ]
}

@test "more users and groups follow, and the system finds them" {
  fake-nss --output tree --extra-passwd-lines 'web:x:80:80:a web server:/srv:/bin/false' \
    --extra-passwd-lines $'one:x:1:1::/:/x\ntwo:x:2:2::/:/x\n' --extra-group-lines 'web:x:80:one,two'
  [ "$(cut -d : -f 1 tree/etc/passwd | tr '\n' ' ')" = 'root nobody web one two ' ]
  [ "$(tail -n 1 tree/etc/group)" = 'web:x:80:one,two' ]
  needs pwck grpck
  pwck -r -q tree/etc/passwd >said 2>&1 || :
  run ! grep -e invalid -e duplicate said
  grpck -r tree/etc/group /dev/null >said 2>&1 || :
  run ! grep -e invalid -e duplicate said
}

# wrong ATTRIBUTE LINE REASON
wrong() {
  local option=--extra-passwd-lines
  [ "$1" = extraPasswdLines ] || option=--extra-group-lines
  fails 1 "fake-nss: $option: '$2': $3" fake-nss --output tree "$option" "$2"
  [ ! -e tree ]
}

@test "lines that are wrong, or clash" {
  wrong extraPasswdLines web:x:80 'expected 7 fields with : between them, found 3'
  wrong extraPasswdLines web:x:80:80::/:/x: 'expected 7 fields with : between them, found 8'
  wrong extraPasswdLines :x:80:80::/:/x 'expected a name first'
  wrong extraPasswdLines web:x:080:80::/:/x 'expected a number from 0 to 4294967294 in field 3'
  wrong extraPasswdLines web:x:80:-1::/:/x 'expected a number from 0 to 4294967294 in field 4'
  wrong extraPasswdLines web:x:4294967295:80::/:/x 'expected a number from 0 to 4294967294 in field 3'
  wrong extraPasswdLines root:x:80:80::/:/x 'the name is used already, with the number 0'
  wrong extraPasswdLines toor:x:0:0::/:/x 'the number is used already, by root'
  wrong extraGroupLines web:x:80::/:/x: 'expected 4 fields with : between them, found 7'
  wrong extraGroupLines web:x::80 'expected a number from 0 to 4294967294 in field 3'
  wrong extraGroupLines nobody:x:80: 'the name is used already, with the number 65534'
  fake-nss --output tree --extra-group-lines $'nogroup:x:65534:\nwheel:x:0:' >printed 2>err
  lines "fake-nss: warning: --extra-group-lines: 'nogroup:x:65534:': the number is also that of nobody" \
    "fake-nss: warning: --extra-group-lines: 'wheel:x:0:': the number is also that of root" >want
  same err want
  lines root:x:0: nobody:x:65534: nogroup:x:65534: wheel:x:0: | same tree/etc/group /dev/stdin
  rm -r tree
  # two of one's own, and a third: the first has the number
  fake-nss --output tree --extra-group-lines $'web:x:80:\nwww:x:80:one' --extra-group-lines http:x:80: >printed 2>err
  lines "fake-nss: warning: --extra-group-lines: 'www:x:80:one': the number is also that of web" \
    "fake-nss: warning: --extra-group-lines: 'http:x:80:': the number is also that of web" >want
  same err want
  [ "$(tail -n 3 tree/etc/group | tr '\n' ' ')" = 'web:x:80: www:x:80:one http:x:80: ' ]
  rm -r tree
  fails 1 "fake-nss: --extra-group-lines: 'a:x:1:"$'\t'"': expected no control byte" \
    fake-nss --output tree --extra-group-lines $'a:x:1:\t' || cat "$BATS_TEST_TMPDIR/fails.err"
  fails 1 "fake-nss: --extra-passwd-lines: '': expected 7 fields with : between them, found 0" \
    fake-nss --output tree --extra-passwd-lines $'a:x:1:1::/:/x\n\nb:x:2:2::/:/x'
}
