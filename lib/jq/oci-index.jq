# SPDX-License-Identifier: MIT
# An OCI layout with one more image, after common.jq: its oci-layout, its index and the index
# of the new image go in, the index of both comes out.

def tag: (.annotations // {}) | object("index.json: annotations") | .["org.opencontainers.image.ref.name"];

# What an entry is told by.
def name: object("index.json: manifests") | tag // .digest;

if length != 3 then fail("expected one JSON document in oci-layout and one in index.json") else . end
| (.[0] | object("oci-layout") | .imageLayoutVersion) as $version
| if $version != "1.0.0" then fail("oci-layout: expected version 1.0.0, found \($version | shown)") else . end
| (.[1] | object("index.json")) as $old
| .[2] as $new
| ($old.manifests | list("index.json: manifests")) as $images
| ($new.manifests | map(name)) as $names
| $old + {manifests: (($images | map(select(name as $name | any($names[]; . == $name) | not))) + $new.manifests)}
| (($old.annotations // {}) | object("index.json: annotations")) as $annotations
| if $new.annotations then .annotations = ($annotations + $new.annotations) else . end
