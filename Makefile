# SPDX-License-Identifier: MIT
# layerpipe: container images out of Nix store closures.
#
#   make            builds the filters and pipelines into build/bin; V=1 shows whole commands
#   make demo       closure -> image -> a real client runs it; installs what is missing
#   make test       the whole test suite; installs what is missing (DEPS=check only names it);
#                   TESTS=tests/layer-plan.bats runs that file alone, with what it needs; V=1 shows each test
#   make faults     12,000 runs, each with a fault: errors, kills, full disks, files that change
#   make bench      ratios against tar, openssl, pigz, zstd and a Python streamer
#   make help       these lines
#   make lint fuzz check-asan install uninstall dist clean

VERSION = 0.1.0
BUILD   = build
PREFIX  = /usr/local
DESTDIR =
DEPS    = install
V       = 0

# For a package: directories of the programs that ours start, which are looked for there first. DEPS=none looks
# for nothing that is missing
TOOLS   =
# The bash of the pipelines, as a first line names it. Where neither place has one, env looks for bash at each start,
# which costs a fifth of the start
BASH   := $(or $(firstword $(wildcard /bin/bash /usr/bin/bash)),/usr/bin/env -S bash)

# fuzz: seconds a target; SANITIZE: what check-asan and the fuzz targets are built with
FUZZ_SECONDS = 30
FUZZ     = $(BUILD)/fuzz
SANITIZE = -fsanitize=address,undefined -fno-sanitize-recover=undefined -fno-omit-frame-pointer

CC      = cc
CFLAGS  = -O2 -g
WERROR  =
WARN    = -Wall -Wextra -Wshadow -Wconversion -Wstrict-prototypes -Wmissing-prototypes \
          -Wold-style-definition -Wvla -Wformat=2 -Wundef -Wpointer-arith -Wwrite-strings \
          -Wcast-qual -Wswitch-enum

PKGS      = jansson libcrypto libdeflate liblzma libzstd zlib
# $(call archive,PACKAGE): the system's archive where there is one, not where pkg-config names another place.
# libdeflate: Debian 12's archive compresses an eighth faster than its shared library.
# liblzma: few programs read xz, and the others are not to load it when they start.
# jansson: for programs that read images.
# libcrypto: loading the shared library takes longer than the rest of a start; of the archive comes SHA-256 alone.
archive   = $(or $(if $(shell pkg-config --libs-only-L $1),,$(filter /%,$(wildcard \
              $(shell $(CC) -print-file-name=lib$(patsubst lib%,%,$1).a)))),$(shell pkg-config --libs $1))
ARCHIVES  = jansson libcrypto libdeflate liblzma
# libcurl, and with it the shared libcrypto that it loads: for registry-push alone
CURL_LIBS = $(shell pkg-config --libs libcurl libcrypto libdeflate liblzma libzstd zlib) -pthread $(LDLIBS)
ALL_CPPFLAGS = -D_GNU_SOURCE -D_FILE_OFFSET_BITS=64 -DLAYERPIPE_VERSION='"$(VERSION)"' \
               -DLAYERPIPE_TOOLS='"$(TOOLS)"' -Ilib -I$(BUILD)/gen $(CPPFLAGS)
ALL_CFLAGS   = -std=gnu11 $(WARN) $(WERROR) $(shell pkg-config --cflags $(PKGS) libcurl) $(CFLAGS)
ALL_LIBS     = $(foreach a,$(ARCHIVES),$(call archive,$a)) \
                $(shell pkg-config --libs $(filter-out $(ARCHIVES),$(PKGS))) -pthread $(LDLIBS)

