# SPDX-License-Identifier: GPL-2.0-or-later
# Groups, help of groups and commands, wrong options and argument counts. Spec: cli 2.3, 2.5, 2.6.

setup() { load ../lib; begin; }
teardown() { finish; }

@test "a group alone prints its help on stdout and returns 1, with --help 0" {
	run_split "$BTRBOX" btrfs filesystem
	expect 1
	same stderr "" "$stderr"
	same first "usage: btrfs filesystem [<group>] <command> [<args>]" "$(head -n 1 <<<"$output")"
	same last "overall filesystem tasks and information" "$(tail -n 1 <<<"$output")"
	has '
    btrfs filesystem df [options] <path>
        Show space usage information for'
	h=$output
	run_split "$BTRBOX" btrfs filesystem --help
	expect 0
	same help "$h" "$output"
	run_split "$BTRBOX" btrfs filesystem --help --full
	expect 0
	has '    --iec                     use 1024 as a base (KiB, MiB, GiB, TiB) '
	same last "overall filesystem tasks and information" "$(tail -n 1 <<<"$output")"
}

@test "each group has a synopsis and an info line" {
	run_btrfs
	groups=$(sed -n '/^Command groups:/,/^$/s/^  \([a-z-]*\) .*/\1/p' <<<"$output")
	[[ $groups ]]
	for g in $groups; do
		info=$(btrfs_ours | sed -nE "s/^  $g +(.*)/\1/p")
		run_btrfs "$g"
		expect 1
		[[ ${lines[0]} == "usage: btrfs $g "* ]]
		same "info of $g" "$info" "${lines[-1]}"
	done
}

@test "help of every command starts with its usage and ends with an empty line" {
	commands=$("$BTRBOX" btrfs help --full | grep -v '<command>' | sed -nE 's/^    btrfs ([a-z][a-z-]*( [a-z][a-z-]*)*)( [^a-z].*)?$/\1/p' | sort -u)
	(($(wc -l <<<"$commands") > 80))
	while read -r words; do
		run_split "$BTRBOX" btrfs $words --help
		expect 0
		# the group has another name there
		[[ $output == "usage: btrfs ${words%% *}"* || ($words == 'device replace '* && $output == 'usage: btrfs replace '*) ]] || { echo "$words: $output"; return 1; }
		same "last line of $words" "" "$(tail -n 1 .out)"
		same "stderr of $words" "" "$stderr"
		# descriptions start at column 31, or on the next line
		bad=$(grep -E '^    -' .out | grep -vE '^.{30}[^ ]|^    .{25,}$' || true)
		same "columns of $words" "" "$bad"
	done <<<"$commands"
}

@test "the unit options read as the incumbent's" {
	need_peer
	units() { grep -E '^    -' | grep -v -- --format; }
	same "df mode" "$(btrfs_peer filesystem df --help | units)" "$(btrfs_ours filesystem df --help | units)"
}

@test "JSON is named where it is spoken" {
	run_btrfs filesystem df --help
	has '    
    Global options:
    --format TYPE             where TYPE is: text, json'
}

@test "words and groups may be shortened to a unique prefix, an exact word wins" {
	truncate -s 1M empty
	for words in "filesystem df" "fi df" "f df" "filesys df"; do
		run_btrfs $words
		expect 1
		same "$words" "btrfs filesystem df: exactly 1 argument expected, 0 given" "$output"
	done
	run "$BTRBOX" fi df
	same "without btrfs" "btrfs filesystem df: exactly 1 argument expected, 0 given" "$output"
}

@test "an ambiguous word names its readings in the order of the table" {
	rows=$(btrfs_ours filesystem --help | sed -nE 's/^    btrfs filesystem ([a-z-]+).*/\1/p')
	run_split "$BTRBOX" btrfs filesystem d
	expect 1
	if [[ $(grep -c ^d <<<"$rows") == 1 ]]; then
		has_not ambiguous
	else
		same stderr "btrfs filesystem: ambiguous token 'd'

Did you mean one of these ?
$(grep ^d <<<"$rows" | sed 's/^/\t/')" "$stderr"
	fi
}

@test "an unknown word in a group shows the group's help on stderr" {
	run_split "$BTRBOX" btrfs filesystem nosuch
	expect 1
	same stdout "" "$output"
	same stderr "btrfs filesystem: unknown token 'nosuch'
$(btrfs_ours filesystem --help)" "$stderr"
	run_split "$BTRBOX" btrfs filesystem -h
	expect 1
	same first "btrfs filesystem: unknown token '-h'" "$(head -n 1 <<<"$stderr")"
}

@test "unknown options" {
	run_split "$BTRBOX" btrfs filesystem df --zz
	expect 1
	same stderr "btrfs filesystem df: unrecognized option '--zz'
Try 'btrfs filesystem df --help' for more information" "$stderr"
	run_split "$BTRBOX" btrfs filesystem df -Z /
	expect 1
	same stderr "btrfs filesystem df: invalid option 'Z'
Try 'btrfs filesystem df --help' for more information" "$stderr"
}

@test "argument counts" {
	run_split "$BTRBOX" btrfs filesystem df
	expect 1
	same stderr "btrfs filesystem df: exactly 1 argument expected, 0 given" "$stderr"
	run_split "$BTRBOX" btrfs filesystem df -h --si a b c
	expect 1
	same stderr "btrfs filesystem df: exactly 1 argument expected, 3 given" "$stderr"
	run_split "$BTRBOX" btrfs filesystem usage
	expect 1
	same stderr "btrfs filesystem usage: not enough arguments: 0 but at least 1 expected" "$stderr"
}

@test "--dry-run where it is not supported names the last word" {
	run_split "$BTRBOX" btrfs --dry-run filesystem df /
	expect 1
	same stderr $'ERROR: --dry-run option not supported for df\n' "$stderr"
}

