#!/usr/bin/env python3
"""Turns a folder with AudioSet's VGGish features into a feature table for vggroove.

The folder holds
  train.u8   uint8 [clips][10][128] row-major: quantised VGGish embeddings, one row per 0.96 s
  train.tsv  one line per clip: YouTube id, start second, genre

The table (.npz) holds x uint8 [clips, 10, 128], y (genre), id ("YouTube id@start second") and
group (YouTube id: two cuts of one video never stand on both sides of a split). Try it with

  tools/make_audioset_table.py FOLDER audioset10.npz
  vggroove crossval audioset10.npz
"""

import argparse
import pathlib
import sys

import numpy as np

FRAMES, FEATURES = 10, 128


def read_clips(path):
    """[(YouTube id, start second, genre)] of a .tsv file."""
    clips = []
    for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), start=1):
        fields = line.split("\t")
        if len(fields) != 3 or not all(fields):
            sys.exit(f"{path}:{number}: expected 'id<TAB>start<TAB>genre', found {line!r}")
        clips.append(tuple(fields))
    return clips


def main():
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=pathlib.Path)
    parser.add_argument("table", type=pathlib.Path, help="the .npz file to write")
    parser.add_argument("--part", default="train", help="stem of the two files (train)")
    arguments = parser.parse_args()
    if arguments.table.suffix != ".npz":
        parser.error(f"{arguments.table}: the name of a feature table ends in .npz")

    clips = read_clips(arguments.folder / f"{arguments.part}.tsv")
    features_path = arguments.folder / f"{arguments.part}.u8"
    features = np.fromfile(features_path, dtype=np.uint8)
    if features.size != len(clips) * FRAMES * FEATURES:
        sys.exit(f"{features_path}: {features.size} bytes, but {len(clips)} clips of "
                 f"{FRAMES} x {FEATURES} take {len(clips) * FRAMES * FEATURES}")

    names, starts, genres = (np.array(column) for column in zip(*clips))
    np.savez_compressed(arguments.table, x=features.reshape(len(clips), FRAMES, FEATURES),
                        y=genres, group=names,
                        id=np.array([f"{name}@{start}" for name, start in zip(names, starts)]))
    print(f"{arguments.table}: {len(clips)} clips of {len(set(genres))} genres, "
          f"{len(set(names))} videos")


if __name__ == "__main__":
    main()
