#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
# export-image: attributes and names; what is in the tar, tests/layer-flatten.bats says.
load helper

hello=/nix/store/4ddddddddddddddddddddddddddddddd-hello-1.0

setup() {
  setup_path
  PATH=$TOP/tests/fixtures:$PATH
  made images images
  image-layers images/plain.tar | layer-flatten >want
}

@test "T37: the tar of an image with programs in its root has ./bin/ and what is in it" {
  made example ex
  build-layered-image --name hello --tag 1 --contents "$hello" --closure ex/closure.json --root-dir ex/root \
    --compressor gz --quiet --output hello.tar.gz
  export-image --from-image hello.tar.gz >printed
  [ "$(cat printed)" = hello.tar ]
  tar -tf hello.tar >names
  grep -qx ./bin/ names
  grep -qx ./bin/hello names
  grep -qx ".$hello/bin/hello" names
  [ "$(grep -vc '^\./' names)" = 0 ]
  mkdir files
  tar -xf hello.tar -C files
  diff -r "ex/root$hello" "files$hello"
}

@test "the tar is called as the image's file is, without suffixes, or by its name" {
  local file
  for file in app.tar.gz app.tgz app.tar.zst app app/ ./x/app.tar.gz \
    nix/store/0123456789abcdfghijklmnpqrsvwxyz-app.tar.gz; do
    mkdir -p nix/store x
    rm -rf app app.tar
    case $file in
      */) cp -r images/oci "$file" ;;
      *.gz | *.tgz) cp images/plain.tar.gz "$file" ;;
      *.zst) cp images/plain.tar.zst "$file" ;;
      *) cp images/plain.tar "$file" ;;
    esac
    [ "$(export-image --from-image "$file")" = app.tar ] || { echo "$file"; false; }
    same want app.tar
  done
  [ "$(export-image --from-image images/plain.tar --name registry.example/x)" = x.tar ]
  same want x.tar
  [ "$(export-image --from-image=images/plain.tar --output=out)" = out ]
  same want out
}

@test "the image itself is never the output by default" {
  cp images/plain.tar app.tar
  fails 1 "export-image: --output: 'app.tar' is the image itself: give --name NAME or --output FILE" \
    export-image --from-image app.tar
  fails 1 "export-image: --output: 'app.tar' is the image itself: give --name NAME or --output FILE" \
    export-image --from-image ./app.tar --name app
  same images/plain.tar app.tar
}

@test "from standard input a name has to be given" {
  fails 2 "export-image: expected --name NAME (see 'export-image --help')" \
    export-image --from-image - <images/plain.tar
  # shellcheck disable=SC2002 # a pipe
  cat images/plain.tar | export-image --from-image - --name x >printed
  same want x.tar
}

@test "name and tag choose an image; one of them alone does not, and that is said" {
  local option
  export-image --from-image images/two.tar --from-image-name app --from-image-tag 1.0 --output out >printed
  same want out
  layer-flatten --from-image images/two.tar >first
  for option in --from-image-name=app --from-image-tag=1.0; do
    export-image --from-image images/two.tar "$option" --output out >printed 2>err
    same first out
    [ "$(cat err)" = 'export-image: warning: --from-image-name and --from-image-tag go together: the first image is exported' ]
  done
  export-image --from-image images/two.tar --output out >printed 2>err
  same first out
  [ ! -s err ]
  run -1 export-image --from-image images/two.tar --from-image-name app --from-image-tag 3 --output none
  [ ! -e none ]
}

@test "--attrs: the manual's attributes, null ones too; options win" {
  printf '%s\n' '{"fromImage": "images/two.tar", "fromImageName": "app", "fromImageTag": "1.0", "name": "x",
    "diskSize": 2048, "useFUSEOverlayFS": true}' >attrs.json
  [ "$(export-image --attrs attrs.json)" = x.tar ]
  same want x.tar
  [ "$(export-image --attrs attrs.json --name y)" = y.tar ]
  same want y.tar
  echo '{"fromImage": "images/plain.tar", "fromImageName": null, "fromImageTag": null, "name": null}' >attrs.json
  [ "$(export-image --attrs attrs.json)" = plain.tar ]
  same want plain.tar
  echo '{"name": "x"}' >attrs.json
  fails 2 "export-image: expected --from-image FILE, or fromImage in 'attrs.json' (see 'export-image --help')" \
    export-image --attrs attrs.json
}

@test "where the image is wrong there is no tar, or the old one" {
  fails 1 "layer-flatten: cannot open 'missing': No such file or directory" \
    export-image --from-image missing --name x
  [ ! -e x.tar ]
  echo old >x.tar
  head -c 4096 images/plain.tar >cut.tar
  run -1 export-image --from-image cut.tar --name x
  [ "$(cat x.tar)" = old ]
}
