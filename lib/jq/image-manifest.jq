# SPDX-License-Identifier: MIT
# The documents that say which images there are, and what one is made of, to lines.
# $form is oci for an OCI index, which gives for each image, further index, or what is neither
#   manifest DIGEST PLATFORM NAME, or skipped DIGEST WHY,
# or an OCI image manifest, which gives
#   config DIGEST SIZE TYPE, the type being that of the manifest where it is OCI's, then for each layer
#   layer DIGEST SIZE MEDIA-TYPE and of a zstd:chunked one CHECKSUM POSITION TAR-SPLIT, as annotations have them;
# and artifact for several of these at once, each of which gives
#   image, or artifact WHY.

def platform:
  if . == null then null
  else object("platform") | [.os, .architecture, .variant]
    | map(select(. != null and . != "") | string("platform")) | join("/") end;

def none: . == null or . == "";

def is_config:
  . == "application/vnd.oci.image.config.v1+json" or
  . == "application/vnd.docker.container.image.v1+json";

# Where an artifactType is the type of an image's configuration, it is an image: go-containerregistry.
def artifact_type:
  if (.artifactType | none or is_config) then empty
  else "artifact of type \(.artifactType | shown)" end;

# Notes of builders, signatures and the like stand beside the images: why one is none.
def no_image:
  (.mediaType
   | if none or
        . == "application/vnd.oci.image.manifest.v1+json" or
        . == "application/vnd.oci.image.index.v1+json" or
        . == "application/vnd.docker.distribution.manifest.v2+json" or
        . == "application/vnd.docker.distribution.manifest.list.v2+json"
     then empty else "of type \(shown)" end),
  artifact_type,
  (.annotations["vnd.docker.reference.type"] // empty | "note of a builder: \(shown)"),
  (.annotations.kind // empty | strings
   | select(startswith("dev.cosignproject.cosign/") and
       (. != "dev.cosignproject.cosign/image" and . != "dev.cosignproject.cosign/imageIndex"))
   | "of the kind \(shown)"),
  (.platform | objects | select(.os == "unknown") | "for no platform");

# A whole name is better than a tag; one with a digest alone gets the tag.
def named:
  .annotations["io.containerd.image.name"] as $name
  | .annotations["org.opencontainers.image.ref.name"] as $ref
  | ($name // $ref)
  | if . == null then null
    elif ($name | type == "string" and test("\\A[^@]+@sha256:[0-9a-f]{64}\\z")) and
         ($name | test(":[^/@]*@") | not) and
         ($ref | type == "string" and test("\\A[A-Za-z0-9_][A-Za-z0-9._-]*\\z"))
    then $name | sub("@.*"; ":" + $ref) | name
    else name end;

def indexed:
  object("manifests")
  | ((.annotations // {}) | object("annotations")) as $annotations
  | [no_image][0] as $why
  | if $why == null then ["manifest", (.digest | digest("digest")), (.platform | platform), named]
    else ["skipped", (.digest | tostring), $why] end;

def descriptor(what):
  object(what) | (.digest | digest(what)),
    (.size | if type == "number" and . >= 0 and . <= 9007199254740992 and floor == . then tostring
     else wrong("size of the \(what)"; "a number") end);

# Why the manifest of an image is none; types of layers of signatures and the like name no tar.
def no_image_inside:
  artifact_type,
  (.config | objects | .mediaType
   | if none or is_config then empty else "its configuration is of type \(shown)" end),
  (.layers | arrays | .[] | objects | .mediaType
   | if none or (tostring | test("tar")) then empty else "its layer is of type \(shown)" end);

def media_type: if . == null or . == "" then null else string("media type") end;

# The place of a table of pieces. Old clients read the names without github.
def annotation($name):
  [.annotations | objects | .["io.github.containers.zstd-chunked." + $name, "io.containers.zstd-chunked." + $name] | strings][0];

# A manifest of the OCI specification need not say that it is one; docker's always does.
def oci_type:
  "application/vnd.oci.image.manifest.v1+json" as $oci
  | if (.mediaType | none) and (.config.mediaType == "application/vnd.oci.image.config.v1+json") or
       .mediaType == $oci then $oci else null end;

def made_of:
  if [no_image_inside] != [] then fail("no container image: \([no_image_inside][0])") else . end
  | oci_type as $type
  | (.config | object("configuration") | ["config", descriptor("configuration"), $type]),
    (.layers | list("layers")[] | ["layer", descriptor("layer"), (.mediaType | media_type),
       annotation("manifest-checksum", "manifest-position", "tarsplit-position")]);

# What cannot be read at all is an error when it is.
def judged:
  [objects
   | if (.manifests | type) == "array"
     then artifact_type,
       (if [.manifests[] | objects | select([no_image] == [])] == [] then "an index without an image"
        else empty end)
     else no_image_inside end]
  | if . == [] then ["image"] else ["artifact", .[0]] end;

if $form == "artifact" then .[] | judged | line
else
  document
  | object("manifest or index")
  | if has("manifests") then .manifests | list("manifests")[] | indexed
    elif has("config") then made_of
    else fail("expected an index or an image manifest of the OCI image specification") end
  | line
end
