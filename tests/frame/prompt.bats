# SPDX-License-Identifier: GPL-2.0-or-later
# The prompt of `btrfs offline` on a terminal: editing, completion, Ctrl-C; and common options that act on a terminal.

setup() { load ../lib; begin; }
teardown() { finish; }

need_terminal() { python3 -c 'import pty; pty.openpty()' 2>/dev/null || skip "needs pseudo terminals"; }

@test "the prompt completes commands and paths, and Ctrl-C empties the line" {
	need_peer
	need_terminal
	have_feature READLINE || skip "needs a build with readline"
	mkdir -p tree/directory/inner
	echo content >tree/directory/inner/file
	mk_fs peer a.img 120M tree
	run python3 "$TOP/tests/typist.py" "$BTRBOX" offline a.img -- 'ls dir\t' 'in\t' '\n' 'no such command' '\x03' 'cat directory/inner/f\t\n' 'subv\tl\ta.img' '\x03' '\x04'
	has "btrfs:/> ls directory/inner/
file
btrfs:/> no such command^C
btrfs:/> cat directory/inner/file 
content
btrfs:/> subvolume list a.img^C"
	has "exit 0"
}

@test "without readline the prompt is plain" {
	need_peer
	need_terminal
	! have_feature READLINE || skip "needs a build without readline"
	mk_fs peer a.img 120M -
	run python3 "$TOP/tests/typist.py" "$BTRBOX" offline a.img -- 'pwd\n' '\x04'
	has "exit 0"
}

@test "words of ours match only in full" {
	run_split "$BTRBOX" btrfs offlin
	expect 1
	same first "btrfs: unknown token 'offlin'" "$(head -n 1 <<<"$stderr")"
	run_btrfs offline
	expect 1
	has_not "unknown token"
}

@test "the number of jobs has bounds" {
	truncate -s 1M a.img
	for n in 0 1025; do
		run_split "$BTRBOX" btrfs restore --jobs $n a.img .
		expect 1
		same stderr "ERROR: invalid number of jobs: $n is not between 1 and 1024" "$stderr"
	done
	run_split "$BTRBOX" btrfs restore --jobs x a.img .
	expect 1
	same stderr "ERROR: x is not a valid numeric value" "$stderr"
	run_split "$BTRBOX" btrfs restore --job 1 a.img .
	expect 1
	has_not "invalid number"
}
