# btrbox: one binary that is all of btrfs's userspace. Plain make and pkg-config.
CC ?= cc
BUILD ?= build
OPT ?= -O2 -g
WERROR ?= -Werror
PKGS := zlib libzstd blkid uuid libxxhash libgcrypt
CPPFLAGS_ALL := -I. -D_GNU_SOURCE -D_FILE_OFFSET_BITS=64 $(shell pkg-config --cflags $(PKGS)) $(CPPFLAGS)
CFLAGS_ALL := -std=gnu11 $(OPT) -Wall -Wextra -Wno-unused-parameter -Wshadow -Wstrict-prototypes -Wmissing-prototypes -Wvla $(WERROR) -pthread $(CFLAGS)
LDLIBS_ALL := $(shell pkg-config --libs $(PKGS)) -llzo2 -lpthread -lm $(LDLIBS)

SRCS := $(wildcard main.c cmds/*.c cmds/*/*.c common/*.c crypto/*.c kernel-shared/*/*.c)
OBJS := $(SRCS:%.c=$(BUILD)/%.o)
LIBOBJS := $(filter-out $(BUILD)/main.o,$(OBJS))
UNITS := $(patsubst tests/unit/%.c,$(BUILD)/unit/%,$(wildcard tests/unit/test_*.c))

# Until the first command is in the tree there is no program to link, only the library.
all: $(if $(wildcard cmds/*.c),btrbox,$(BUILD)/libbtrbox.a)
btrbox: $(BUILD)/btrbox
	@ln -sf $(BUILD)/btrbox $@
$(BUILD)/btrbox: $(OBJS)
	$(CC) $(CFLAGS_ALL) $(LDFLAGS) -o $@ $(OBJS) $(LDLIBS_ALL)
$(BUILD)/libbtrbox.a: $(LIBOBJS)
	@rm -f $@
	ar rcs $@ $(LIBOBJS)
$(BUILD)/%.o: %.c
	@mkdir -p $(@D)
	$(CC) $(CPPFLAGS_ALL) $(CFLAGS_ALL) -MMD -MP -c -o $@ $<
$(BUILD)/unit/%: tests/unit/%.c $(BUILD)/libbtrbox.a
	@mkdir -p $(@D)
	$(CC) $(CPPFLAGS_ALL) $(CFLAGS_ALL) -MMD -MP $(LDFLAGS) -o $@ $< $(BUILD)/libbtrbox.a $(LDLIBS_ALL)
units: $(UNITS)
	@for t in $(UNITS); do echo "== $$t"; $$t || exit 1; done
clean:
	rm -rf build build-* btrbox
.PHONY: all units clean
-include $(OBJS:.o=.d) $(UNITS:=.d)
