#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
# runAsRoot of build-image, in namespaces of this host, which is quick; tests/e2e/root.bats has
# virtual machines and clients. T25 and so on are the cases of nixpkgs' own tests.
# shellcheck disable=SC2016,SC2030,SC2031 # scripts are not expanded here; a test is a subshell
load helper
load vm

libc=/nix/store/1aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa-libc-2.36
shell=/nix/store/2bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb-shell-5.2
conf=/nix/store/3cccccccccccccccccccccccccccccc3-hello.conf
hello=/nix/store/4ddddddddddddddddddddddddddddddd-hello-1.0
link=/nix/store/5fffffffffffffffffffffffffffffff-hello-link

setup_file() {
  setup_path
  needs busybox fakeroot
  export MADE=$BATS_FILE_TMPDIR/made
  mkdir "$MADE"
  cd "$MADE" || return
  made example .
  make_base
  image-assemble --name base --tag 1 <base.stream >base.tar
  # the same with /bin a link, as Debian and Fedora have it
  mkdir -p merged/usr/sbin
  cp -a base/. merged
  mv merged/bin merged/usr/bin
  ln -s usr/bin merged/bin
  ln -s usr/sbin merged/sbin
  layer_of merged | image-assemble --name merged --tag 1 >merged.tar
}

setup() {
  setup_path
  ln -s "$MADE"/{root,graph,base.tar,merged.tar,base.stream} .
}

# build OPTION…: the file image, on top of $base
base=base.tar
build() {
  build-image --name x --tag t --engine userns ${base:+--from-image "$base"} --closure graph --root-dir root \
    --compressor none --output image --quiet "$@" >printed
}

content() { look image read "$1"; }

# The entries of the image's own layer, without its root
top() { look image files | awk 'n != $1 { n = $1; lines = "" } $NF != "/" { $1 = ""; lines = lines $0 "\n" } END { printf "%s", lines }' | cut -c 2-; }

# The same from a tar that lists more: xattrs, devices
top_layer() { tar -xOf image "$(look image manifest | jq -r '.Layers[-1]')"; }

# --- order, and what is seen when ---

@test "contents, then runAsRoot, then extraCommands, then the closure" {
  build --copy-to-root "$hello" --run-as-root 'test -x /bin/hello; test -r /share/doc/empty; echo one >/order
    echo root >>/etc/motd; echo '"$link"' >/mention; mkdir /moved; mv /share/doc/* /moved; rm -r /share' \
    --extra-commands 'test ! -e share; echo two >>order; test ! -e nix; test ! -e bin/sh; rm moved/a*'
  [ "$(content order)" = $'one\ntwo' ]
  [ "$(content etc/motd)" = $'welcome\nroot' ]
  top | grep -vF 'nix/store/' >out
  lines 'd 0555 0:0 : 1 /bin' 'f 0555 0:0 : 1 /bin/hello' 'l 0777 0:0 : 1 /bin/hi -> hello' 'd 0755 0:0 : 1 /etc' \
    'f 0644 0:0 : 1 /etc/motd' 'f 0644 0:0 : 1 /mention' 'd 0755 0:0 : 1 /moved' 'f 0444 0:0 : 1 /moved/empty' 'd 0755 0:0 root:root 1 /nix' \
    'd 0755 0:0 root:root 1 /nix/store' 'f 0644 0:0 : 1 /order' >want
  same want out
  [ "$(top | grep -oE '/nix/store/[^/ ]+( |$)' | xargs)" = "$libc $shell $conf $hello $link" ]
  cmp <(content "${hello#/}/bin/hello") "root$hello/bin/hello"
}

@test "store paths that the script or the contents mention can be read only, and are not in the image" {
  mkdir own
  echo "$conf" >own/mentions
  build --copy-to-root own --run-as-root "ls /nix/store | wc -l >/seen; cat $hello/bin/hello >/read; cat $link | grep -c greeting >>/seen
    cat $conf >>/seen; ! touch $hello/x 2>/dev/null; ! rm -r $hello/bin 2>/dev/null; rm /read /mentions"
  [ "$(content seen)" = $'5\n1\ngreeting=hello' ]
  [ "$(top)" = 'f 0644 0:0 : 1 /seen' ]
  build --copy-to-root own --run-as-root 'ls /nix/store' 2>err
  [ "$(cat err)" = "${conf##*/}" ]
  look image names | grep -qx "${conf#/}"
  build --run-as-root 'test ! -e /nix'
  [ "$(top)" = '' ]
}

