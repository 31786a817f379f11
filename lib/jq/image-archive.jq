# SPDX-License-Identifier: MIT
# The manifest.json of a docker-archive to lines; each image gives
#   image CONFIG, then its lines name NAME and layer MEMBER.
# That of a directory in skopeo's dir: form gives
#   directory.
# jq takes a third longer for this and image-manifest.jq in one.

# Keys count without case, as in Go; old jib wrote all in small letters.
def value($key):
  if has($key) then .[$key]
  else [to_entries[] | select((.key | ascii_downcase) == ($key | ascii_downcase)) | .value] | last end;

# Also what docker 25 wrote beside Layers, LayerSources, is not needed: a blob is named by its digest.
def archived:
  object("image")
  | (["image", (value("Config") | string("Config"))],
     (value("RepoTags") | list("RepoTags")[] | ["name", name]),
     (value("Layers") | list("Layers")[] | ["layer", string("Layers")]));

document
| if type == "array" then .[] | archived
  elif type == "object" then ["directory"]
  else wrong("manifest"; "a list of images") end
| line
