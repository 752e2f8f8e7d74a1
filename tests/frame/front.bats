# SPDX-License-Identifier: GPL-2.0-or-later
# The front end: names, words, global options, exit codes. Spec: cli 1, 2.1 to 2.4.

setup() { load ../lib; begin; }
teardown() { finish; }

@test "the version has the incumbent's two lines and one of ours" {
	run_btrfs --version
	expect 0
	[[ ${#lines[@]} == 3 ]]
	same line1 "btrfs-progs v6.19" "${lines[0]}"
	[[ ${lines[1]} =~ ^-EXPERIMENTAL\ -INJECT\ [-+]STATIC\ [-+]LZO\ [-+]ZSTD\ [-+]UDEV\ \+FSVERITY\ -ZONED\ CRYPTO=libgcrypt$ ]]
	[[ ${lines[2]} =~ ^btrbox\ 0\.1\ [-+]READLINE\ [-+]TAR\ [-+]DEFLATE$ ]]
	v=$output
	run_btrfs version
	expect 0
	same version "$v" "$output"
}

@test "the program is chosen by the link's name or by the first word" {
	v=$(btrfs_ours --version)
	ln -s "$BTRBOX" btrfs
	same link "$v" "$(./btrfs version)"
	ln -s "$BTRBOX" any-other-name
	same other "$v" "$(./any-other-name version)"
	same group "$v" "$("$BTRBOX" version)"
}

@test "--list names programs, btrfs first" {
	run "$BTRBOX" --list
	expect 0
	same first btrfs "${lines[0]}"
	for p in "${lines[@]}"; do [[ $p == *btrfs* ]]; done
}

@test "without a command: overview on stdout, hints on stderr, exit code 1" {
	run_split "$BTRBOX" btrfs
	expect 1
	want='usage: btrfs [global options] <group> [<group>...] <command> [options] [<args>]

Global options:
  --format <format> if supported, print subcommand output in that format (text, json)
  -v|--verbose      increase verbosity of the subcommand
  -q|--quiet        print only errors
  --log <level>     set log level (default, info, verbose, debug, quiet)
  --dry-run         if supported, do not do any active/changing actions

Options for the main command only:
  --help            print condensed help for all subcommands
  --version         print version string and built-in features

Command groups:'
	same head "$want" "$(sed '/^Command groups:/q' <<<"$output")"
	has '
  help              Display help information
  version           Display btrfs-progs version
'
	same "last line is empty" "" "$(tail -n 1 .out)"
	[[ $(wc -l <.err) == 5 ]]
	run_split "$BTRBOX" btrfs -v --log info
	expect 1
}

@test "unknown global options return 129" {
	run_split "$BTRBOX" btrfs --bogus version
	expect 129
	same stderr "Unknown global option: --bogus" "$stderr"
	run_split "$BTRBOX" btrfs -Z
	expect 129
	same stderr "Unknown global option: -Z" "$stderr"
}

@test "global options stop at the first word" {
	run_btrfs version --bogus
	expect 1
	has "btrfs version: unrecognized option '--bogus'"
}

@test "a bad format or log level" {
	run_split "$BTRBOX" btrfs --format xml version
	expect 1
	same stderr 'error: invalid output format "xml"

Options for --format are: text, json' "$stderr"
	run_split "$BTRBOX" btrfs --log foo version
	expect 1
	same stderr "ERROR: unrecognized log level: foo" "$stderr"
	for level in default INFO Verbose debug quiet; do run_btrfs --log $level version; expect 0; done
	run_btrfs --format TEXT version
	expect 0
}

@test "version prints text whatever the format" {
	run_btrfs --format json version
	expect 0
	same first "btrfs-progs v6.19" "${lines[0]}"
}

@test "--param is remembered and said" {
	run_btrfs --param key=value version
	expect 0
	same first "Global param: key=value" "${lines[0]}"
}

@test "--dry-run is refused where it means nothing, with an empty line behind" {
	run_split "$BTRBOX" btrfs --dry-run version
	expect 1
	same stderr $'ERROR: --dry-run option not supported for version\n' "$stderr"
}

@test "words may be shortened, options of ours may not" {
	run_btrfs vers
	expect 0
	same first "btrfs-progs v6.19" "${lines[0]}"
	run_btrfs --lis
	expect 129
}

@test "an unknown word shows the short help" {
	run_split "$BTRBOX" btrfs nosuch
	expect 1
	same first "btrfs: unknown token 'nosuch'" "$(head -n 1 <<<"$stderr")"
	same second "usage: btrfs [global options] <group> [<group>...] <command> [options] [<args>]" "$(sed -n 2p <<<"$stderr")"
	same stdout "" "$output"
	run_split "$BTRBOX" btrfs ''
	expect 1
}

@test "help in all its ways is the same text" {
	run_btrfs --help
	expect 0
	h=$output
	for words in help "help nosuch" "help filesystem" "--version --help" "--help --version"; do
		run_btrfs $words
		expect 0
		same "$words" "$h" "$output"
	done
	same end 'Use --help as an option for information about a group or command:
  btrfs subvolume --help
  btrfs subvolume create --help

Global options like -q/-v must follow the tool name '\''btrfs'\'':
  btrfs -q subvolume create ...
  btrfs --dry-run subvolume create ...' "$(sed -n '/^Use --help/,$p' <<<"$h")"
	has '
    btrfs version
        Display btrfs-progs version
'
	run_btrfs help --full
	expect 0
	[[ ${#output} -gt ${#h} ]]
	f=$output
	run_btrfs --help --full
	same full "$f" "$output"
}

@test "a full disk and a closed pipe end with 1" {
	status=0
	btrfs_ours version >/dev/full 2>err || status=$?
	expect 1
	same stderr "ERROR: cannot write standard output: No space left on device" "$(cat err)"
	run bash -c '"$BTRBOX" btrfs help 2>err | true; echo "${PIPESTATUS[0]}"'
	[[ $output == 0 || $output == 1 ]]
	same "no message" "" "$(cat err)"
}

@test "closed standard descriptors do no harm" {
	run bash -c '"$BTRBOX" btrfs version >&-'
	expect 1
	run bash -c '"$BTRBOX" btrfs version <&- 2>&-'
	expect 0
}

@test "programs of their own: --version, --help on stderr with 0, bad options with all help" {
	for p in $("$BTRBOX" --list); do
		[[ $p != btrfs && $p != btrfsck && $p != fsck.btrfs ]] || continue
		run_split "$BTRBOX" "$p" --version
		expect 0
		same "$p" "$p, part of $("$BTRBOX" btrfs version)" "$output"
		run_split "$BTRBOX" "$p" --help
		expect 0
		same "stdout of $p" "" "$output"
		same "first of $p" "usage: $p" "$(head -n 1 <<<"$stderr" | cut -d' ' -f 1-2)"
		help=$stderr
		run_split "$BTRBOX" "$p" --no-such-option
		expect 1
		same "bad option of $p" "$p: unrecognized option '--no-such-option'
$help" "$stderr"
	done
}

@test "programs have short names behind btrbox" {
	v=$("$BTRBOX" btrfs-find-root --version)
	same short "$v" "$("$BTRBOX" find-root --version)"
	ln -s "$BTRBOX" btrfs-find-root
	same link "$v" "$(./btrfs-find-root -V)"
	run ./btrfs-find-root
	expect 1
	same count "./btrfs-find-root: not enough arguments: 0 but at least 1 expected" "$(sed 's/exactly 1 argument expected, 0 given/not enough arguments: 0 but at least 1 expected/' <<<"$output")"
}

@test "the second interrupt ends what the first has not" {
	need_peer
	python3 "$TOP/tests/mktree.py" tree
	mk_fs peer a.img 200M tree
	# nobody reads: dump-tree waits for the pipe
	(trap - INT; exec "$BTRBOX" btrfs inspect-internal dump-tree a.img) > >(sleep 5) &
	pid=$!
	sleep 1
	kill -INT $pid
	sleep 0.3
	kill -INT $pid || true
	status=0
	wait $pid || status=$?
	expect 130
}

@test "README names every command of the incumbent that is missing" {
	local missing c
	missing=$(grep '^- Not there yet, of what the incumbent has: ' "$TOP/README.md" || true)
	while read -r c; do
		if [[ $c == btrfs\ * ]]; then
			# shellcheck disable=SC2086
			"$BTRBOX" $c --help >/dev/null 2>&1 && continue
			c=${c#btrfs }
		else
			"$BTRBOX" --list | grep -qx "$c" && continue
		fi
		[[ $missing == *"\`$c\`"* || $missing == *"\`${c%% *}\`"* ]] || { echo "# $c is neither there nor named as missing"; return 1; }
	done <<-'X'
		btrfs balance start
		btrfs balance pause
		btrfs balance cancel
		btrfs balance resume
		btrfs balance status
		btrfs check
		btrfs device add
		btrfs device delete
		btrfs device remove
		btrfs device scan
		btrfs device ready
		btrfs device stats
		btrfs device usage
		btrfs filesystem df
		btrfs filesystem du
		btrfs filesystem show
		btrfs filesystem commit-stats
		btrfs filesystem sync
		btrfs filesystem defragment
		btrfs filesystem resize
		btrfs filesystem label
		btrfs filesystem usage
		btrfs filesystem mkswapfile
		btrfs inspect-internal inode-resolve
		btrfs inspect-internal logical-resolve
		btrfs inspect-internal subvolid-resolve
		btrfs inspect-internal rootid
		btrfs inspect-internal map-swapfile
		btrfs inspect-internal min-dev-size
		btrfs inspect-internal dump-tree
		btrfs inspect-internal dump-super
		btrfs inspect-internal tree-stats
		btrfs inspect-internal list-chunks
		btrfs property get
		btrfs property set
		btrfs property list
		btrfs qgroup assign
		btrfs qgroup remove
		btrfs qgroup create
		btrfs qgroup clear-stale
		btrfs qgroup destroy
		btrfs qgroup show
		btrfs qgroup limit
		btrfs quota enable
		btrfs quota disable
		btrfs quota rescan
		btrfs quota status
		btrfs receive
		btrfs replace start
		btrfs replace status
		btrfs replace cancel
		btrfs rescue chunk-recover
		btrfs rescue super-recover
		btrfs rescue zero-log
		btrfs rescue fix-device-size
		btrfs rescue fix-data-checksum
		btrfs rescue create-control-device
		btrfs rescue clear-ino-cache
		btrfs rescue clear-space-cache
		btrfs rescue clear-uuid-tree
		btrfs restore
		btrfs scrub start
		btrfs scrub cancel
		btrfs scrub resume
		btrfs scrub status
		btrfs scrub limit
		btrfs send
		btrfs subvolume create
		btrfs subvolume delete
		btrfs subvolume list
		btrfs subvolume snapshot
		btrfs subvolume get-default
		btrfs subvolume set-default
		btrfs subvolume find-new
		btrfs subvolume show
		btrfs subvolume sync
		btrfs help
		btrfs version
		mkfs.btrfs
		fsck.btrfs
		btrfsck
		btrfs-image
		btrfstune
		btrfs-convert
		btrfs-find-root
		btrfs-map-logical
		btrfs-select-super
		btrfs-corrupt-block
	X
}
