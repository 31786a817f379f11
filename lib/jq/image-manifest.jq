# SPDX-License-Identifier: MIT
# The documents that say which images there are, and what one is made of, to lines.
# $form is docker for the manifest.json of a docker-archive, each image of which gives
#   image CONFIG, then its lines name NAME and layer MEMBER,
# and oci for an OCI index, which gives
#   manifest DIGEST PLATFORM NAME for each image or further index,
# or an OCI image manifest, which gives
#   config DIGEST SIZE, then layer DIGEST SIZE MEDIA-TYPE for each layer.

def name:
  string("name of the image")
  | if test("\\A[!-~]+\\z") then . else fail("name of the image: expected NAME:TAG, found \(shown)") end;

# Also what docker 25 wrote beside Layers, LayerSources, is not needed: a blob is named by its digest.
def archived:
  object("image")
  | (["image", (.Config | string("Config"))],
     (.RepoTags | list("RepoTags")[] | ["name", name]),
     (.Layers | list("Layers")[] | ["layer", string("Layers")]));

def platform:
  if . == null then null
  else object("platform") | [.os, .architecture, .variant]
    | map(select(. != null and . != "") | string("platform")) | join("/") end;

# Notes of builders and signatures stand beside the images; they are none.
def is_image:
  (.mediaType == null or .mediaType == "" or
   .mediaType == "application/vnd.oci.image.manifest.v1+json" or
   .mediaType == "application/vnd.oci.image.index.v1+json" or
   .mediaType == "application/vnd.docker.distribution.manifest.v2+json" or
   .mediaType == "application/vnd.docker.distribution.manifest.list.v2+json")
  and .artifactType == null
  and .annotations["vnd.docker.reference.type"] == null
  and .platform.os != "unknown";

def indexed:
  object("manifests")
  | select(is_image)
  | ["manifest", (.digest | digest("digest")), (.platform | platform),
     ((.annotations["io.containerd.image.name"] // .annotations["org.opencontainers.image.ref.name"])
      | if . == null then . else name end)];

def descriptor(what):
  object(what) | (.digest | digest(what)),
    (.size | if type == "number" and . >= 0 and . <= 9007199254740992 and floor == . then tostring
     else wrong("size of the \(what)"; "a number") end);

def config:
  if .mediaType == null or .mediaType == "" or
     .mediaType == "application/vnd.oci.image.config.v1+json" or
     .mediaType == "application/vnd.docker.container.image.v1+json" then
    ["config", descriptor("configuration")]
  else fail("no container image: its configuration is of type \(.mediaType | shown)") end;

def media_type: if . == null or . == "" then null else string("media type") end;

def made_of:
  (.config | object("configuration") | config),
  (.layers | list("layers")[] | ["layer", descriptor("layer"), (.mediaType | media_type)]);

document
| if $form == "docker" then
    if type == "array" then .[] | archived
    elif type == "object" then
      fail("expected a list of images, found the manifest of one: a directory of skopeo's dir: " +
        "form is not read, its oci: form is")
    else wrong("manifest"; "a list of images") end
  else
    object("manifest or index")
    | if has("manifests") then .manifests | list("manifests")[] | indexed
      elif has("config") then made_of
      else fail("expected an index or an image manifest of the OCI image specification") end
  end
| line
