# SPDX-License-Identifier: MIT
# inherit.awk: what an image takes over from its base. Two configurations as image-config(5) lines
# in, and out the lines of the base that stay, the image's own, and "# end":
#
#   awk -f inherit.awk pass=1 OWN pass=2 BASE pass=3 OWN
#
# History and environment only; with -v all=1 everything that FROM in a Dockerfile takes over.
# -v architecture=ARCH is what an option says. Where lines add up or the last one counts, in front
# is all there is to it; the rules here are about the others.

BEGIN {
  FS = "\t"
  if (architecture != "") {
    own["architecture"] = machine(architecture)
  }
  split("Cmd Entrypoint Shell User WorkingDir StopSignal Healthcheck ExposedPorts Volumes Labels" \
    " architecture os variant os.version os.features", names, " ")
  for (i in names) {
    inherited[names[i]]
  }
}

# machine(PLATFORM): the architecture in [OS/]ARCH[/VARIANT]
function machine(platform, part, n) {
  n = split(platform, part, "/")
  return part[n == 3 || (n == 2 && part[2] !~ /^v[0-9]/) ? 2 : 1]
}

{ key = $1 == "reset" || $1 == "json" ? $2 : $1 }

pass == 1 {
  if (!(key == "architecture" && architecture != "")) {
    own[key] = $2
  }
  next
}

pass == 3 { print; next }

key == "history" || key == "Env" { print; next }

!all || !(key in inherited) { next }

# of a list all or nothing; another entry point has another command
key == "Cmd" && ("Cmd" in own || "Entrypoint" in own) { next }
(key == "Entrypoint" || key == "Shell") && key in own { next }

# another machine has other variants, another system other versions
key == "architecture" { other_machine = key in own && own[key] != $2 }
key == "os" { other_os = key in own && own[key] != $2 }
key == "variant" && other_machine { next }
key ~ /^os\./ && other_os { next }
key == "os.features" && key in own { next }

{ print }

END {
  if (pass == 3) {
    print "# end"
  }
}