@test "a link of the store leads from the store's root, and never out of it" {
  local up=/nix/store/6gggggggggggggggggggggggggggggg6-up abs=/nix/store/6hhhhhhhhhhhhhhhhhhhhhhhhhhhhhhh-abs
  local inside=/nix/store/6iiiiiiiiiiiiiiiiiiiiiiiiiiiiiii-inside
  echo secret >secret
  ln -s ../../../secret "root$up"
  ln -s "$PWD/secret" "root$abs"
  ln -s "/../../$conf" "root$inside"
  printf '%s\t-\t-\t\\e\n' "$up" "$abs" "$inside" >>graph
  build --run-as-root "cat $inside >/seen; ! cat $up $abs >>/seen 2>/dev/null"
  [ "$(content seen)" = greeting=hello ]
}

@test "the shell: of the image, or that of the first line, or a bash of the store paths" {
  build --run-as-root 'readlink /proc/$$/exe; pwd; id -u; echo $PATH | grep -c /bin' 2>err
  [ "$(cat err)" = $'/bin/busybox\n/\n0\n1' ]
  bash=/nix/store/6gggggggggggggggggggggggggggggg6-bash
  mkdir -p "own$bash/bin"
  cp "$(command -v busybox)" "own$bash/bin/busybox"
  ln -s busybox "own$bash/bin/sh"
  printf '#!%s -e\necho by bash >/made\n' "$bash/bin/sh" >"own$bash/bin/bash"
  chmod 755 "own$bash/bin/bash"
  printf '%s\t1\t-\t\\e\n' "$bash" >store
  base='' build --closure store --root-dir own --run-as-root "#! $bash/bin/sh -x
    echo by \$0 >/made"
  [ "$(content made)" = 'by /proc/self/fd/3' ]
  base='' build --closure store --root-dir own --run-as-root "# by $bash"
  [ "$(content made)" = 'by bash' ]
  [ "$(top)" = 'f 0644 0:0 : 1 /made' ]
  second=/nix/store/6jjjjjjjjjjjjjjjjjjjjjjjjjjjjjj6-second
  mv "own$bash/bin/bash" "own$second"
  ln -s "$second" "own$bash/bin/bash"
  printf '%s\t1\t-\t%s\n' "$bash" "$second" "$second" '\e' >store
  base='' build --closure store --root-dir own --run-as-root "# by $bash"
  [ "$(content made)" = 'by bash' ]
  build --run-as-root $'#!/usr/bin/env bash\necho hi >/made'
  [ "$(content made)" = hi ]
  rm image
  fails 1 "$(lines "vm-exec: the image has no shell '/bin/other': expected one in its layers, or among what is mounted" \
    'build-image: --run-as-root: the commands failed with status 127')" build --run-as-root '#!/bin/other'
  [ ! -e image ]
}

# --- nixpkgs' tests ---

@test "T25: three scripts, each on the image before" {
  for letter in a b c; do
    build --run-as-root "echo -n $letter >>/layer-order"
    mv image "$letter.tar"
    base=$letter.tar
  done
  mv c.tar image
  [ "$(content layer-order)" = abc ]
  [ "$(look image config | jq '.rootfs.diff_ids | length')" = 4 ]
}

