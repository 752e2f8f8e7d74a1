# btrbox: one binary that is all of btrfs's userspace. Plain make and pkg-config; `make help` names the targets.
CC ?= cc
BUILD ?= build
OPT ?= -O2 -g
WERROR ?= -Werror
PKG_CONFIG ?= pkg-config
PREFIX ?= /usr/local

# Optional libraries: there if pkg-config knows them; UDEV=0 and so on leave one out, UDEV=1 insists.
have = $(shell $(PKG_CONFIG) --exists $(1) 2>/dev/null && echo 1 || echo 0)
STATIC ?= 0
ifeq ($(STATIC),1)
UDEV := 0
ARCHIVE := 0
PKG_STATIC := --static
# glibc warns about users and hosts, which a static program cannot look up: it prints numbers.
LINK_STATIC := -static $(shell ld --help 2>/dev/null | grep -q -- --no-warnings && echo -Wl,--no-warnings)
endif
UDEV ?= $(call have,libudev)
READLINE ?= $(call have,readline)
ARCHIVE ?= $(call have,libarchive)
DEFLATE ?= $(call have,libdeflate)
LZO ?= $(call have,lzo2)
ZSTD ?= $(call have,libzstd)
FEATURES := STATIC UDEV READLINE ARCHIVE DEFLATE LZO ZSTD
pkg_UDEV := libudev
pkg_READLINE := readline
pkg_ARCHIVE := libarchive
pkg_DEFLATE := libdeflate
pkg_LZO := lzo2
pkg_ZSTD := libzstd
on = $(filter-out 0,$($(1)))
PKGS := zlib blkid uuid libxxhash libgcrypt $(foreach f,$(FEATURES),$(if $(call on,$(f)),$(pkg_$(f))))
# Names for #if: HAVE_UDEV is 0 or 1. They are in the generated config.h, which every file gets.
hash := \#
define newline


endef
CONFIG := $(foreach f,$(FEATURES),$(hash)define HAVE_$(f) $(if $(call on,$(f)),1,0)$(newline))

# Before `make deps` there may be no pkg-config; then nothing is built either.
pkgs = $(if $(shell command -v $(PKG_CONFIG)),$(shell $(PKG_CONFIG) $(1)))
CPPFLAGS_ALL := -I. -include $(BUILD)/config.h -D_GNU_SOURCE -D_FILE_OFFSET_BITS=64 $(call pkgs,--cflags $(filter-out readline,$(PKGS))) $(CPPFLAGS)
CFLAGS_ALL := -std=gnu11 $(OPT) -Wall -Wextra -Wno-unused-parameter -Wshadow -Wstrict-prototypes -Wmissing-prototypes -Wvla \
	-Wno-gnu-variable-sized-type-not-at-end $(WERROR) -pthread $(CFLAGS)
# libarchive is loaded when it is needed (kernel-shared/make/archive_lib.h).
LDLIBS_ALL := $(call pkgs,$(PKG_STATIC) --libs $(filter-out libarchive,$(PKGS))) -ldl -lpthread -lm $(LDLIBS)

SRCS := $(wildcard main.c cmds/*.c cmds/*/*.c common/*.c crypto/*.c kernel-shared/*/*.c)
OBJS := $(SRCS:%.c=$(BUILD)/%.o)
LIBOBJS := $(filter-out $(BUILD)/main.o,$(OBJS))
UNITS := $(patsubst tests/unit/%.c,$(BUILD)/unit/%,$(wildcard tests/unit/test_*.c))

all: btrbox links

# The program at the top and the links beside it are those of the last build.
btrbox: $(BUILD)/btrbox
	@ln -sf $(BUILD)/btrbox $@
links: $(BUILD)/links.stamp
$(BUILD)/links.stamp: $(BUILD)/btrbox
	@rm -rf links && mkdir links && for n in $$($(BUILD)/btrbox --list); do ln -s ../btrbox links/$$n; done && touch $@
$(BUILD)/btrbox: $(OBJS) $(BUILD)/flags
	$(CC) $(CFLAGS_ALL) $(LINK_STATIC) $(LDFLAGS) -o $@ $(OBJS) $(LDLIBS_ALL)
$(BUILD)/libbtrbox.a: $(LIBOBJS) $(BUILD)/flags
	@rm -f $@
	ar rcs $@ $(LIBOBJS)
$(BUILD)/%.o: %.c $(BUILD)/config.h $(BUILD)/flags
	@mkdir -p $(@D)
	$(CC) $(CPPFLAGS_ALL) $(CFLAGS_ALL) -MMD -MP -c -o $@ $<
$(BUILD)/unit/%: tests/unit/%.c $(BUILD)/libbtrbox.a
	@mkdir -p $(@D)
	$(CC) $(CPPFLAGS_ALL) $(CFLAGS_ALL) -MMD -MP $(LINK_STATIC) $(LDFLAGS) -o $@ $< $(BUILD)/libbtrbox.a $(LDLIBS_ALL)

