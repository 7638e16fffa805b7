#!/usr/bin/env python3
"""bfloat16 and int8: runs, studies and calibrations, as a user meets them."""

import json
import pathlib
import sys
import unittest

from support import ProgramTest, cifar_batch, write_weights

try:
    import tomllib
except ImportError:
    print("skipped: no tomllib")
    sys.exit(77)


class Precision(ProgramTest):
    def setUp(self):
        super().setUp()
        write_weights(self.path("weights.h5"), favourite=6)
        pathlib.Path(self.path("images.bin")).write_bytes(cifar_batch([i % 10 for i in range(20)]))

    def calibrate(self, *arguments, output="calibration.toml", **options):
        return self.skipstone("calibrate", "--weights", self.path("weights.h5"), "--data", self.path("images.bin"),
                              "-o", self.path(output), *arguments, **options)

    def study(self, *arguments, **options):
        return self.skipstone("study", "--weights", self.path("weights.h5"), "--data", self.path("images.bin"), "--drops", "singles",
                              "-o", self.path("table.toml"), *arguments, **options)

    def table(self):
        return tomllib.loads(pathlib.Path(self.path("table.toml")).read_text())

    def test_the_number_of_ranks_does_not_matter(self):
        for precision in ("bfloat16", "int8"):
            with self.subTest(precision=precision):
                scenario = self.scenario({"network.precision": precision, "emulation.kernels": True})
                digests = set()
                for ranks in (None, 1, 3):
                    self.skipstone("run", scenario, "-o", self.path(f"{precision}-{ranks}.h5"), ranks=ranks)
                    digests.add(self.digest(self.path(f"{precision}-{ranks}.h5")))
                self.assertEqual(len(digests), 1)

    def test_a_run_in_int8_with_weights(self):
        self.calibrate("--count", "5")
        trace = self.run_scenario({"network.precision": "int8", "network.weights": "weights.h5", "network.calibration": "calibration.toml",
                                   "emulation.kernels": True, "planner.name": "no-drop"})
        self.assertEqual(set(trace.requests["predicted_class"]), {6})
        self.assertIn('precision = "int8"', trace.provenance["scenario"])
        self.assertIn("[network.calibration.ranges]", trace.provenance["scenario"])

    def test_random_weights_are_calibrated_by_the_run(self):
        trace = self.run_scenario({"network.precision": "int8", "emulation.kernels": True})
        self.assertIn('name = "synthetic"', trace.provenance["scenario"])

    def test_a_calibration_is_the_same_every_time_and_says_where_it_comes_from(self):
        self.calibrate("--count", "5")
        self.calibrate("--count", "5", output="again.toml")
        text = pathlib.Path(self.path("calibration.toml")).read_text()
        self.assertEqual(text, pathlib.Path(self.path("again.toml")).read_text())
        calibration = tomllib.loads(text)
        self.assertEqual((calibration["network"], calibration["input"], calibration["samples"], calibration["dataset"]),
                         ("resnet20-cifar", [32, 32, 3], 5, "images.bin"))
        self.assertEqual(len(calibration["ranges"]), 1 + 9 + 3)  # image, inside nine blocks, outputs of three stages
        self.assertIn("calibration", self.skipstone("check", self.path("calibration.toml")).out)

    def test_a_calibration_of_other_weights_is_refused(self):
        self.calibrate("--count", "2")
        write_weights(self.path("weights.h5"), favourite=3)
        scenario = self.scenario({"network.precision": "int8", "network.weights": "weights.h5", "network.calibration": "calibration.toml",
                                  "emulation.kernels": True})
        for error in (self.skipstone("run", scenario, code=2).err,
                      self.study("--precision", "int8", "--calibration", self.path("calibration.toml"), code=2).err):
            self.assertIn("was made with the weights of sha256", error)
            self.assertIn("skipstone calibrate", error)

    def test_what_is_missing_or_has_no_effect(self):
        scenario = self.scenario({"network.precision": "int8", "network.weights": "weights.h5", "emulation.kernels": True})
        self.assertIn("network.calibration: is missing", self.skipstone("run", scenario, code=2).err)
        self.skipstone("run", scenario, "--kernels", "off", "-o", self.path("off.h5"))
        self.assertIn("needs --calibration", self.study("--precision", "int8", code=2).err)
        self.assertIn("no precision", self.study("--precision", "int4", code=2).err)
        self.calibrate("--count", "2")
        self.assertIn("--precision int8 alone", self.study("--calibration", self.path("calibration.toml"), code=2).err)
        self.assertIn("holds 20 images", self.calibrate("--count", "21", code=2).err)
        self.assertIn("must be a whole number from 1", self.calibrate("--count", "0", code=2).err)

    def test_a_study_says_in_what_precision_it_was_measured(self):
        self.calibrate("--count", "5")
        rows = {}
        for precision, options in (("float32", []), ("bfloat16", []), ("int8", ["--calibration", self.path("calibration.toml")])):
            self.study("--precision", precision, *options)
            self.assertEqual(self.table()["precision"], precision)
            rows[precision] = self.table()["row"]
        gain = {precision: next(row["memory_gain_bytes"] for row in of if row["dropped"] == ["s2b2"]) for precision, of in rows.items()}
        self.assertEqual(gain["float32"], 2 * gain["bfloat16"])
        self.assertEqual(gain["float32"], 4 * gain["int8"])

    def test_devices_that_compute_faster_in_a_precision(self):
        def devices(speedup):
            return {"fleet.devices": [{"profile": "khan2023-low", "count": 4, "macs_per_round": "30 MMAC", "mac_rate": "100 MMAC/s",
                                       "compute_seconds": {"s2b1": 0.5}, "speedup": speedup}]}
        changes = {"network.precision": "int8", "planner.name": "no-drop", "requests.count": 1}
        one, four = (self.run_scenario(changes | devices({"bfloat16": 7, "int8": factor})) for factor in (1, 4))
        for name, share in (("mac_rate", 4), ("macs_per_round", 1), ("power_compute_w", 1)):
            self.assertEqual(list(four.devices[name]), [share * value for value in one.devices[name]])
        lengths = [sorted({round(event["end_s"] - event["begin_s"], 9) for event in trace.events if event["kind"] == 1}) for trace in (one, four)]
        self.assertEqual(len(lengths[0]), len(lengths[1]))
        for slow, fast in zip(*lengths):
            self.assertAlmostEqual(slow, 4 * fast, delta=1e-8)
        self.assertIn(0.125, lengths[1])
        deviations = json.loads(self.skipstone("analyze", four.path, "--json").out)["deviations"]  # recomputed from the trace
        self.assertIn("block", [row["level"] for row in deviations])
        for row in deviations:
            self.assertLess(abs(row["bias"]), 1e-9, row)
        again = self.skipstone("run", self.scenario({"network.precision": "int8"} | devices({"int8": 4})), "--print-config").out
        self.assertIn("speedup = {int8 = 4.0}", again)

    def test_a_run_warns_of_accuracies_of_another_precision(self):
        scenario = self.scenario({"network.precision": "bfloat16", "emulation.kernels": False})
        warning = "were measured in float32, network.precision is bfloat16"
        self.assertIn(warning, self.skipstone("run", scenario, "-o", self.path("t.h5")).err)
        self.study("--precision", "bfloat16")
        scenario = self.scenario({"network.precision": "bfloat16", "emulation.kernels": False, "accuracy.table": "table.toml",
                                  "objective.accuracy_threshold": 0})
        self.assertNotIn("warning", self.skipstone("run", scenario, "-o", self.path("t.h5")).err)


if __name__ == "__main__":
    unittest.main()