@test "T26: a base of which two layers are one and the same file, with legacy links to it" {
  python3 - <<'END'
import hashlib, io, json, tarfile
base = tarfile.open("base.tar")
layer = base.extractfile(json.load(base.extractfile("manifest.json"))[0]["Layers"][0]).read()
digest = hashlib.sha256(layer).hexdigest()
config = json.dumps({"architecture": "amd64", "os": "linux", "rootfs": {"type": "layers", "diff_ids": ["sha256:" + digest] * 2}}).encode()
manifest = [{"Config": "config.json", "RepoTags": ["twice:1"], "Layers": ["a/layer.tar", "b/layer.tar"]}]
with tarfile.open("twice.tar", "w") as out:
    def put(name, data=b"", link=None):
        t = tarfile.TarInfo(name)
        t.size = 0 if link else len(data)
        if link: t.type, t.linkname = tarfile.SYMTYPE, link
        out.addfile(t, io.BytesIO(data))
    put(digest + ".tar", layer)
    for name in "a", "b": put(name + "/layer.tar", link="../" + digest + ".tar")
    put("config.json", config)
    put("manifest.json", json.dumps(manifest).encode())
END
  base=twice.tar build --run-as-root 'cat /etc/motd >/copy; rm -r /data'
  [ "$(content copy)" = welcome ]
  [ "$(look image config | jq -r '.rootfs.diff_ids[]' | uniq -c | awk '{ print $1 }' | xargs)" = '2 1' ]
  [ "$(top)" = $'f 0000 0:0 : 1 /.wh.data\nf 0644 0:0 : 1 /copy' ]
}

@test "T29, and the manual's example: directories and files on a base, and with none" {
  build --run-as-root 'mkdir -p /data; touch /example-file' # the base has /data
  [ "$(top)" = 'f 0644 0:0 : 1 /example-file' ]
  build --run-as-root '
    mkdir -p /data/more
    echo "some content" > my-file
  '
  [ "$(top)" = $'d 0755 0:0 : 1 /data\nd 0755 0:0 : 1 /data/more\nf 0644 0:0 : 1 /my-file' ]
  [ "$(content my-file)" = 'some content' ]
  mkdir own
  cp -a "$MADE/base/bin" own
  base='' build --copy-to-root own --run-as-root 'mkdir -p /data; echo "some content" > my-file'
  top | grep -v bin >out
  lines 'd 0755 0:0 : 1 /data' 'f 0644 0:0 : 1 /my-file' >want
  same want out
}

@test "a preset is there when the script runs, and it can change it" {
  mkdir -p own/bin
  cp "$(type -P busybox)" own/bin/sh
  base='' build --copy-to-root own --preset minimal --run-as-root 'read -r line </etc/passwd; echo "$line" >/seen; echo mine:x:1000: >>/etc/group; echo kept >/tmp/file'
  [ "$(content seen)" = 'root:x:0:0:root user:/root:/bin/sh' ]
  [ "$(content etc/group)" = $'root:x:0:\nnobody:x:65534:\nmine:x:1000:' ]
  top >out
  grep -qx 'd 1777 0:0 .*/tmp' out
  grep -qx 'd 0700 0:0 .*/root' out
  grep -qx 'f 0644 0:0 .*/tmp/file' out
}

@test "T30: quotes, parentheses, dollars, backslashes and here documents are not read twice" {
  cat >text <<'END'
cat >"$out" <<"EOF"
echo (runAsRoot) "has 'quotes'" \"and\" $(dollars) `ticks` \\ \n % ! * ~
	EOF
EOF
echo 'it'"'"'s (done)' 'a;b|c&d>e' "\$x \\" $(echo "(\"nested\" 'once')") >>"$out"
END
  cat >want <<'END'
echo (runAsRoot) "has 'quotes'" \"and\" $(dollars) `ticks` \\ \n % ! * ~
	EOF
it's (done) a;b|c&d>e $x \ ("nested" 'once')
END
  text=$(cat text)
  build --run-as-root "out=/root-file; $text" --extra-commands "out=extra-file; $text"
  content root-file >found
  same want found
  content extra-file >found
  same want found
  jq -n --arg text "out=/root-file; $text" '{name: "x", tag: "t", engine: "userns", fromImage: "base.tar", runAsRoot: $text,
    compressor: "none", output: "image", quiet: true, closure: "graph", rootDir: "root"}' >attrs.json
  build-image --attrs attrs.json >printed
  content root-file >found
  same want found
}

