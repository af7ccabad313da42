#!/usr/bin/env python3
"""Makes bootstrap.json: percentile bootstrap intervals by scipy.stats.bootstrap.

    make_golden.py        (with SciPy 1.17, NumPy 2.4, whose versions are written into the file; 2 minutes)

Units are drawn, an item's label and predictions go with its unit; a score is the mean over the repetitions. Whoever
draws N = 2000 samples of his own gets a quantile q of SciPy's distribution at the level q +- sqrt(q (1 - q) / N), and
SciPy's 20 000 samples add a tenth of that variance. "bounds" are the quantiles of SciPy's distribution at 4.5 times that
from the level on both sides: whatever the distribution is, an interval's end is beyond them once in 100 000.
"""

import json
import math
import pathlib

import numpy as np
import scipy
from scipy.stats import bootstrap

SAMPLES, RESAMPLES = 2000, 20000
rng = np.random.default_rng(31)


def scores(truth, probabilities):
    k = probabilities.shape[1]
    confusion = np.zeros((k, k))
    np.add.at(confusion, (truth, probabilities.argmax(axis=1)), 1)
    hits, support, predicted = np.diag(confusion), confusion.sum(axis=1), confusion.sum(axis=0)
    with np.errstate(invalid="ignore"):  # 0 / 0 scores 0
        recall, precision, f1 = (np.nan_to_num(hits / d) for d in (support, predicted, (support + predicted) / 2))
    loss = -np.log(probabilities[np.arange(len(truth)), truth]).mean()
    return np.array([hits.sum() / len(truth), precision.mean(), recall.mean(), f1.mean(), loss])


def case(name, truth, unit, probabilities):
    items_of_unit = [np.flatnonzero(unit == u) for u in range(unit.max() + 1)]

    def statistic(drawn):
        items = np.concatenate([items_of_unit[u] for u in drawn])
        return np.mean([scores(truth[items], p[items]) for p in probabilities], axis=0)

    result = bootstrap((np.arange(len(items_of_unit)),), statistic, n_resamples=RESAMPLES, confidence_level=0.95,
                       method="percentile", vectorized=False, rng=np.random.default_rng(7))
    distribution, interval = result.bootstrap_distribution, result.confidence_interval
    bounds = {}
    for end, q in (("low", 0.025), ("high", 0.975)):
        off = 4.5 * math.sqrt(q * (1 - q) * (1 / SAMPLES + 1 / RESAMPLES))
        bounds[end] = np.quantile(distribution, [q - off, q + off], axis=-1).T.tolist()
    return {"name": name, "num_classes": probabilities[0].shape[1], "truth": truth.tolist(), "unit": unit.tolist(),
            "probabilities": [p.ravel().tolist() for p in probabilities], "low": interval.low.tolist(),
            "high": interval.high.tolist(), "bounds": bounds}


def guided(truth, k):
    """Better than chance; six digits."""
    p = rng.dirichlet(np.full(k, 0.7), size=len(truth)) + np.eye(k)[truth] * rng.random((len(truth), 1))
    return np.round(p / p.sum(axis=1, keepdims=True) * 0.99 + 0.01 / k, 6)


clips = rng.integers(0, 4, 60)
sizes = rng.integers(1, 6, 25)  # segments of a clip, or clips of a group
segments = np.repeat(rng.integers(0, 3, 25), sizes)
cases = [
    case("clips", clips, np.arange(60), [guided(clips, 4)]),
    case("units_of_unequal_size", segments, np.repeat(np.arange(25), sizes), [guided(segments, 3)]),
    case("two_repetitions", segments, np.repeat(np.arange(25), sizes), [guided(segments, 3), guided(segments, 3)]),
]
out = pathlib.Path(__file__).parent / "bootstrap.json"
out.write_text(json.dumps({"scipy": scipy.__version__, "numpy": np.__version__, "num_samples": SAMPLES,
                           "scores": ["accuracy", "macro_precision", "macro_recall", "macro_f1", "log_loss"],
                           "cases": cases}) + "\n")
