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
LINK_STATIC := -static
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

CPPFLAGS_ALL := -I. -include $(BUILD)/config.h -D_GNU_SOURCE -D_FILE_OFFSET_BITS=64 $(shell $(PKG_CONFIG) --cflags $(filter-out readline,$(PKGS))) $(CPPFLAGS)
CFLAGS_ALL := -std=gnu11 $(OPT) -Wall -Wextra -Wno-unused-parameter -Wshadow -Wstrict-prototypes -Wmissing-prototypes -Wvla $(WERROR) -pthread $(CFLAGS)
LDLIBS_ALL := $(shell $(PKG_CONFIG) $(PKG_STATIC) --libs $(PKGS)) -lpthread -lm $(LDLIBS)

SRCS := $(wildcard main.c cmds/*.c cmds/*/*.c common/*.c crypto/*.c kernel-shared/*/*.c)
OBJS := $(SRCS:%.c=$(BUILD)/%.o)
LIBOBJS := $(filter-out $(BUILD)/main.o,$(OBJS))
UNITS := $(patsubst tests/unit/%.c,$(BUILD)/unit/%,$(wildcard tests/unit/test_*.c))

all: btrbox links

# The program at the top and the links beside it are those of the last build.
btrbox: $(BUILD)/btrbox
	@ln -sf $(BUILD)/btrbox $@
links: $(BUILD)/btrbox
	@rm -rf $@ && mkdir $@ && for n in $$($(BUILD)/btrbox --list); do ln -s ../btrbox $@/$$n; done
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

# Both are rewritten only when they change, and then everything that was made with the old ones is made again.
keep = $(shell mkdir -p $(@D))$(file >$@.new,$(1))@cmp -s $@.new $@ && rm $@.new || mv $@.new $@
$(BUILD)/config.h: FORCE
	$(call keep,$(CONFIG))
$(BUILD)/flags: FORCE
	$(call keep,$(CC) $(CPPFLAGS_ALL) $(CFLAGS_ALL) $(LINK_STATIC) $(LDFLAGS) $(LDLIBS_ALL) $(sort $(SRCS)))

units: $(UNITS)
	@for t in $(UNITS); do echo "== $$t"; $$t || exit 1; done
clean:
	rm -rf build build-* btrbox btrbox.static links
FORCE:
.PHONY: all links units clean FORCE
-include $(OBJS:.o=.d) $(UNITS:=.d)