# real_shadow STORE-PATH: groupadd and useradd of this machine there, and what they load in base/
real_shadow() {
  local program
  mkdir -p "root$1/bin"
  for program in groupadd useradd; do
    program=$(PATH=$PATH:/usr/sbin:/sbin command -v $program)
    cp "$program" "root$1/bin/"
    ldd "$program" | grep -oE '/[^ ]+' | while read -r file; do
      mkdir -p "shadowed${file%/*}"
      cp -L "$file" "shadowed$file"
    done
  done
}

@test "the manual's example of shadowSetup, with this machine's groupadd and useradd" {
  PATH=$PATH:/usr/sbin:/sbin needs groupadd useradd ldd
  rm root
  mkdir root
  shadow=/nix/store/7hhhhhhhhhhhhhhhhhhhhhhhhhhhhhh7-shadow
  real_shadow "$shadow"
  printf '%s\t1\t-\t\\e\n' "$shadow" >store
  cp -a "$MADE"/base/bin shadowed/
  layer_of shadowed | image-assemble --name shadowed --tag 1 >shadowed.tar
  base=shadowed.tar build --closure store --run-as-root "#!/bin/sh
$(shadow-setup --shadow "$shadow" --root-dir root)
groupadd -r redis
useradd -r -g redis redis
mkdir /data
chown redis:redis /data"
  top >out
  id=$(content etc/passwd | sed -n 's/^redis:x:\([0-9]*:[0-9]*\):.*/\1/p')
  grep -qxF "d 0755 $id : 1 /data" out
  [ "${id#*:}" = "$(content etc/group | sed -n 's/^redis:x:\([0-9]*\):$/\1/p')" ]
  grep -qxF 'f 0644 0:0 : 1 /etc/pam.d/other' out
  run ! grep nix out # nothing mentions it
  content etc/shadow | grep -q '^redis:!'
}

@test "shadow-setup and nothing else: users can be written down" {
  build --run-as-root "$(shadow-setup)
    echo redis:x:7:8::/:/bin/sh >>/etc/passwd; mkdir /home; chown redis /home"
  lines 'd 0755 7:0 : 1 /home' 'f 0644 0:0 : 1 /etc/group' 'f 0600 0:0 : 1 /etc/gshadow' 'f 0600 0:0 : 1 /etc/shadow' >want
  top | grep -e home -e group -e shadow | LC_ALL=C sort >found
  LC_ALL=C sort -o want want
  same want found
}

# --- what comes back ---

@test "owners, modes, FIFOs, links; deletions as whiteouts, replaced directories opaque" {
  build --run-as-root 'echo x >/a; chown 12:34 /a; chmod 6751 /a; ln /a /b; mkfifo -m 600 /p; ln -s a /l
    mkdir -m 1777 /t; rm /etc/motd; rm -r /data; mkdir /data; chmod 0 /etc; touch /secret; chmod 0 /secret; chown -h 7:8 /l' \
    --extra-commands 'test "$(stat -c "%u:%g %a" a)" = "12:34 6751"; test -p p; chown 9 t; mkfifo q; mknod n c 1 3'
  top_layer >own.tar
  tar -cf own.stream own.tar
  listing <own.stream >out
  lines '-6751 12:34 2 1 a' '-6751 12:34 2 1 b' 'd0755 0:0 0 1 data' '-0000 0:0 0 1 data/.wh..wh..opq' 'd0000 0:0 0 1 etc' \
    '-0000 0:0 0 1 etc/.wh.motd' 'l0777 7:8 0 1 l > a' 'c0644 0:0 1,3 1 n' 'p0600 0:0 0 1 p' 'p0644 0:0 0 1 q' \
    '-0000 0:0 0 1 secret' 'd1777 9:0 0 1 t' >want
  grep -v ' \.$' out >found
  same want found
}