FILTERS   = $(patsubst bin/%.c,%,$(wildcard bin/*.c))
PIPELINES = $(filter-out %.nix,$(notdir $(wildcard pipelines/*)))
SHARED    = $(wildcard lib/shell/*.sh lib/shell/*.tsv lib/shell/*.awk lib/jq/*.jq)
PAGES     = $(notdir $(wildcard man/*.[157]))
LIB_OBJS  = $(patsubst %.c,$(BUILD)/%.o,$(wildcard lib/*/*.c))
JQ_HEADERS = $(patsubst lib/jq/%.jq,$(BUILD)/gen/%.jq.h,$(wildcard lib/jq/*.jq))
FUZZERS   = $(patsubst tests/fuzz/%.c,$(FUZZ)/%,$(wildcard tests/fuzz/*.c))
FUZZ_OBJS := $(patsubst %.c,$(FUZZ)/%.o,$(if $(wildcard tests/fuzz/reached),$(shell tests/fuzz/reached)))
FUZZ_GUEST = $(patsubst %,$(FUZZ)/lib/vm/guest/%.o,attributes below channel unpack)
GUEST     = $(BUILD)/libexec/layerpipe/guest
HELPERS   = $(patsubst bin/libexec/%.c,$(BUILD)/libexec/layerpipe/%,$(wildcard bin/libexec/*.c))
GUEST_LIB = base/err base/esc base/intern base/keyhash base/mem base/num base/out_fd base/source tar/tar \
            tar/overlay tar/tarread tar/tarread_field tar/tarread_input tar/tarread_member \
            tar/tarread_pax tar/tarread_sparse tar/walk
GUEST_OBJS = $(patsubst %.c,$(BUILD)/static/%.o,$(wildcard lib/vm/guest/*.c) $(GUEST_LIB:%=lib/%.c))
UNITS     = $(patsubst tests/unit/%.c,$(BUILD)/unit/%,$(wildcard tests/unit/*.c))

# build/ is laid out as PREFIX is, so what runs from one runs from the other
OUTPUTS   = $(FILTERS:%=$(BUILD)/bin/%) $(PIPELINES:%=$(BUILD)/bin/%) $(GUEST) $(HELPERS) \
            $(addprefix $(BUILD)/share/layerpipe/,$(notdir $(SHARED)))

.DELETE_ON_ERROR:
.SUFFIXES:
.PHONY: all help demo test bench lint fuzz faults check-asan install uninstall dist clean \
        build-all test-run bench-run demo-run fuzz-run faults-run asan-run

all: deps-build
	@$(MAKE) $(jobs) build-all

build-all: $(OUTPUTS)

# make calls itself, as what deps-% installed is there only then; where nobody said how many jobs,
# it takes as many as there are processors
jobs = --no-print-directory $(if $(filter -j% --jobserver%,$(MAKEFLAGS)),,-j$(shell nproc))

# no other goal is made beside these, or two makes would write the same files
ifneq ($(filter all test bench fuzz faults check-asan demo install,$(MAKECMDGOALS)),)
.NOTPARALLEL:
endif

help:
	@sed -n 's/^#   //p' Makefile

# --- what must be installed: tests/deps names it, and installs it where it may ---

deps-%:
	@$(if $(filter none,$(DEPS)),:,tests/deps $(DEPS) build $(filter-out build,$*) $(if $(filter test,$*),$(TESTS)))

# --- building ---

# a command $(Q)COMMAND is told in short by $(say) KIND FILE; V=1 shows it whole, V=quiet not at all
Q   = $(if $(filter 1,$(V)),,@)
say = $(if $(filter 1 quiet,$(V)),@:,@printf '%-3s %s\n')

$(BUILD)/lib/%.o: lib/%.c | $(JQ_HEADERS)
	@mkdir -p $(@D)
	$(say) CC $<
	$(Q)$(CC) $(ALL_CPPFLAGS) $(ALL_CFLAGS) -MMD -MP -c -o $@ $<

$(BUILD)/liblayerpipe.a: $(LIB_OBJS)
	@rm -f $@
	$(say) AR $@
	$(Q)$(AR) rcs $@ $^

$(BUILD)/obj/%.o: bin/%.c
	@mkdir -p $(@D)
	$(say) CC $<
	$(Q)$(CC) $(ALL_CPPFLAGS) $(ALL_CFLAGS) -MMD -MP -c -o $@ $<

FILTER_LIBS = $(ALL_LIBS)
$(BUILD)/bin/registry-push: FILTER_LIBS = $(CURL_LIBS)
$(FILTERS:%=$(BUILD)/bin/%): $(BUILD)/bin/%: $(BUILD)/obj/%.o $(BUILD)/liblayerpipe.a
	@mkdir -p $(@D)
	$(say) LD $@
	$(Q)$(CC) $(ALL_CFLAGS) $(LDFLAGS) -o $@ $^ $(FILTER_LIBS)

# vm-exec's other half runs where no library is: static, of libc alone, and never sanitized
$(BUILD)/static/%.o: %.c
	@mkdir -p $(@D)
	$(say) CC $<
	$(Q)$(CC) $(ALL_CPPFLAGS) $(filter-out -fsanitize% -fno-sanitize%,$(ALL_CFLAGS)) -MMD -MP -c -o $@ $<

$(GUEST): $(GUEST_OBJS)
	@mkdir -p $(@D)
	$(say) LD $@
	$(Q)$(CC) $(filter-out -fsanitize% -fno-sanitize%,$(ALL_CFLAGS)) $(LDFLAGS) -static -o $@ $^

# what pipelines call by its path, of few modules: no library is loaded but libc (but see "archive")
$(BUILD)/libexec/layerpipe/pinned: HELPER_LIBS = $(call archive,libcrypto) -pthread
$(HELPERS): $(BUILD)/libexec/layerpipe/%: bin/libexec/%.c $(BUILD)/liblayerpipe.a
	@mkdir -p $(@D)
	$(say) CC $<
	$(Q)$(CC) $(ALL_CPPFLAGS) $(ALL_CFLAGS) $(LDFLAGS) -o $@ $< $(BUILD)/liblayerpipe.a $(HELPER_LIBS)

$(PIPELINES:%=$(BUILD)/bin/%): $(BUILD)/bin/%: pipelines/%
	@mkdir -p $(@D)
	$(say) CP $<
	$(Q)sed -e '1s|/usr/bin/env -S bash|$(BASH)|' $(if $(TOOLS),-e '2s|^|export PATH=$(TOOLS)$${PATH:+:$$PATH}\n|') $< >$@
	$(Q)chmod 755 $@

# shell and jq programs lie beside each other where they are installed
$(BUILD)/share/layerpipe/%: lib/shell/%
	@mkdir -p $(@D)
	$(say) CP $<
	$(Q)install -m 644 $< $@

$(BUILD)/share/layerpipe/%: lib/jq/%
	@mkdir -p $(@D)
	$(say) CP $<
	$(Q)install -m 644 $< $@

.SECONDARY: $(JQ_HEADERS)
# a jq program as a C string: static const char jq_NAME[]
$(BUILD)/gen/%.jq.h: lib/jq/%.jq
	@mkdir -p $(@D)
	$(say) GEN $@
	$(Q){ echo 'static const char jq_$(subst -,_,$*)[] ='; \
	  sed -e 's/[\\"]/\\&/g' -e 's/.*/"&\\n"/' $<; echo ';'; } > $@

$(BUILD)/unit/%: tests/unit/%.c $(wildcard tests/unit/*.h) $(BUILD)/liblayerpipe.a
	@mkdir -p $(@D)
	$(say) CC $<
	$(Q)$(CC) $(ALL_CPPFLAGS) $(ALL_CFLAGS) $(LDFLAGS) -o $@ $< $(BUILD)/liblayerpipe.a $(ALL_LIBS)

$(BUILD)/faults/inject: tests/faults/inject.c $(BUILD)/liblayerpipe.a
	@mkdir -p $(@D)
	$(say) CC $<
	$(Q)$(CC) $(ALL_CPPFLAGS) $(ALL_CFLAGS) $(LDFLAGS) -o $@ $< $(BUILD)/liblayerpipe.a

# fuzz targets: what they reach of the library once more, by clang, and of the guest what unpacks; the ends of small
# buffers are met, and a small buffer or window costs little in each run
FUZZ_CHUNKS = -DTARREAD_CHUNK=2048 -DDECOMPRESS_CHUNK=2048 -DDECOMPRESS_WINDOW=20 -DVMSESSION_CHUNK=2048 \
              -DFILEPIECES_MOST=16384 -DZSTDPACK_WINDOW=10 -DZSTDPACK_TABLES=10
$(FUZZ)/%.o: %.c | $(JQ_HEADERS)
	@mkdir -p $(@D)
	$(say) CC $<
	$(Q)clang $(FUZZ_CHUNKS) $(ALL_CPPFLAGS) $(ALL_CFLAGS) -O1 $(SANITIZE) -fsanitize=fuzzer-no-link -MMD -MP -c -o $@ $<

$(FUZZ)/lib.a: $(FUZZ_OBJS)
	@rm -f $@
	$(say) AR $@
	$(Q)$(AR) rcs $@ $^

$(FUZZ)/unpack: $(FUZZ_GUEST)

$(FUZZERS): $(FUZZ)/%: tests/fuzz/%.c $(wildcard tests/fuzz/*.h) $(FUZZ)/lib.a
	@mkdir -p $(@D)
	$(say) CC $<
	$(Q)clang $(ALL_CPPFLAGS) $(ALL_CFLAGS) -O1 $(SANITIZE) -fsanitize=fuzzer -o $@ $< $(filter %.o,$^) \
	  $(FUZZ)/lib.a $(ALL_LIBS)

-include $(patsubst %.o,%.d,$(LIB_OBJS) $(GUEST_OBJS) $(FUZZ_OBJS) $(FUZZ_GUEST) \
           $(FILTERS:%=$(BUILD)/obj/%.o))

# --- testing ---

test: deps-test
	@$(MAKE) $(jobs) test-run

# $(call if-run,NAME,PROGRAMS): what tests/NAME.bats runs, where that is among the files to run
if-run = $(if $(if $(TESTS),$(filter %/$1.bats,$(TESTS)),all),$2)

test-run: build-all $(call if-run,unit,$(UNITS)) $(call if-run,fuzz,$(FUZZERS)) $(BUILD)/faults/inject
	@BUILD='$(abspath $(BUILD))' FUZZ='$(abspath $(FUZZ))' V='$(V)' \
	  tests/with-kernel tests/run $(TESTS)

# the whole suite on programs that stop at the first bad access or undefined behaviour
check-asan: deps-test
	@$(MAKE) $(jobs) BUILD=$(BUILD)/asan FUZZ=$(FUZZ) SANITIZED=1 \
	  CFLAGS='-O1 -g $(SANITIZE)' asan-run

asan-run: export ASAN_OPTIONS = exitcode=99:detect_leaks=0:verify_asan_link_order=0
asan-run: export UBSAN_OPTIONS = exitcode=99:print_stacktrace=1
asan-run: export SANITIZED := $(SANITIZED)
asan-run: test-run

# a new finding is kept in tests/fuzz/corpus, where the tests try it again
fuzz: deps-test
	@$(MAKE) $(jobs) fuzz-run

fuzz-run: $(FUZZERS)
	@set -e; for target in $(^F); do FUZZ=$(FUZZ) tests/fuzz/run $$target $(FUZZ_SECONDS); done

# FAULTS=OPTIONS: of tests/faults/run, which says what they are
faults: deps-test
	@$(MAKE) $(jobs) faults-run

faults-run: build-all $(BUILD)/faults/inject
	@BUILD='$(abspath $(BUILD))' tests/faults/run $(FAULTS)

lint: deps-lint
	@tests/lint

# --- showing and measuring ---

# CLOSURE=FILE ROOT=DIR: a closure of your own; RUN=PROGRAM: what to run in it
demo: deps-demo
	@echo '# 1 of 5: the programs, in $(BUILD)/bin'
	@$(MAKE) $(jobs) $(if $(filter 1,$(V)),,V=quiet) demo-run

demo-run: build-all
	@BUILD='$(abspath $(BUILD))' CLOSURE='$(CLOSURE)' ROOT='$(ROOT)' RUN='$(RUN)' tests/demo

# BENCH_MB=SIZE: of a smaller closure, to try it
bench: deps-bench
	@$(MAKE) $(jobs) bench-run

bench-run: build-all
	@BUILD='$(abspath $(BUILD))' tests/with-kernel tests/bench/run

# --- installing ---

# FILE:MODE:TARGET of each file, the target below PREFIX; completion is looked for by program
INSTALLED = $(foreach f,$(FILTERS) $(PIPELINES),$(BUILD)/bin/$f:755:bin/$f) \
            $(foreach f,$(GUEST) $(HELPERS),$f:755:$(f:$(BUILD)/%=%)) \
            $(foreach f,$(SHARED),$f:644:share/layerpipe/$(notdir $f)) \
            $(foreach f,$(PAGES),man/$f:644:share/man/man$(subst .,,$(suffix $f))/$f) \
            $(foreach f,$(FILTERS) $(PIPELINES),\
              lib/shell/layerpipe.bash:644:share/bash-completion/completions/$f)

install: all
	@set -e; for entry in $(INSTALLED); do \
	  file=$${entry%%:*} target='$(DESTDIR)$(PREFIX)'/$${entry##*:} mode=$${entry#*:}; \
	  install -d -m 755 "$${target%/*}"; install -m $${mode%:*} "$$file" "$$target"; \
	done

uninstall:
	@set -e; for entry in $(INSTALLED); do \
	  rm -f '$(DESTDIR)$(PREFIX)'/$${entry##*:}; \
	done
	@rmdir '$(DESTDIR)$(PREFIX)/share/layerpipe' '$(DESTDIR)$(PREFIX)/libexec/layerpipe' 2>/dev/null || :

# the same bytes from a checkout and from an unpacked tarball
dist:
	@tests/dist layerpipe-$(VERSION)

clean:
	@[ ! -d $(BUILD) ] || chmod -R u+w $(BUILD)
	rm -rf $(BUILD)
