#!/usr/bin/env python3
"""Cross-validation of a grid of heads: vggroove against scikit-learn's MLPClassifier, in one run.

    heads_race.py --program vggroove --work DIR --out RESULT.json [--rounds 3]

10 folds x 20 settings (hidden units x learning rates) on 1000 clips of 128 features and 10 classes, one embedding a
clip; Adam, a given number of epochs, no early stopping, no dropout, no weight decay, features standardised by the
training clips of the fold. Once in batches of 32 and once in scikit-learn's default batches of 200. In turns:

  vggroove                  its command line: start, reading of the data and bootstrap intervals included
  scikit-learn              one process, as MLPClassifier comes; BLAS takes the cores
  scikit-learn, parallel    a process per core (joblib, started before the clock), one BLAS thread in each

vggroove starts from the weights that MLPClassifier starts from (--initial-weights glorot): from its own, whose logits
are 0 at the beginning, it is ahead until training has converged (10 epochs, 32 units, rate 3e-4: right about 48 clips
of 100 instead of 26; an MLPClassifier made to start so, 47). A round is a seed of its own; every
setting's accuracy, the mean of the rounds, must lie in the 95 % interval of vggroove's, but for one in twenty, or the
race is void.
"""

import argparse
import json
import pathlib
import statistics
import sys
import time
import warnings

import joblib
import numpy as np
from sklearn.model_selection import StratifiedKFold
from sklearn.neural_network import MLPClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from compare import CORES, machine, run

FOLDS, CLIPS, FEATURES, CLASSES = 10, 1000, 128, 10
HIDDEN = [32, 64, 100, 128]
RATES = [3e-4, 1e-3, 2e-3, 3e-3, 5e-3]
SETTINGS = [(hidden, rate) for hidden in HIDDEN for rate in RATES]


def make_data():
    """Clouds that overlap: a good classifier is right about seven times in ten."""
    rng = np.random.default_rng(4)
    y = np.arange(CLIPS) % CLASSES
    centres = rng.normal(size=(CLASSES, FEATURES)) * 0.22
    return (centres[y] + rng.normal(size=(CLIPS, FEATURES))).astype(np.float32), y


def one_fit(x, y, train, test, setting, batch, epochs, seed):
    warnings.simplefilter("ignore")  # "did not converge": the epochs are given
    hidden, rate = setting
    classifier = MLPClassifier((hidden,), learning_rate_init=rate, batch_size=batch, max_iter=epochs, alpha=0, tol=0,
                           n_iter_no_change=epochs, random_state=seed)
    return (make_pipeline(StandardScaler(), classifier).fit(x[train], y[train]).predict(x[test]) == y[test]).sum()


def scikit_learn(parallel, x, y, batch, epochs, seed):
    folds = list(StratifiedKFold(FOLDS, shuffle=True, random_state=seed).split(x, y))
    start = time.perf_counter()
    right = parallel(joblib.delayed(one_fit)(x, y, train, test, setting, batch, epochs, seed)
                     for setting in SETTINGS for train, test in folds)
    elapsed = time.perf_counter() - start
    return elapsed, np.reshape(right, (len(SETTINGS), FOLDS)).sum(axis=1) / CLIPS


def vggroove(program, table, work, batch, epochs, seed):
    out = work / "heads.json"
    start = time.perf_counter()
    run(program, "crossval", table, "--hidden", ",".join(map(str, HIDDEN)), "--lr", ",".join(map(str, RATES)),
        "--initial-weights", "glorot", "--dropout", 0, "--weight-decay", 0, "--members", 1, "--validation", 0,
        "--epochs", epochs, "--batch", batch, "--folds", FOLDS, "--seed", seed, "--json", out)
    elapsed = time.perf_counter() - start
    scores = [report["per_clip"]["accuracy"] for report in json.loads(out.read_text())["runs"][0]["reports"]]
    return elapsed, np.array([[score["value"], *score["interval_95"]] for score in scores])


def race(args, batch, parallel):
    x, y = make_data()
    table = args.work / "heads.npz"
    np.savez(table, x=x, y=y)
    seconds = {name: [] for name in ("vggroove", "scikit-learn", "scikit-learn, parallel")}
    one_process = joblib.Parallel(n_jobs=1)
    all_ours, all_theirs = [], []
    for seed in range(args.rounds):  # of the folds, the first weights and the order of the clips
        ours, scores = vggroove(args.program, table, args.work, batch, args.epochs, seed)
        alone, accuracies = scikit_learn(one_process, x, y, batch, args.epochs, seed)
        spread, _ = scikit_learn(parallel, x, y, batch, args.epochs, seed)
        for name, elapsed in zip(seconds, (ours, alone, spread)):
            seconds[name].append(elapsed)
        all_ours.append(scores)
        all_theirs.append(accuracies)
        print(f"heads, batches of {batch}: {', '.join(f'{n} {s[-1]:.2f} s' for n, s in seconds.items())}", flush=True)
    accuracies = np.mean(all_theirs, axis=0).tolist()
    scores = np.mean(all_ours, axis=0).tolist()  # [settings][accuracy, ends of its interval]
    outside = [setting for setting, (_, low, high), theirs in zip(SETTINGS, scores, accuracies)
               if not low <= theirs <= high]
    if len(outside) > len(SETTINGS) // 20:
        sys.exit(f"heads_race: accuracies disagree for {outside}")
    ratios = {}
    for name in list(seconds)[1:]:
        of_rounds = [theirs / ours for theirs, ours in zip(seconds[name], seconds["vggroove"])]
        ratios[name] = {"median": statistics.median(of_rounds), "min": min(of_rounds), "max": max(of_rounds)}
        print(f"heads, batches of {batch}: {ratios[name]['median']:.1f} times {name} "
              f"({min(of_rounds):.1f} to {max(of_rounds):.1f})")
    return {"epochs": args.epochs, "seconds": seconds, "ratios": ratios,
            "accuracies": {"vggroove": [score[0] for score in scores], "scikit-learn": accuracies}}


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--program", type=pathlib.Path, required=True)
    parser.add_argument("--work", type=pathlib.Path, required=True)
    parser.add_argument("--out", type=pathlib.Path, required=True)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--epochs", type=int, default=30)
    args = parser.parse_args()
    args.work.mkdir(parents=True, exist_ok=True)
    result = {"machine": machine("scikit-learn", "numpy"), "folds": FOLDS, "clips": CLIPS, "features": FEATURES,
              "classes": CLASSES, "settings": SETTINGS}
    with joblib.Parallel(n_jobs=CORES) as parallel:
        x, y = make_data()
        parallel(joblib.delayed(one_fit)(x, y, np.arange(900), np.arange(900, 1000), (8, 1e-3), 200, 1, 0)
                 for _ in range(CORES))  # the processes are there, and warm
        for batch in (32, 200):
            result[f"batch {batch}"] = race(args, batch, parallel)
    args.out.write_text(json.dumps(result, indent=1) + "\n")


if __name__ == "__main__":
    main()
