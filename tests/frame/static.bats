# SPDX-License-Identifier: GPL-2.0-or-later
# The static build.

setup() { load ../lib; begin; }
teardown() { finish; }

# bats test_tags=root
@test "the static binary runs in an empty chroot" {
	need_full
	need_root
	need_peer
	mkdir -p tree/dir root
	echo content >tree/dir/file
	mk_fs peer root/a.img 120M tree
	make -s -C "$TOP" static >log 2>&1 || { tail log; return 1; }
	cp "$TOP/btrbox.static" root/
	inside() { chroot "$T/root" /btrbox.static "$@"; }
	run inside btrfs version
	has "+STATIC"
	has "-UDEV"
	has "-TAR"
	same content content "$(inside offline a.img cat /dir/file)"
	mkdir root/out
	inside btrfs restore a.img /out
	same restored content "$(cat root/out/dir/file)"
	same digest "$("$BTRBOX" offline hash root/a.img:/ | cut -d' ' -f 1)" "$(inside offline hash a.img:/ | cut -d' ' -f 1)"
}
