#!/usr/bin/env python3
"""A case of early exits from nothing, by jobs/exits.sh: what its devices do is what the tables say."""

import json
import os
import pathlib
import subprocess
import tomllib
import unittest

import h5py
import numpy

from support import DONE, PROGRAM, ROOT, ProgramTest, Trace

DATA = pathlib.Path(os.environ.get("SKIPSTONE_TEST_DATA", ROOT.parent / "shared" / "data"))


@unittest.skipUnless((DATA / "ecg" / "ecg_acharya_odai.onnx").exists(), "no trained networks here")
class Ecg(ProgramTest):
    def case(self):
        folder = self.folder / "case"
        done = subprocess.run([ROOT / "jobs" / "exits.sh", "ecg", DATA, "--output", folder], cwd=self.folder, stdin=subprocess.DEVNULL, text=True,
                              stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=280,
                              env={"SKIPSTONE_CACHE": "off", **os.environ, "SKIPSTONE": PROGRAM})
        self.assertEqual(done.returncode, 0, done.stdout[-4000:])
        return folder, done.stdout

    def rows(self, path):
        """Confidences, predictions and labels of a table, and the names of its outcomes."""
        with h5py.File(path) as file:
            names = [name.decode() if isinstance(name, bytes) else str(name) for name in file.attrs["outcomes"]]
            return file["confidence"][:], file["predicted"][:], file["labels"][:], names

    def test_from_nothing(self):
        folder, said = self.case()
        rules = tomllib.loads((folder / "rules.toml").read_text())
        self.assertTrue(rules["rules"])
        self.assertEqual(sum(len(entry["blocks"]) for entry in rules["mapping"]), 6)
        for name in ("report", "report-others"):
            with self.subTest(name):
                score = json.loads((folder / f"{name}.json").read_text())
                confidence, predicted, labels, names = self.rows(folder / f"{name}.h5")
                places = [(names.index(rule["exit"]), rule["threshold"]) for rule in rules["rules"]]
                left = [next((place for place, threshold in places if float(row[place]) >= threshold), -1) for row in confidence]
                right = [row[place] == label for row, place, label in zip(predicted, left, labels)]
                self.assert_close(score["accuracy"], numpy.mean(right))
                trace = Trace(folder / f"trace-{name}.h5")
                requests = trace.requests
                self.assertEqual(len(requests), len(labels))
                self.assertTrue((requests["status"] == DONE).all())
                # To the last count: the table was measured by the same kernels.
                blocks = trace.names("blocks")
                counts = {exit: left.count(names.index(exit) if exit != "end" else -1) for exit in [rule["exit"] for rule in rules["rules"]] + ["end"]}
                emulated = {exit: int(numpy.sum(requests["exit"] == (blocks.index(exit) if exit != "end" else -1))) for exit in counts}
                self.assertEqual(emulated, counts)
                verdict = numpy.where(requests["verdict"] >= 0, requests["verdict"], requests["predicted_class"])
                self.assertEqual(int(numpy.sum(verdict == requests["label"])), sum(right))
                self.assertGreater(counts[rules["rules"][0]["exit"]], 0)
        for words in ("MACs per sample", "leave at", "wearable"):
            self.assertIn(words, said)
        pictures = [path.name for path in folder.glob("trace-*.png")]
        self.assertEqual(sorted(pictures), ["trace-report-others.png", "trace-report.png"])

    def test_wrong_calls_teach(self):
        for arguments, words in (((), "which case"), (("radar",), "no case radar"), (("ecg",), "where are"), (("ecg", "/nowhere"), "no folder /nowhere")):
            done = subprocess.run([ROOT / "jobs" / "exits.sh", *arguments], cwd=self.folder, text=True, capture_output=True, timeout=60)
            self.assertEqual(done.returncode, 2)
            self.assertIn(words, done.stderr)


if __name__ == "__main__":
    unittest.main()
