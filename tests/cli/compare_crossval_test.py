#!/usr/bin/env python3
"""tools/compare_crossval.py on made-up predictions whose gain is known.

    compare_crossval_test.py SOURCE_DIR
"""

import json
import pathlib
import subprocess
import sys
import tempfile
import unittest

SOURCE_DIR = pathlib.Path(sys.argv.pop())


def run_of(hits, folds_by="clips", groups=None, folder="set"):
    """`vggroove crossval --json` of clips that are right where hits says so."""
    predictions = [
        {"path": f"{folder}/rock/{i}.wav", "group": groups[i] if groups else "", "truth": "rock",
         "prediction": "rock" if hit else "jazz", "repetition": 1, "fold": 1 + i % 2}
        for i, hit in enumerate(hits)
    ]
    accuracy = {"value": sum(hits) / len(hits)}
    report = {"per_clip": {"accuracy": accuracy}, "settings": [{}], "predictions": predictions}
    return {"folds_by": folds_by, "reports": [report]}


class CompareCrossval(unittest.TestCase):
    def compare(self, before, after):
        with tempfile.TemporaryDirectory() as folder:
            paths = [pathlib.Path(folder, name) for name in ("before", "after", "out")]
            for path, run in zip(paths, (before, after)):
                path.write_text(json.dumps({"runs": [run]}))
            done = subprocess.run(
                [sys.executable, SOURCE_DIR / "tools/compare_crossval.py", *paths[:2], "--out", paths[2]],
                capture_output=True, text=True, check=False)
            return done, json.loads(paths[2].read_text())[0] if paths[2].exists() else None

    def test_the_gain_is_the_difference_of_accuracies(self):
        done, result = self.compare(run_of([1, 0, 0, 0]), run_of([1, 1, 1, 0], folder="moved"))
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertEqual((result["clips"], result["units"], result["gain"]), (4, 4, 0.5))
        self.assertIn("+50.0 points", done.stdout)

    def test_both_right_on_the_same_clips_is_no_gain_without_doubt(self):
        _, result = self.compare(run_of([1, 0] * 50), run_of([1, 0] * 50))
        self.assertEqual(result["gain_interval_95"], [0, 0])

    def test_the_interval_is_that_of_a_binomial(self):
        # 20 of 100 clips turn right: the standard error is sqrt(0.2 * 0.8 / 100) = 4 points;
        # the binomial's ends differ from the normal's by less than two clips.
        _, result = self.compare(run_of([0] * 100), run_of([1] * 20 + [0] * 80))
        low, high = result["gain_interval_95"]
        self.assertAlmostEqual(low, 0.2 - 1.96 * 0.04, delta=0.02)
        self.assertAlmostEqual(high, 0.2 + 1.96 * 0.04, delta=0.02)

    def test_groups_are_drawn_whole(self):
        # The same, in ten groups of which two turn right: sqrt(0.2 * 0.8 / 10) = 13 points, so
        # 50 between the ends; clips drawn one by one would give 16.
        groups = [f"g{i // 10}" for i in range(100)]
        _, result = self.compare(run_of([0] * 100, "groups", groups), run_of([1] * 20 + [0] * 80, "groups", groups))
        low, high = result["gain_interval_95"]
        self.assertEqual(result["units"], 10)
        self.assertGreater(high - low, 0.4)

    def test_repetitions_are_drawn_with_their_clip(self):
        # Said twice, the same 20 of 100 clips leave as much doubt as said once.
        before, after = run_of([0] * 100), run_of([1] * 20 + [0] * 80)
        _, once = self.compare(before, after)
        for run in (before, after):
            predictions = run["reports"][0]["predictions"]
            predictions += [dict(p, repetition=2) for p in predictions]
        _, twice = self.compare(before, after)
        self.assertEqual((twice["clips"], twice["units"], twice["repetitions"]), (100, 100, 2))
        self.assertEqual(twice["gain"], once["gain"])
        self.assertEqual(twice["gain_interval_95"], once["gain_interval_95"])

    def test_a_repetition_without_gain_halves_it(self):
        before, after = run_of([0] * 4), run_of([1, 1, 0, 0])
        for run in (before, after):
            run["reports"][0]["predictions"] += [dict(p, repetition=2, prediction="jazz")
                                                 for p in run["reports"][0]["predictions"]]
        _, result = self.compare(before, after)
        self.assertEqual(result["gain"], 0.25)

    def test_other_folds_are_refused(self):
        other = run_of([1, 0, 0, 0])
        other["reports"][0]["predictions"][0]["fold"] = 2
        done, _ = self.compare(run_of([1, 0, 0, 0]), other)
        self.assertEqual(done.returncode, 1)
        self.assertIn("other folds", done.stderr)


if __name__ == "__main__":
    unittest.main()
