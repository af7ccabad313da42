#!/usr/bin/env python3
"""What one cross-validation gained over another of the same clips and folds, as JSON.

    compare_crossval.py BEFORE.json AFTER.json [--out FILE]

The files are those of `vggroove crossval --json`. Both predicted the same clips, so the difference of
their accuracies is drawn in pairs: percentile bootstrap (Efron 1979) over clips or, where groups were
kept together, over groups, with the predictions of all repetitions; 10 000 draws, seed 1.
"""

import argparse
import json
import random
import sys

DRAWS = 10_000


def key_of(path):
    """The genre and the file, whatever the data's folder was called."""
    return "/".join(path.split("/")[-2:])


def hits_of(run):
    """(clip, repetition) -> (fold, group, right?)."""
    return {
        (key_of(p["path"]), p["repetition"]): (p["fold"], p["group"], p["truth"] == p["prediction"])
        for p in run["reports"][0]["predictions"]
    }


def compare(before, after):
    old, new = hits_of(before), hits_of(after)
    if {k: v[0] for k, v in old.items()} != {k: v[0] for k, v in new.items()}:
        sys.exit("compare_crossval: the two have other clips or other folds")
    grouped = after["folds_by"] == "groups"
    units = {}
    for (clip, repetition), (_, group, hit) in new.items():
        gain = int(hit) - int(old[clip, repetition][2])
        unit = group if grouped and group else clip
        total, count = units.get(unit, (0, 0))
        units[unit] = (total + gain, count + 1)
    units = list(units.values())
    rng = random.Random(1)
    draws = []
    for _ in range(DRAWS):
        drawn = rng.choices(units, k=len(units))
        draws.append(sum(gain for gain, _ in drawn) / sum(count for _, count in drawn))
    draws.sort()

    def score(run):
        return run["reports"][0]["per_clip"]["accuracy"]

    return {
        "folds_by": after["folds_by"],
        "clips": len({clip for clip, _ in new}),
        "repetitions": len({repetition for _, repetition in new}),
        "units": len(units),
        "before": score(before),
        "after": score(after),
        "gain": sum(gain for gain, _ in units) / len(new),
        "gain_interval_95": [draws[int(DRAWS * 0.025)], draws[int(DRAWS * 0.975)]],
        "settings_before": before["reports"][0]["settings"][0],
        "settings_after": after["reports"][0]["settings"][0],
    }


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("before")
    parser.add_argument("after")
    parser.add_argument("--out")
    options = parser.parse_args()
    with open(options.before) as file:
        before = json.load(file)
    with open(options.after) as file:
        after = json.load(file)
    result = json.dumps([compare(b, a) for b, a in zip(before["runs"], after["runs"], strict=True)], indent=1)
    if options.out:
        with open(options.out, "w") as file:
            file.write(result + "\n")
    for row in json.loads(result):
        low, high = row["gain_interval_95"]
        print(
            f"folds by {row['folds_by']}: {100 * row['before']['value']:.1f} % -> {100 * row['after']['value']:.1f} %,"
            f" {100 * row['gain']:+.1f} points ({100 * low:+.1f} to {100 * high:+.1f}, 95 % interval in pairs)"
        )


if __name__ == "__main__":
    main()
