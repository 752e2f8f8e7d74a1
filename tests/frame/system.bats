# SPDX-License-Identifier: GPL-2.0-or-later
# What the system around needs of us: udev rules, the way into a ramdisk, the package.

setup() { load ../lib; begin; }
teardown() { finish; }

plain_build() { [[ $(readlink -f "$BTRBOX") == "$TOP/build/btrbox" ]] || skip "installs the plain build, and another one is tested"; }
install_root() { make -s -C "$TOP" -o build/btrbox install DESTDIR="$T/root" PREFIX=/usr "$@"; }
# What initramfs-tools gives its hooks: the real functions where they are installed, else the two that we use.
hook_functions() {
	if [[ -f /usr/share/initramfs-tools/hook-functions ]]; then
		cp /usr/share/initramfs-tools/hook-functions functions
	else
		cat >functions <<-'SH'
		copy_exec() {
			local f
			for f in "$1:$2" $(ldd "$1" | grep -o '/[^ ]*' | sort -u); do
				mkdir -p "$DESTDIR/$(dirname "${f#*:}")"
				cp -L "${f%%:*}" "$DESTDIR/${f#*:}"
			done
		}
		manual_add_modules() { echo "$@" >>modules; }
		SH
	fi
	sed 's|/usr/share/initramfs-tools/hook-functions|./functions|' "$TOP/common/system/initramfs/hooks/btrfs" >hook
}

@test "make install puts rules and hooks where they are looked for" {
	plain_build
	install_root UDEVDIR=/lib/udev
	for f in lib/udev/rules.d/64-btrfs-{dm,zoned}.rules lib/udev/rules.d/65-btrfs-ready.rules usr/lib/dracut/modules.d/91btrbox/module-setup.sh; do [[ -s root/$f ]]; done
	for f in hooks/btrfs scripts/local-premount/btrfs; do [[ -x root/usr/share/initramfs-tools/$f ]]; done
	grep -q 'PROGRAM=="/usr/bin/btrfs device ready $devnode"' root/lib/udev/rules.d/65-btrfs-ready.rules
	! grep -r @BINDIR@ root/lib root/usr/lib root/usr/share
}

@test "rules are well-formed: keys, operators, jumps that lead somewhere" {
	python3 - "$TOP"/common/system/udev/*.rules <<-'PY'
	import re, sys
	match = {'ACTION', 'SUBSYSTEM', 'KERNEL', 'PROGRAM', 'RESULT'}
	token = re.compile(r'([A-Z]+)(\{[^}]+\})?(==|!=|\+=|:=|=)"([^"]*)"(?:,\s*|$)')
	def check(lines, name):
	    jumps, labels, n = set(), [], 0
	    for line in lines:
	        line = line.strip()
	        if not line or line[0] == '#': continue
	        n += 1; at = 0
	        while at < len(line):
	            m = token.match(line, at)
	            assert m, f'{name}: {line[at:]}'
	            key, arg, op, value = m.groups(); at = m.end()
	            assert key in match | {'ENV', 'ATTR', 'RUN', 'GOTO', 'LABEL', 'IMPORT'}, (name, key)
	            if key in match: assert op in ('==', '!='), (name, line)
	            if key == 'RUN': assert op == '+=', (name, line)
	            if key == 'GOTO': jumps.add(value)
	            if key == 'LABEL': labels.append(value)
	    assert n and jumps == set(labels) and len(labels) == len(set(labels)), (name, jumps, labels)
	for f in sys.argv[1:]: check(open(f), f)
	for bad in ('KERNEL="dm-*"', 'RUN="x"', 'ENV{A}=="b" GOTO="c"', 'ENV{A}=="b", GOTO="nowhere"'):
	    try: check([bad], 'bad')
	    except AssertionError: continue
	    raise SystemExit(f'passed: {bad}')
	PY
	# udev's own judgement, where it has one (systemd 254)
	if udevadm verify --help >/dev/null 2>&1; then
		mkdir rules; cp "$TOP"/common/system/udev/*.rules rules/; sed -i 's|@BINDIR@|/usr/bin|' rules/*
		udevadm verify --resolve-names=never rules/*.rules
	fi
}

@test "scripts are POSIX shell, and name no prerequisites" {
	for f in hooks/btrfs scripts/local-premount/btrfs; do
		sh -n "$TOP/common/system/initramfs/$f"
		same "$f" "" "$(sh "$TOP/common/system/initramfs/$f" prereqs)"
	done
	bash -n "$TOP/common/system/dracut/91btrbox/module-setup.sh"
}

# bats test_tags=root
@test "the hook brings a program that works in the ramdisk by all its names" {
	need_kernel; plain_build
	install_root; hook_functions
	mkdir ram
	PATH=$T/root/usr/bin:$PATH DESTDIR=$T/ram verbose=n MODULESDIR=/nonexistent version=0 sh ./hook
	for name in usr/bin/btrfs usr/bin/btrfsck usr/sbin/fsck.btrfs; do [[ -L ram/$name ]]; done
	[[ $(chroot ram /usr/bin/btrfs --version) == "$("$BTRBOX" btrfs --version)" ]]
	chroot ram /usr/sbin/fsck.btrfs /usr/bin/btrbox
	mkdir -p ram/dev ram/sys ram/proc
	mount --bind /dev ram/dev; echo "$T/ram/dev" >>.mounted
	mount --bind /sys ram/sys; echo "$T/ram/sys" >>.mounted
	mount -t proc proc ram/proc; echo "$T/ram/proc" >>.mounted
	truncate -s 200M a.img b.img; "$BTRBOX" mkfs.btrfs -q -draid1 -mraid1 a.img b.img
	attach a.img b.img
	run chroot ram /usr/bin/btrfs device scan --forget "${LOOPS[0]}" # whoever scans on this machine may have seen them
	run chroot ram /usr/bin/btrfs device scan "${LOOPS[0]}"; expect 0
	run chroot ram /usr/bin/btrfs device scan "${LOOPS[1]}"; expect 0
	run chroot ram /usr/bin/btrfs device ready "${LOOPS[0]}"; expect 0
	"$BTRBOX" btrfs device scan --forget "${LOOPS[@]}" || true
}

@test "before the root is mounted its devices are registered, and those that are missing waited for" {
	mkdir bin; touch calls
	cat >bin/btrfs <<-'SH'
	#!/bin/sh
	echo "btrfs $*" >>calls
	case $2 in ready) [ "$(grep -c ready calls)" -ge "${READY_AFTER:-1}" ] ;; esac
	SH
	printf '#!/bin/sh\necho "modprobe $*" >>calls\n' >bin/modprobe
	printf '#!/bin/sh\ncase "$*" in *-l*) echo "$FOUND" ;; *TYPE*) echo "${TYPE:-btrfs}" ;; esac\n' >bin/blkid
	printf '#!/bin/sh\necho slept >>calls\n' >bin/sleep
	chmod +x bin/*
	# the device: any block device will do, since only its kind is looked at
	dev=$(ls /dev/loop[0-9]* /dev/vda /dev/sda /dev/nvme0n1 2>/dev/null | while read -r d; do [[ -b $d ]] && echo "$d" && break; done)
	[[ $dev ]] || skip "needs a block device to name"
	sed "s|\[ -x /usr/bin/btrfs \] .*|:|" "$TOP/common/system/initramfs/scripts/local-premount/btrfs" >script
	boot() { : >calls; PATH=$T/bin:$PATH run env "$@" sh ./script; expect 0; }
	boot ROOT=/dev/nosuch; same calls "modprobe btrfs
btrfs device scan" "$(cat calls)"
	boot ROOT="$dev" TYPE=ext4; ! grep ready calls
	boot ROOT=UUID=x FOUND="$dev" READY_AFTER=3
	same ready 3 "$(grep -c "^btrfs device ready $dev\$" calls)"; same slept 2 "$(grep -c slept calls)"; same output "" "$output"
	boot ROOT="$dev" READY_AFTER=99 ROOTDELAY=4; has "not all devices of the root filesystem $dev have come"; same slept 4 "$(grep -c slept calls)"
}

# package LAYOUT: out/btrbox_*.deb of this build; its path goes to $DEB.
package() {
	DEB_BUILD=build DEB_OUT=$T/out DEB_LAYOUT=$1 SOURCE_DATE_EPOCH=1700000000 "$TOP/scripts/mkdeb" >made
	DEB=$(echo out/btrbox_*.deb); grep -q "/$DEB: " made
}
# The package manager on a root of our own.
pkg() { dpkg --root="$T/sys" --force-not-root --force-depends --force-script-chrootless --log="$T/dpkg.log" "$@" 2>&1; }

@test "the package takes the place of btrfs-progs, and leaves nothing when it goes" {
	plain_build; need_cmd dpkg-deb dpkg-shlibdeps
	package split
	dpkg-deb -c "$DEB" | awk '{ print $6 }' >list
	for p in $("$BTRBOX" --list); do grep -qE "^\./s?bin/$p\$" list; grep -q "man8/$p.8.gz" list; done
	for f in lib/udev/rules.d/64-btrfs-dm.rules usr/share/initramfs-tools/hooks/btrfs usr/share/bash-completion/completions/btrfs usr/share/doc/btrbox/copyright \
	         usr/share/doc/btrbox/changelog.Debian.gz usr/share/doc/btrbox/changelog.gz usr/share/zsh/vendor-completions/_btrfs; do grep -qx "./$f" list; done
	! dpkg-deb -c "$DEB" | awk '{ print $2 }' | grep -v root/root
	same conflicts "btrfs-progs" "$(dpkg-deb -f "$DEB" Conflicts)"; same replaces "btrfs-progs" "$(dpkg-deb -f "$DEB" Replaces)"
	same provides "btrfs-progs (= 6.19)" "$(dpkg-deb -f "$DEB" Provides)"
	dpkg-deb -f "$DEB" Depends | grep -q libc6; dpkg-deb -f "$DEB" Depends | grep -q libblkid1
	# what is there before
	mkdir -p old/DEBIAN old/bin old/usr/share/man/man8 sys/var/lib/dpkg/info sys/var/lib/dpkg/updates sys/usr/bin sys/usr/sbin sys/usr/lib
	for d in bin sbin lib; do ln -s usr/$d sys/$d; done
	touch sys/var/lib/dpkg/status sys/var/lib/dpkg/available
	printf 'Package: btrfs-progs\nVersion: 6.2-1\nArchitecture: all\nMaintainer: x <x@y>\nDescription: old\n' >old/DEBIAN/control
	echo old >old/bin/btrfs; echo old >old/bin/btrfs-convert; echo old >old/usr/share/man/man8/btrfs.8.gz
	dpkg-deb --root-owner-group -b old old.deb >/dev/null
	pkg -i old.deb >/dev/null; [[ $(cat sys/usr/bin/btrfs) == old ]]
	run pkg -i --auto-deconfigure -B --force-conflicts "$DEB"; expect 0
	pkg --purge btrfs-progs >/dev/null || true
	[[ $(sys/usr/bin/btrfs --version) == "$("$BTRBOX" btrfs --version)" ]]; [[ -L sys/usr/sbin/mkfs.btrfs && ! -e sys/usr/bin/btrfs-convert ]]
	zcat sys/usr/share/man/man8/btrfs.8.gz | grep -q '^.SH NAME'; zcat sys/usr/share/man/man8/btrbox.8.gz | grep -q '^.SH NAME'
	run pkg --purge btrbox; expect 0
	same "what is left" "" "$(find sys -type f ! -path '*/var/lib/dpkg/*'; find sys -type l | grep -v '^sys/s\?bin$\|^sys/lib$')"
}

@test "the package has the same bytes each time, and the layout that is asked for" {
	plain_build; need_cmd dpkg-deb dpkg-shlibdeps
	package merged
	dpkg-deb -c "$DEB" | awk '{ print $6 }' >list; grep -qx ./usr/bin/btrfs list; grep -qx ./usr/lib/udev/rules.d/64-btrfs-dm.rules list; ! grep -q '^./s\?bin/' list
	mv "$DEB" first; touch "$TOP/build/btrbox"; (umask 077; package merged); cmp first "$DEB"
}
