# SPDX-License-Identifier: GPL-2.0-or-later
# Completion: what can come next in a line, and that bash, zsh and fish offer it.

setup() { load ../lib; begin; mkdir links; ln -s "$BTRBOX" links/btrbox; for p in btrfs mkfs.btrfs; do ln -s btrbox links/$p; done; PATH=$T/links:$PATH; }
teardown() { finish; }

# next WORD...: what can stand for the last word, without the descriptions.
next() { btrbox --complete "$@" | cut -f 1; }
offers() { local want=$1; shift; next "$@" >got; grep -qxF -- "$want" got && return; echo "# $want is not among:"; head -20 got; return 1; }
# One of everything to complete: a subvolume, a directory, a file, quota groups.
image() {
	mkdir -p tree/dir/deep; echo "dear reader" >tree/letter; echo x >"tree/dir/with space"
	truncate -s 128M "$1"; btrbox mkfs.btrfs -q --rootdir tree "$1"
	btrfs offline "$1" subvolume create /snap >/dev/null; btrfs offline "$1" subvolume create /dir/inner >/dev/null
	btrfs offline "$1" quota enable / >/dev/null; btrfs offline "$1" qgroup create 1/7 / >/dev/null
}

@test "programs, groups, commands, options and their values" {
	offers filesystem btrfs ''; offers version btrfs ''
	same group filesystem "$(next btrfs files)"; same "by path" filesystem "$(next /usr/bin/btrfs files)"
	next btrfs filesystem '' >want; grep -qx df want; grep -qx usage want
	next btrbox filesystem '' >got; same_file want got
	next btrbox btrfs filesystem '' >got; same_file want got
	next btrfs fi '' >got; same_file want got # an abbreviation that is in use
	offers --si btrfs -v filesystem df --; offers --help btrfs filesystem df --; offers -h btrfs filesystem df -
	offers btrfs btrbox ''; offers filesystem btrbox ''; offers --label btrbox mkfs --l
	same "after an option" json "$(next btrfs --format j)"; same "of an option" "sha256" "$(next mkfs.btrfs --csum s)"; same "glued" "--csum=sha256" "$(next mkfs.btrfs --csum=s)"
	same "behind --" "+files" "$(next btrfs filesystem du -- --)"
	same "no more arguments" "" "$(next btrfs device ready /dev/null '')"
	same "a number" "" "$(next btrfs-image -c '')"
	same description "df	$(btrfs filesystem df --help | sed -n 3,4p | grep -v '^$' | sed 's/^ *//' | head -1)" "$(btrbox --complete btrfs filesystem df)"
	# every command that is listed can be reached, and answers
	for g in subvolume filesystem device qgroup balance scrub rescue inspect-internal property replace quota reflink; do
		for c in $(next btrfs $g ''); do next btrfs $g $c - >got; grep -qx -- --help got || { echo "$g $c"; return 1; }; done
	done
}

@test "paths inside unmounted filesystems, subvolumes, quota groups" {
	image d.img
	same root d.img:/ "$(next btrfs subvolume list d.img:)"
	same subvol "d.img:/dir/
d.img:/snap" "$(next btrfs subvolume delete d.img:/ | sort)"
	same inner "d.img:/dir/deep/
d.img:/dir/inner" "$(next btrfs subvolume snapshot d.img:/dir/ | sort)"
	offers d.img:/letter btrfs inspect-internal rootid d.img:/
	same groups "0/256
0/257
0/5
1/7" "$(next btrfs offline d.img qgroup limit 1G '' | sort)"
	same "of another word's filesystem" 0/257 "$(next btrfs subvolume snapshot d.img:/snap d.img:/new -i 0/257)"
	same "of the level" 1/7 "$(next btrfs offline d.img qgroup assign 0/5 1)"
	# the shell's own verbs
	offers cat btrfs offline d.img c; offers subvolume btrfs offline d.img ''; offers -l btrfs offline d.img ls -
	same "a file" /letter "$(next btrfs offline d.img cat /l)"; same "deeper" "/dir/with space" "$(next btrfs offline d.img cat /dir/w)"
	same "of a group" "/snap" "$(next btrfs offline d.img subvolume delete /s)"
	# broken things offer nothing, and say nothing
	head -c 5000000 /dev/urandom >junk.img
	run btrbox --complete btrfs subvolume list junk.img:/; expect 0; same nothing "" "$output"
	run btrbox --complete btrfs offline nosuch ls /; expect 0; same nothing "" "$output"
	run btrbox --complete nothing at all; expect 0
}