$(BUILD)/bench/%: tests/bench/%.c $(BUILD)/libbtrbox.a
	@mkdir -p $(@D)
	$(CC) $(CPPFLAGS_ALL) $(CFLAGS_ALL) -MMD -MP $(LDFLAGS) -o $@ $< $(BUILD)/libbtrbox.a $(LDLIBS_ALL)

# Fuzz targets: with a plain driver that runs files, or (FUZZER=1, clang) with libFuzzer.
FUZZ := $(patsubst tests/fuzz/fuzz_%.c,$(BUILD)/fuzz/%,$(wildcard tests/fuzz/fuzz_*.c))
$(BUILD)/fuzz/%: tests/fuzz/fuzz_%.c $(if $(FUZZER),,tests/fuzz/driver.c) $(BUILD)/libbtrbox.a
	@mkdir -p $(@D)
	$(CC) $(CPPFLAGS_ALL) $(CFLAGS_ALL) $(if $(FUZZER),-fsanitize=fuzzer) $(LDFLAGS) -o $@ $(filter %.c,$^) $(BUILD)/libbtrbox.a $(LDLIBS_ALL)
$(FUZZ): tests/fuzz/fuzz.h

# Both are rewritten only when they change, and then everything that was made with the old ones is made again.
keep = $(shell mkdir -p $(@D))$(file >$@.new,$(1))@cmp -s $@.new $@ && rm $@.new || mv $@.new $@
$(BUILD)/config.h: FORCE
	@$(PKG_CONFIG) --exists --print-errors $(PKGS) || { echo "something is missing: 'make deps' gets it" >&2; exit 1; }
	$(call keep,$(CONFIG))
$(BUILD)/flags: FORCE
	$(call keep,$(CC) $(CPPFLAGS_ALL) $(CFLAGS_ALL) $(LINK_STATIC) $(LDFLAGS) $(LDLIBS_ALL) $(sort $(SRCS)))

# --- tests: T= picks files (tests/frame/help.bats, tests/unit/test_out.c) or names (a regular expression) ---

