#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
# ca-certificates: one bundle under three names (more in helper-trees.bats)
load helper

@test "a bundle that is not in the store is copied, and openssl reads it by each name" {
  openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout key -out own.pem \
    -subj '/CN=own' -days 2 2>/dev/null
  ca-certificates --bundle own.pem --output tree
  for name in ssl/certs/ca-bundle.crt ssl/certs/ca-certificates.crt pki/tls/certs/ca-bundle.crt; do
    same own.pem "tree/etc/$name"
    [ "$(openssl x509 -in "tree/etc/$name" -noout -subject)" = 'subject=CN = own' ]
  done
  [ "$(find tree -type f | wc -l)" = 3 ]
}

@test "what holds no certificate is refused" {
  openssl genpkey -algorithm ed25519 -out key.pem
  fails 1 "ca-certificates: 'key.pem' holds no certificate: expected PEM" ca-certificates --bundle key.pem --output tree
  : >empty
  fails 1 "ca-certificates: 'empty' holds no certificate: expected PEM" ca-certificates --bundle empty --output tree
  cacert=/nix/store/8aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa-nss-cacert-3.98/etc/ssl/certs
  mkdir -p "root$cacert"
  : >"root$cacert/ca-bundle.crt"
  fails 1 "ca-certificates: 'root$cacert/ca-bundle.crt' holds no certificate: expected PEM" \
    ca-certificates --cacert "${cacert%%/etc*}" --root-dir root --output tree
  [ ! -e tree ]
}
