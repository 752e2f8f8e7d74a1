# SPDX-License-Identifier: GPL-2.0-or-later
# What is generated from the tables: completion, manual pages; the layers; installing.

setup() { load ../lib; begin; }
teardown() { finish; }

# complete WORD...: what bash offers for the last word.
complete_bash() {
	bash --norc -c 'source "$1"; shift; compopt() { :; }
		COMP_WORDS=("$@") COMP_CWORD=$(($# - 1)); _btrbox; printf "%s\n" "${COMPREPLY[@]}"' - comp "$@"
}

@test "bash completes programs, groups, commands, options and values" {
	"$BTRBOX" --completion bash >comp
	bash -n comp
	complete_bash btrfs '' >got
	grep -qx filesystem got; grep -qx version got
	same groups filesystem "$(complete_bash btrfs files)"
	same "by path" filesystem "$(complete_bash /usr/bin/btrfs files)"
	complete_bash btrfs filesystem '' >got
	grep -qx df got; grep -qx usage got
	complete_bash btrbox filesystem '' >got2
	same_file got got2
	complete_bash btrbox btrfs filesystem '' >got2
	same_file got got2
	complete_bash btrfs -v filesystem df -- >got
	grep -qx -- --si got; grep -qx -- --help got
	complete_bash btrbox '' >got
	grep -qx btrfs got; grep -qx filesystem got
	same values json "$(complete_bash btrfs --format j)"
	touch file1
	same files file1 "$(complete_bash btrfs filesystem df fi)"
	for p in $("$BTRBOX" --list); do grep -q "^complete .* $p\b" comp; done
}

@test "zsh completion loads and leads to the command" {
	need_cmd zsh
	"$BTRBOX" --completion zsh >_btrfs
	zsh -n _btrfs
	run zsh -fc 'fpath=($PWD $fpath); autoload -Uz compinit; compinit -u -d $PWD/dump; print $_comps[btrfs] $_comps[btrbox]'
	same compinit "_btrfs _btrfs" "$output"
	# the driver finds the command, whose line is then its own
	run zsh -fc '_arguments() { print -r -- $at: $words[CURRENT] }; _describe() { print -r -- $at: ${(P)2} }
		source ./_btrfs; words=(btrfs -v filesystem df --s); CURRENT=5; _btrbox; words=(btrbox filesystem ""); CURRENT=3; _btrbox'
	has 'btrfs filesystem df: --s'
	has 'btrfs filesystem: df:'
}

@test "fish completion loads and completes" {
	need_cmd fish
	"$BTRBOX" --completion fish >btrfs.fish
	export HOME=$T
	fish -n btrfs.fish
	offer() { fish --no-config -c "source btrfs.fish; complete -C '$1'" | cut -f 1 | sort; }
	offer 'btrfs ' >got
	grep -qx filesystem got
	offer 'btrfs filesystem ' >got
	grep -qx df got; grep -qx usage got
	offer 'btrbox filesystem ' >got2
	same_file got got2
	offer 'btrfs filesystem df --' >got
	grep -qx -- --si got
	run offer 'btrfs filesystem df --s'
	has --si
}

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