@test "what runAsRoot deletes is deleted; extraCommands after it delete on purpose only" {
  local hint='would delete a file of the base image (--allow-whiteouts allows this)'
  build --run-as-root 'rm -r /data' --extra-commands 'test -e .wh.data; touch more'
  lines 'f 0000 0:0 : 1 /.wh.data' 'f 0644 0:0 : 1 /more' >want
  top >found
  same want found
  fails 1 "build-image: --extra-commands: 'etc/.wh.motd' $hint" \
    build --run-as-root 'rm -r /data' --extra-commands 'mkdir etc; touch etc/.wh.motd'
  build --run-as-root 'rm -r /data' --extra-commands 'mkdir etc; touch etc/.wh.motd; rm .wh.data' --allow-whiteouts
  lines 'd 0755 0:0 : 1 /etc' 'f 0644 0:0 : 1 /etc/.wh.motd' >want
  top >found
  same want found
}

@test "extended attributes of contents and base" {
  mkdir own
  echo 1 >own/one
  echo 2 >own/two
  attribute() { python3 -c 'import os, sys; os.setxattr(sys.argv[1], "user.note", sys.argv[2].encode())' "$@"; }
  attribute own/one first
  attribute own/two second
  layer_of own | image-assemble --name noted --tag 1 >noted.tar
  mkdir top
  echo 3 >top/three
  attribute top/three third
  { image-layers base.tar; image-layers noted.tar; } | image-assemble --name noted --tag 1 >both.tar
  base=both.tar build --copy-to-root top --run-as-root 'echo more >>/one; mkdir /sub; mv /three /sub' --extra-commands 'echo 4 >>sub/three; touch four'
  top_layer >own.tar
  python3 -c '
import tarfile
for t in tarfile.open("own.tar"):
    print(t.name, t.size, t.pax_headers.get("SCHILY.xattr.user.note"))' | grep -v '^\. ' >out
  lines 'four 0 None' 'one 7 first' 'sub 0 None' 'sub/three 4 third' >want
  same want out
}

@test "names of any bytes" {
  mkdir -p own/$'new\nline'
  touch own/$'new\nline/a b'
  build --copy-to-root own --run-as-root 'mkdir /-n; touch "/a b" "/tab	" "/$(printf "\377")" /back\\slash "/*" "/\$(x)" "/#c" "/-n/--x" "/'\''q" '"
    mv '/new
line/a b' '/new
line/.c'" --extra-commands 'touch ./--version; mv -- "a b" "a  b"; for file in *; do test -e "./$file"; done'
  look image names | grep -av -e '^bin' -e '^etc' -e ^data | LC_ALL=C sort >found
  lines '#c' '$(x)' "'q" '*' '--version' '-n' '-n/--x' 'a  b' 'back\\slash' 'line' 'line/.c' 'new' 'new' 'tab\t' '\0377' >want
  LC_ALL=C sort -o want want
  same want found
}

@test "a base whose /bin is a link: what any of the three puts there lies where it leads" {
  base=merged.tar
  mkdir -p own/bin
  echo contents >own/bin/contents
  build --copy-to-root own --run-as-root 'cat /bin/contents >/bin/root; rm /sbin; mkdir /sbin; touch /sbin/root' \
    --extra-commands 'mkdir bin; echo >bin/extra; mkdir -p sbin; touch sbin/extra'
  lines 'd 0755 0:0 : 1 /sbin' 'f 0000 0:0 : 1 /sbin/.wh..wh..opq' 'f 0644 0:0 : 1 /sbin/extra' 'f 0644 0:0 : 1 /sbin/root' \
    'd 0755 0:0 : 1 /usr' 'd 0755 0:0 : 1 /usr/bin' 'f 0444 0:0 : 1 /usr/bin/contents' 'f 0644 0:0 : 1 /usr/bin/extra' \
    'f 0644 0:0 : 1 /usr/bin/root' >want
  top >found
  same want found
}

