#!/usr/bin/env python3
"""Make a GTZAN-shaped, fully synthetic ten-genre data set from Debian packages.

    make_demo_data.py --out DIR [--per-genre 10] [--families 3] [--seed 1]

Accompaniment: MMA grooves. Lead line: written here. Sound: fluidsynth with a General MIDI soundfont.
Mix: sox (mono, 22 050 Hz, 16 bit, 30 s). Everything about a clip follows from (seed, genre, index).
Clips are split by groove family and chord progression: neither stands on both sides of train/test.
The set has no singing and no recording noise of the real world: no score on it is a GTZAN score.
"""

import argparse
import concurrent.futures
import csv
import json
import os
import pathlib
import shutil
import sys

from clip_plan import plan_clip
from families import GENRES
from render import render

# Small and free to redistribute: 3.7 MB, public domain; 18.7 MB, MIT. A fixed choice, not "what is
# installed", so that the same seed makes the same set everywhere.
SOUNDFONTS = [
    "/usr/share/samples/sf_GMbank.sf2",
    "/usr/share/fluidr3mono-gm-soundfont/FluidR3Mono_GM.sf3",
]
PACKAGES = "mma fluidsynth sox csound-soundfont fluidr3mono-gm-soundfont"


def check_settings(out, settings):
    """A set that was begun is finished with the settings it began with."""
    note = out / "settings.json"
    if note.exists() and json.loads(note.read_text()) != settings:
        sys.exit(f"make_demo_data: {out} holds a set made with other settings; give another --out")
    note.write_text(json.dumps(settings, indent=1))


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", required=True, type=pathlib.Path)
    parser.add_argument("--per-genre", type=int, default=10)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1)
    parser.add_argument(
        "--test-share", type=float, default=0.3, help="share of families and progressions kept for test"
    )
    parser.add_argument(
        "--variety", type=float, default=0.25, help="0..1: how far clips stray from their genre's habits"
    )
    parser.add_argument("--families", type=int, default=0, help="groove families per genre (0: all); fewer is easier")
    args = parser.parse_args()
    missing = [t for t in ("mma", "fluidsynth", "sox") if not shutil.which(t)]
    missing += [f for f in SOUNDFONTS if not os.path.exists(f)]
    if missing:
        sys.exit(f"make_demo_data: missing {', '.join(missing)}\n  apt-get install --no-install-recommends {PACKAGES}")

    args.out.mkdir(parents=True, exist_ok=True)
    names = ("seed", "per_genre", "test_share", "variety", "families")
    check_settings(args.out, {name: getattr(args, name) for name in names})
    clips = [
        plan_clip(args.seed, genre, i, args.per_genre, args.test_share, SOUNDFONTS, args.variety, args.families)
        for i in range(args.per_genre)
        for genre in GENRES
    ]
    with concurrent.futures.ThreadPoolExecutor(args.jobs) as pool:
        waiting = [pool.submit(render, clip, args.out) for clip in clips]
        for done, future in enumerate(concurrent.futures.as_completed(waiting), 1):
            if error := future.exception():
                pool.shutdown(cancel_futures=True)
                sys.exit(f"make_demo_data: {error}")
            if sys.stderr.isatty():
                print(f"\r{done}/{len(clips)} clips", end="\n" if done == len(clips) else "", file=sys.stderr)

    with open(args.out / "manifest.csv", "w", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(["path", "label", "split", "family", "soundfont", "progression", "tempo"])
        for c in clips:
            writer.writerow(
                [c["path"], c["genre"], c["split"], c["family"].name, c["soundfont_name"], c["progression"], c["tempo"]]
            )
    print(f"{len(clips)} clips of {len(GENRES)} genres in {args.out}")


if __name__ == "__main__":
    main()
