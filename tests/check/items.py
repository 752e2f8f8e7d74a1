# SPDX-License-Identifier: GPL-2.0-or-later
"""items.py BTRBOX IMAGE SEED N: N items of an image, each as 'TREE OBJECTID,TYPE,OFFSET TYPE-NAME', first one of each type in each tree, then chosen by SEED."""
import json
import random
import subprocess
import sys


def items(btrbox, image):
    dump = json.loads(subprocess.run([btrbox, "btrfs", "--format", "json", "inspect-internal", "dump-tree", image], check=True, stdout=subprocess.PIPE).stdout)
    for tree in dump["dump-tree"]["trees"]:
        for block in tree["blocks"]:
            for item in block.get("items", []):
                key = item["key"]
                yield block["owner"], key["objectid"], key["type"], key["offset"], key["type-name"]


def main():
    btrbox, image, seed, n = sys.argv[1], sys.argv[2], int(sys.argv[3]), int(sys.argv[4])
    rnd = random.Random(seed)
    rest, first = list(items(btrbox, image)), {}
    rnd.shuffle(rest)
    for it in rest:
        first.setdefault((it[0], it[2]), it)
    chosen = list(first.values()) + [it for it in rest if first[it[0], it[2]] != it]
    for it in chosen[:n]:
        print(it[0], "%d,%d,%d" % it[1:4], it[4])


main()