@test "uid and gid own the contents; what the script makes is root's, or whose it wants" {
  mkdir own
  touch own/file own/changed
  build --uid 1000 --gid 100 --copy-to-root own --run-as-root 'touch /new; chown 5 /changed' --extra-commands 'touch extra'
  lines 'f 0444 5:100 : 1 /changed' 'f 0644 0:0 : 1 /extra' 'f 0444 1000:100 : 1 /file' 'f 0644 0:0 : 1 /new' >want
  top >found
  same want found
}

@test "the same bytes twice, and for a user who is not root" {
  needs_root
  place=$(mktemp -d)
  chmod 755 "$place"
  cp -r "$MADE"/{base.tar,root,graph} "$place"
  mkdir -p "$place/own/sub" && echo hi >"$place/own/sub/file"
  mkdir -m 777 "$place/out"
  args=(--name x --tag t --engine userns --from-image "$place/base.tar" --closure "$place/graph" --root-dir "$place/root" --quiet
    --copy-to-root "$place/own" --compressor none --extra-commands 'mkdir made; chmod 700 made; mkfifo made/p; mknod made/n b 1 2')
  script=$'date >/dev/null; mkdir /x; for i in 3 1 2; do echo $i >/x/$i; done; chmod 0 /x/1; rm -r /data; mkdir -m 0 /data; touch /data/y'
  build-image "${args[@]}" --run-as-root "$script" --output one >printed
  (cd / && TZ=Asia/Tokyo HOME=/ build-image "${args[@]}" --run-as-root "$script" --output "$OLDPWD/two" >"$OLDPWD/printed")
  same one two
  setpriv --reuid=65534 --regid=65534 --clear-groups build-image "${args[@]}" --run-as-root "$script" --output "$place/out/three" >printed
  same one "$place/out/three"
  chmod -R u+w "$place"
  rm -r "$place"
}

# --- bases ---

# deep N > IMAGE: N layers on the base, each with a file, and a whiteout for the one before
deep() {
  local i
  mkdir -p layers/deep layers/shallow
  for ((i = 1; i < $1; i++)); do
    touch "layers/deep/$i" "layers/deep/.wh.$((i - 1))" "layers/shallow/$i"
    tar -C layers --no-recursion -cf "$i.tar" deep shallow "deep/$i" "deep/.wh.$((i - 1))" "shallow/$i"
    echo "$i.tar"
  done >names
  { cat base.stream; tar -cf - -T names; } | image-assemble --name deep --tag 1
}

@test "bases of 60 and 127 layers" {
  for layers in 60 127; do
    deep $layers >deep.tar
    [ "$(image-layers --list deep.tar | wc -l)" = $layers ]
    base=deep.tar build --run-as-root "ls /deep >/found; ls /shallow | wc -l >>/found; rm /shallow/7 /deep/$((layers - 1))"
    [ "$(content found)" = $((layers - 1))$'\n'$((layers - 1)) ]
    lines 'd 0755 0:0 : 1 /deep' "f 0000 0:0 : 1 /deep/.wh.$((layers - 1))" 'f 0644 0:0 : 1 /found' 'd 0755 0:0 : 1 /shallow' \
      'f 0000 0:0 : 1 /shallow/.wh.7' >want
    top >found
  same want found
  done
}

@test "whiteouts and opaque directories of the base" {
  { cat base.stream; stream_of .wh.etc data/ data/.wh..wh..opq data/new; } | image-assemble --name w --tag 1 >w.tar
  base=w.tar build --run-as-root 'test ! -e /etc; test "$(ls /data)" = new; mkdir /etc; rm /data/new'
  lines 'd 0755 0:0 : 1 /data' 'f 0000 0:0 : 1 /data/.wh.new' 'd 0755 0:0 : 1 /etc' >want
  top >found
  same want found
}

# --- failures, and what never happens ---

@test "a script that fails: its status and output, no file" {
  fails 1 $'out\nerr\nbuild-image: --run-as-root: the commands failed with status 7' \
    build --run-as-root 'echo out; echo err >&2; exit 7; echo more'
  fails 1 'build-image: --run-as-root: the commands failed with status 137' build --run-as-root 'kill -9 $$'
  fails 1 'vm-exec: warning: the script itself ended with 125' build --run-as-root 'exit 125'
  fails 1 'build-image: --extra-commands: the commands failed with status 3' build --run-as-root true --extra-commands 'exit 3'
  [ ! -e image ]
}