# bats test_tags=root
@test "mount points, subvolumes and groups of mounted filesystems, devices" {
	need_kernel
	image d.img
	mount_fs d.img m
	offers "$T/m" btrfs balance start "${T:0:5}"; offers "$T/m" btrfs subvolume list "$T"
	same subvol "m/dir/
m/snap" "$(next btrfs subvolume show m/ | sort)"
	same groups "1/7" "$(cd m; next btrfs qgroup destroy 1)"; same groups "1/7" "$(next btrfs subvolume snapshot m/snap m/new -i 1)"
	offers "${LOOPS[0]}" btrfs device scan /dev/; offers "+files" btrfs device scan /dev/
	same "several" "/dev/null,${LOOPS[0]}" "$(next btrfs check "/dev/null,${LOOPS[0]}")"
	uuid=$(btrfs inspect-internal dump-super d.img | awk '$1 == "fsid" { print $2 }')
	same uuid "UUID=$uuid" "$(next btrfs check "UUID=${uuid:0:6}")"
}

# complete_bash LINE: what bash offers at the end of it, cut into words as bash does.
complete_bash() {
	bash --norc -c 'source ./comp; compopt() { :; }
		COMP_LINE=$1 COMP_POINT=${#1}; read -ra COMP_WORDS <<<"$(sed "s/[:=]/ & /g" <<<"$1")"; [[ $1 == *" " ]] && COMP_WORDS+=("")
		COMP_CWORD=$((${#COMP_WORDS[@]} - 1)); _btrbox; printf "%s\n" "${COMPREPLY[@]}"' - "$1"
}

@test "bash: words that it has cut are put together, and candidates begin behind the cut" {
	btrbox --completion bash >comp; bash -n comp
	for p in btrbox $(btrbox --list); do grep -q "^complete .* $p\b" comp; done
	same group filesystem "$(complete_bash "btrfs files")"
	touch file1; same file file1 "$(complete_bash "btrfs filesystem du fi")"
	mkdir dirs; same "a directory" dirs "$(complete_bash "btrfs restore d.img di")"
	same value sha256 "$(complete_bash "mkfs.btrfs --csum=s")"
	image d.img
	same inside "/dir/deep/" "$(complete_bash "btrfs subvolume list d.img:/dir/d")"
	same "at the cut" "/" "$(complete_bash "btrfs subvolume list d.img:")"
	# where the name leads to another program, ours is found by its own
	mkdir peer; printf '#!/bin/sh\nexit 1\n' >peer/btrfs; chmod +x peer/btrfs
	same "another btrfs" filesystem "$(PATH=$T/peer:$PATH complete_bash "btrfs files")"
}

# at_prompt SHELL... -- KEYS...: an interactive shell that reads a file with them.
at_prompt() { timeout 60 python3 "$TOP/tests/typist.py" "$@" 'btrfs offl\t' 'd.i\t' 'ca\t' '/le\t' '\n' 'exit\n' >typed || { cat typed; return 1; }; grep -q '^dear reader' typed || { cat -v typed; return 1; }; }

@test "bash completes at its prompt" { image d.img; btrbox --completion bash >comp; at_prompt /bin/bash --norc --noprofile -i -- 'source ./comp\n'; }
@test "zsh completes at its prompt" {
	need_cmd zsh; image d.img; btrbox --completion zsh >_btrfs; zsh -n _btrfs
	at_prompt "$(command -v zsh)" -f -i -- 'fpath=($PWD $fpath); autoload -Uz compinit; compinit -u -d ./dump\n'
}
@test "fish completes at its prompt" {
	need_cmd fish; image d.img; btrbox --completion fish >comp; export HOME=$T; fish -n comp
	at_prompt "$(command -v fish)" --no-config -i -- 'source ./comp\n'
	same "with its description" "df	Show space usage information for a mount point" "$(fish --no-config -c "source comp; complete -C 'btrfs filesystem df'" | sed 's/information .*/information for a mount point/')"
}
