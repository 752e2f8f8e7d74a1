# SPDX-License-Identifier: GPL-2.0-or-later
# What is generated from the tables: manual pages; the layers; installing. (Completion: complete.bats.)

setup() { load ../lib; begin; }
teardown() { finish; }

@test "every page has its prose and is well-formed" {
	run "$BTRBOX" --man list
	expect 0
	[[ ${lines[0]} == btrfs ]]
	for page in "${lines[@]}"; do
		"$BTRBOX" --man "$page" "$TOP/Documentation/man/$page.md" >"$page.8"
		grep -q '^.SH NAME' "$page.8"; grep -q '^.SH SYNOPSIS' "$page.8"
		if command -v groff >/dev/null; then
			same "groff warnings of $page" "" "$(groff -man -Tutf8 -ww -z "$page.8" 2>&1)"
		fi
	done
	# what a page refers to is there, and every page has examples (examples.bats runs them)
	"$BTRBOX" --man list >pages
	for page in $(cat pages); do
		for other in $(grep -oP '`\K[a-z.-]+(?=`\(8\))' "$TOP/Documentation/man/$page.md"); do grep -qx "$other" pages || { echo "$page refers to $other"; return 1; }; done
		[[ $page == fsck.btrfs ]] || grep -q '^# EXAMPLES' "$TOP/Documentation/man/$page.md"
	done
	if command -v mandoc >/dev/null; then
		same "mandoc warnings" "" "$(mandoc -Tlint -W warning ./*.8 | grep -v 'missing date')"
	fi
	run "$BTRBOX" --man btrfs-filesystem
	has '\-k|\-\-kbytes'
	run "$BTRBOX" --man nosuch
	expect 1
	run "$BTRBOX" --man btrfs /nonexistent
	expect 1
	has "cannot read /nonexistent: No such file or directory"
}

@test "no source includes what is above it" {
	run python3 "$TOP/tests/layers.py"
	same layers "" "$output"
	expect 0
	# and the test can fail
	mkdir -p common kernel-shared/format
	echo '#include "kernel-shared/format/a.h"' >common/a.c
	touch kernel-shared/format/a.h
	run python3 "$TOP/tests/layers.py" .
	expect 1
	has "common/a.c:1: kernel-shared/format/a.h points back up"
}

@test "each room has its README" {
	cd "$TOP"
	for d in common crypto cmds tests kernel-shared/*/; do
		[[ -f $d/README.md ]] || { echo "$d has none"; return 1; }
		(($(wc -l <"$d/README.md") <= 14)) || { echo "$d/README.md is long"; return 1; }
	done
}

@test "make install puts program, links, completion and pages in place" {
	[[ $(readlink -f "$BTRBOX") == "$TOP/build/btrbox" ]] || skip "installs the plain build, and another one is tested"
	make -s -C "$TOP" -o build/btrbox install DESTDIR="$T/root" PREFIX=/usr
	[[ $(root/usr/bin/btrfs --version) == "$("$BTRBOX" --version)" ]]
	for p in $("$BTRBOX" --list); do
		[[ $(readlink -f root/usr/bin/$p) == "$T/root/usr/bin/btrbox" || $(readlink -f root/usr/sbin/$p) == "$T/root/usr/bin/btrbox" ]]
	done
	for f in bash-completion/completions/btrfs zsh/site-functions/_btrfs fish/vendor_completions.d/btrfs.fish man/man8/btrfs.8; do
		[[ -s root/usr/share/$f ]]
	done
}