@test "a damaged base is told of once, before the script runs" {
  cp base.tar damaged.tar
  printf damage | dd of=damaged.tar bs=1 seek=500000 conv=notrunc status=none
  base=damaged.tar run build --run-as-root "echo ran"
  [ "$status" = 1 ] && [ "${#lines[@]}" = 1 ]
  [[ $output == 'image-layers: damaged.tar: layer 1 (sha256:'*'): damaged: its bytes are sha256:'* ]]
}

@test "what vm-exec says is passed on, and is all; it gets diskSize and buildVMMemorySize" {
  cp -a "$BUILD/bin" "$BUILD/share" "$BUILD/libexec" .
  printf '#!/bin/sh\nprintf "%%s\\n" "$@" >%q\necho "vm-exec: it cannot" >&2; exit $(cat %q)\n' "$PWD/arguments" "$PWD/status" >bin/vm-exec
  PATH=$PWD/bin:$PATH
  for status in 124 125; do
    echo "$status" >status
    fails 1 'vm-exec: it cannot' build --run-as-root true --disk-size 2048 --build-vm-memory-size 1024 --engine tcg
  done
  sed -n '1,6p' arguments >out
  lines --engine tcg --memory 1024 --disk 2048 >want
  same want out
  jq -n '{name: "x", fromImage: "base.tar", runAsRoot: "true", diskSize: 3, buildVMMemorySize: 64, output: "image", closure: "graph"}' >attrs.json
  fails 1 'vm-exec: it cannot' build-image --attrs attrs.json
  sed -n '1,6p' arguments >out
  lines --engine auto --memory 64 --disk 3 >want
  same want out
}

@test "each stage that dies fails the build, and leaves neither file nor temporary files" {
  cp -a "$BUILD/bin" "$BUILD/share" "$BUILD/libexec" .
  mkdir tmp
  export TMPDIR=$PWD/tmp
  for tool in vm-exec image-layers image-assemble layer-tar tree-list fakeroot tar; do
    rm -f "bin/$tool"
    printf '#!/bin/sh\nkill -KILL $$\n' >"bin/$tool"
    chmod +x "bin/$tool"
    PATH=$PWD/bin:$PATH run build --run-as-root 'echo >/x'
    [ "$status" != 0 ] || { echo "$tool" && false; }
    [ -n "$output" ] && [ ! -e image ] && [ -z "$(ls -A tmp)" ]
    rm "bin/$tool"
    [ ! -e "$BUILD/bin/$tool" ] || cp -a "$BUILD/bin/$tool" bin/
  done
}

# interrupted COMMAND…: runs it on the process group of a build whose script runs; nothing is left
interrupted() {
  local sleep pid status=0
  sleep="sleep $((BASHPID % 1000 + 60)).$RANDOM"
  setsid build-image --name x --engine userns --from-image base.tar --output image --quiet \
    --run-as-root "echo begun; $sleep" >printed 2>err 3>&- &
  pid=$!
  for _ in $(seq 200); do
    ! grep -q begun err || break
    sleep 0.05
  done
  pgrep -f "$sleep" >/dev/null
  "$@" "$pid"
  wait "$pid" || status=$?
  [ "$status" != 0 ]
  for _ in $(seq 100); do
    pgrep -f "$sleep" >left || break
    sleep 0.05
  done
  [ ! -e image ] && [ -z "$(ls -A tmp)" ] && [ ! -s left ]
}

@test "an interrupted build leaves nothing" {
  mkdir tmp
  export TMPDIR=$PWD/tmp
  interrupted kill -TERM
  group() { kill -TERM -- "-$1"; }
  interrupted group
  vm() { pkill -KILL -f "vm-exec.*--script $TMPDIR/"; }
  interrupted vm
}
