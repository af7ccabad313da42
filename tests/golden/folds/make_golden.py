#!/usr/bin/env python3
"""Makes grouped.json: how evenly scikit-learn's StratifiedGroupKFold divides random data sets.

For each data set: labels, groups, number of folds, and the spread that scikit-learn leaves with
each of five seeds: the standard deviation over the folds of the share of a class, averaged over
the classes (what StratifiedGroupKFold itself minimises). Run with scikit-learn 1.9.1 and NumPy
2.4 (written into the file); no arguments.
"""

import json
import pathlib
import sys
import warnings

import numpy as np
import sklearn
from sklearn.model_selection import StratifiedGroupKFold

rng = np.random.default_rng(7)
warnings.simplefilter("ignore")  # a class with fewer clips than folds cannot happen here


def data_set(number):
    """Labels and groups: even or very uneven group sizes, pure or mixed groups."""
    num_classes, num_folds = int(rng.integers(2, 12)), int(rng.integers(2, 9))
    num_groups = int(rng.integers(2 * num_folds * num_classes, 4 * num_folds * num_classes))
    num_groups = min(num_groups, 220)
    sizes = (np.full(num_groups, rng.integers(1, 5)) if number % 3 == 0
             else rng.geometric(rng.uniform(0.2, 0.9), num_groups))
    of_group = np.arange(num_groups) % num_classes
    groups = np.repeat(np.arange(num_groups), sizes)
    labels = of_group[groups]
    if number % 2:
        strays = rng.random(labels.size) < 0.3
        labels = np.where(strays, rng.integers(num_classes, size=labels.size), labels)
    return labels, groups, num_classes, num_folds


def spread(labels, fold_of_clip, num_classes, num_folds):
    counts = np.zeros((num_folds, num_classes))
    np.add.at(counts, (fold_of_clip, labels), 1)
    return float((counts / counts.sum(axis=0)).std(axis=0).mean())


def scikit_learn(labels, groups, num_classes, num_folds):
    spreads = []
    for seed in range(5):
        fold_of_clip = np.zeros(labels.size, dtype=int)
        splitter = StratifiedGroupKFold(num_folds, shuffle=True, random_state=seed)
        for fold, (_, test) in enumerate(splitter.split(labels, labels, groups)):
            fold_of_clip[test] = fold
        spreads.append(spread(labels, fold_of_clip, num_classes, num_folds))
    return spreads


cases = []
for number in range(40):
    labels, groups, num_classes, num_folds = data_set(number)
    if np.bincount(labels, minlength=num_classes).min() < num_folds:
        continue
    cases.append({"num_classes": num_classes, "num_folds": num_folds, "labels": labels.tolist(),
                  "groups": groups.tolist(),
                  "spreads": scikit_learn(labels, groups, num_classes, num_folds)})
out = pathlib.Path(__file__).parent / "grouped.json"
out.write_text(json.dumps({"scikit-learn": sklearn.__version__, "numpy": np.__version__,
                           "cases": cases}, separators=(",", ":")) + "\n")
print(f"{out.name}: {len(cases)} cases, {out.stat().st_size} bytes", file=sys.stderr)
