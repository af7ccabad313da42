#!/usr/bin/env python3
"""Makes metrics.json: scores by scikit-learn of small made-up classifiers; intervals by SciPy.

Run with scikit-learn 1.9.1, SciPy and NumPy 2.4 (written into the file); no arguments.
"""

import json
import pathlib
import sys
import warnings

import numpy as np
import scipy
import sklearn
from scipy.stats import binomtest
from sklearn.metrics import (accuracy_score, confusion_matrix, log_loss,
                             precision_recall_fscore_support, top_k_accuracy_score)

rng = np.random.default_rng(20)


def case(name, truth, probabilities, top_k=3):
    truth, probabilities = np.asarray(truth), np.asarray(probabilities, dtype=np.float64)
    k = probabilities.shape[1]
    labels = np.arange(k)
    predicted = probabilities.argmax(axis=1)

    def scores(average):
        values = precision_recall_fscore_support(truth, predicted, labels=labels, average=average,
                                                 zero_division=0)
        return [v.tolist() if average is None else float(v) for v in values[:3]]

    support = precision_recall_fscore_support(truth, predicted, labels=labels, zero_division=0)[3]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # sums other than 1, k >= K: both on purpose
        loss = log_loss(truth, probabilities, labels=labels)
        # scikit-learn wants one column where there are two classes
        top = top_k_accuracy_score(truth, probabilities if k > 2 else probabilities[:, 1],
                                   k=top_k, labels=labels)
    interval = binomtest(int((truth == predicted).sum()), len(truth)).proportion_ci(
        confidence_level=0.95, method="wilson")
    return {"name": name, "num_classes": k, "top_k": top_k, "truth": truth.tolist(),
            "probabilities": probabilities.ravel().tolist(),
            "accuracy": float(accuracy_score(truth, predicted)), "log_loss": loss,
            "accuracy_interval": [float(interval.low), float(interval.high)],
            "top_k_accuracy": float(top), "per_class": scores(None), "support": support.tolist(),
            "macro": scores("macro"), "weighted": scores("weighted"),
            "confusion": confusion_matrix(truth, predicted, labels=labels).tolist()}


def dirichlet(n, k, sharpness=0.7):
    return rng.dirichlet(np.full(k, sharpness), size=n)


def votes(n, k, voters=10):
    """Shares of votes: many ties, many zeros."""
    return rng.multinomial(voters, np.full(k, 1 / k), size=n) / voters


def guided(truth, k, strength=3.0):
    """Better than chance."""
    p = dirichlet(len(truth), k) + strength * np.eye(k)[truth] * rng.random((len(truth), 1))
    return p / p.sum(axis=1, keepdims=True)


truth10 = rng.integers(0, 10, 97)
cases = [
    case("ten_classes", truth10, guided(truth10, 10)),
    case("top_1", truth10, guided(truth10, 10), top_k=1),
    case("top_5", truth10, guided(truth10, 10), top_k=5),
    case("two_classes", truth10 % 2, guided(truth10 % 2, 2), top_k=1),
    case("two_classes_top_3", truth10 % 2, guided(truth10 % 2, 2), top_k=3),
    case("one_row", [1], dirichlet(1, 4)),
    case("one_row_right_and_certain", [2], [[0, 0, 1, 0]]),
    case("one_row_wrong_and_certain", [2], [[1, 0, 0, 0]]),
    case("truth_lacks_classes", rng.choice([1, 4], 31), dirichlet(31, 6)),
    case("truth_of_one_class", np.full(13, 2), dirichlet(13, 5)),
    case("prediction_lacks_classes", truth10 % 5,
         np.eye(5)[rng.choice([0, 3], 97)] * 0.6 + dirichlet(97, 5) * 0.4),
    case("always_right", truth10 % 7, np.eye(7)[truth10 % 7]),
    case("always_wrong", truth10 % 7, np.eye(7)[(truth10 + 1) % 7]),
    case("votes", truth10, votes(97, 10)),
    case("votes_top_1", truth10, votes(97, 10, voters=3), top_k=1),
    case("all_equal", truth10 % 8, np.full((97, 8), 1 / 8)),
    case("tiny_probabilities", truth10 % 4,
         10.0 ** rng.integers(-320, -1, size=(97, 4)) + np.eye(4)[(truth10 + 1) % 4] * 0.5),
    case("sums_below_one", truth10 % 4, dirichlet(97, 4) * 0.7),
    case("top_k_of_all", truth10 % 3, dirichlet(97, 3), top_k=3),
]
out = pathlib.Path(__file__).parent / "metrics.json"
out.write_text(json.dumps({"scikit-learn": sklearn.__version__, "numpy": np.__version__,
                           "scipy": scipy.__version__, "cases": cases}) + "\n")
print(f"{out.name}: {len(cases)} cases, {out.stat().st_size} bytes", file=sys.stderr)
