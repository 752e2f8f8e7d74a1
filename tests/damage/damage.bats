# SPDX-License-Identifier: GPL-2.0-or-later
# Fields of the metadata that are wrong: a seeded part of Documentation/damage-table.md.
setup() { load ../lib; begin; }
teardown() { finish; }

@test "a field that is wrong is found and repaired, and no name that was there is lost" {
	need_peer
	"$TOP/tests/damage/mkimage" "$BTRBOX" a.img
	rows=200; full && rows=2000
	run env PEER="$PEER" "$(dirname "$(readlink -f "$BTRBOX")")/damage/damage" "$BTRBOX" a.img work "${DAMAGE_SEED:-7}" $rows
	[[ $status == 0 ]] || { echo "$output"; return 1; }
	[[ $output == *"| crashes or endless loops | 0 |"* ]]
	[[ $output == *"| found by the distribution's and not by ours | 0 |"* ]] || { echo "$output"; return 1; }
}
