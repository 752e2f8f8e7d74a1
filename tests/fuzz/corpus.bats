# SPDX-License-Identifier: GPL-2.0-or-later
# What fuzzing has found, and seeds, through every target without a fuzzer.

setup() { load ../lib; begin; }
teardown() { finish; }

@test "the corpora of all fuzz targets run clean" {
	need_peer
	"$TOP/tests/fuzz/mkbase" base.img
	export FUZZ_IMAGE=$T/base.img
	build=$(dirname "$(readlink -f "$BTRBOX")")
	for source in "$TOP"/tests/fuzz/fuzz_*.c; do
		name=$(basename "$source" .c) name=${name#fuzz_}
		[[ -x $build/fuzz/$name ]] || { echo "$build/fuzz/$name is not built"; return 1; }
		files=("$TOP/tests/fuzz/corpus/$name"/*)
		[[ -e ${files[0]} ]] || { echo "$name has no corpus"; return 1; }
		run timeout 120 "$build/fuzz/$name" "$TOP/tests/fuzz/corpus/$name"
		expect 0
		same "$name" "${#files[@]} inputs" "${lines[-1]}"
	done
}