T ?=
PICK = $(if $(T),'$(subst ','\'',$(T))')
LANES ?= $(shell nproc)
# Programs that bats files drive: tests/GROUP/NAME.c becomes $(BUILD)/GROUP/NAME.
DRIVERS := $(patsubst tests/%.c,$(BUILD)/%,$(wildcard tests/offline-write/*.c tests/crash/*.c tests/damage/*.c))
$(DRIVERS): $(BUILD)/%: tests/%.c $(BUILD)/libbtrbox.a
	@mkdir -p $(@D)
	$(CC) $(CPPFLAGS_ALL) $(CFLAGS_ALL) -MMD -MP $(LINK_STATIC) $(LDFLAGS) -o $@ $< $(BUILD)/libbtrbox.a $(LDLIBS_ALL)
test-programs: $(UNITS) $(FUZZ) $(DRIVERS)
units: $(UNITS)
	@for t in $(UNITS); do echo "== $$t"; $$t || exit 1; done
# What is missing is installed first, so a fresh make has to look for the libraries again.
test test-full: ensure-deps
	@$(MAKE) --no-print-directory -s -j$(LANES) all test-programs
	@$(if $(filter test-full,$@),TEST_FULL=1) tests/run -b $(BUILD) -j $(LANES) $(PICK)
# Other optimisation, other warnings: they are judged in the plain build.
SANITIZE := BUILD=build-$$kind WERROR= OPT="-O1 -g -fno-omit-frame-pointer $$flags"
asan tsan: ensure-deps
	@kind=$@; flags="$(if $(filter asan,$@),-fsanitize=address -fsanitize=undefined -fno-sanitize-recover=undefined,-fsanitize=thread)"; \
	$(MAKE) --no-print-directory -s -j$(LANES) $(SANITIZE) build-$$kind/btrbox test-programs && \
	tests/run -b build-$$kind -j $(LANES) $(PICK)
BENCHES := $(patsubst tests/bench/%.c,$(BUILD)/bench/%,$(wildcard tests/bench/*.c))
bench-programs: $(BENCHES)
bench: ensure-deps
	@$(MAKE) --no-print-directory -s -j$(LANES) all bench-programs
	@tests/bench/run $(B)
fuzz-programs: $(FUZZ)
fuzz: ensure-deps
	@tests/fuzz/run $(F)
demo: ensure-deps
	@$(MAKE) --no-print-directory -s -j$(LANES) all
	@scripts/demo
deps:
	@scripts/deps
ensure-deps:
	@scripts/deps --check 2>/dev/null || scripts/deps

# --- the static binary, for a rescue ramdisk: no udev, no archives ---

static:
	@$(MAKE) --no-print-directory STATIC=1 BUILD=build-static build-static/btrbox
	@strip -o btrbox.static build-static/btrbox
	@echo "btrbox.static: $$(stat -c %s btrbox.static) bytes"

# --- installing ---

INSTALL ?= install
bin := $(DESTDIR)$(PREFIX)/bin
sbin := $(DESTDIR)$(PREFIX)/sbin
share := $(DESTDIR)$(PREFIX)/share
# Where udev, initramfs-tools and dracut look.
UDEVDIR ?= $(PREFIX)/lib/udev
INITRAMFSDIR ?= $(PREFIX)/share/initramfs-tools
DRACUTDIR ?= $(PREFIX)/lib/dracut/modules.d
# Programs that are called by name from /sbin (mount, fsck, systemd) have their links there.
SBIN_LINKS := mkfs.btrfs fsck.btrfs
install: $(BUILD)/btrbox
	$(INSTALL) -d $(bin) $(sbin) $(share)/bash-completion/completions $(share)/zsh/site-functions $(share)/fish/vendor_completions.d $(share)/man/man8
	$(INSTALL) -m 755 $(BUILD)/btrbox $(bin)/btrbox
	for n in $$($(BUILD)/btrbox --list); do case " $(SBIN_LINKS) " in *" $$n "*) ln -sfn ../bin/btrbox $(sbin)/$$n ;; *) ln -sfn btrbox $(bin)/$$n ;; esac; done
	$(BUILD)/btrbox --completion bash >$(share)/bash-completion/completions/btrfs
	for n in btrbox $$($(BUILD)/btrbox --list); do [ $$n = btrfs ] || ln -sfn btrfs $(share)/bash-completion/completions/$$n; done
	$(BUILD)/btrbox --completion zsh >$(share)/zsh/site-functions/_btrfs
	$(BUILD)/btrbox --completion fish >$(share)/fish/vendor_completions.d/btrfs.fish
	for n in btrbox $$($(BUILD)/btrbox --list); do [ $$n = btrfs ] || ln -sfn btrfs.fish $(share)/fish/vendor_completions.d/$$n.fish; done
	for n in $$($(BUILD)/btrbox --man list); do f=Documentation/man/$$n.md; [ -f $$f ] || f=; $(BUILD)/btrbox --man $$n $$f >$(share)/man/man8/$$n.8 || exit 1; done
	ln -sfn btrfs.8 $(share)/man/man8/btrbox.8
	$(INSTALL) -d $(DESTDIR)$(UDEVDIR)/rules.d $(DESTDIR)$(INITRAMFSDIR)/hooks $(DESTDIR)$(INITRAMFSDIR)/scripts/local-premount $(DESTDIR)$(DRACUTDIR)/91btrbox
	for f in common/system/udev/*.rules; do sed 's|@BINDIR@|$(PREFIX)/bin|' $$f >$(DESTDIR)$(UDEVDIR)/rules.d/$${f##*/} || exit 1; done
	$(INSTALL) -m 755 common/system/initramfs/hooks/btrfs $(DESTDIR)$(INITRAMFSDIR)/hooks/btrfs
	$(INSTALL) -m 755 common/system/initramfs/scripts/local-premount/btrfs $(DESTDIR)$(INITRAMFSDIR)/scripts/local-premount/btrfs
	$(INSTALL) -m 755 common/system/dracut/91btrbox/module-setup.sh $(DESTDIR)$(DRACUTDIR)/91btrbox/module-setup.sh

deb: ensure-deps
	@scripts/mkdeb

problems:
	Documentation/problems.py

help:
	@sed -n 's/^\#\# //p' Makefile
clean:
	rm -rf build build-* btrbox btrbox.static links
FORCE:
.PHONY: all links test-programs fuzz-programs units bench-programs test test-full asan tsan bench fuzz demo deps ensure-deps static install deb problems help clean FORCE
-include $(OBJS:.o=.d) $(UNITS:=.d) $(BENCHES:=.d) $(DRIVERS:=.d)

## make            builds btrbox and the folder links/
## make test       gets what is missing, builds, runs the suite; T= picks files or names
## make test-full  the suite with the full products of combinations
## make asan tsan  the suite under sanitizers (address and undefined behaviour; threads)
## make demo       shows the main job on a real image
## make bench      measures ours and the distribution's; B= picks works
## make fuzz       runs the fuzz targets; F= picks one
## make static     one static binary, btrbox.static
## make install    PREFIX (/usr/local), DESTDIR: program, links, completion, manual pages; UDEVDIR, INITRAMFSDIR, DRACUTDIR: rules and ramdisk hooks
## make deb        build-deb/btrbox_VERSION_ARCH.deb, which takes the place of btrfs-progs; the same bytes each time
## make problems Documentation/problems.md from the table of problems
## make deps       installs what building, testing and the demo need
## make clean
## Optional libraries: UDEV=0 READLINE=0 ARCHIVE=0 DEFLATE=0 LZO=0 ZSTD=0 leave one out.
