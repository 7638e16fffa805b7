#!/usr/bin/env python3
"""Runs whose requests leave at exits: by what their own logits say, on any ranks, under both clocks, with failures; and interrupted."""

import os
import signal
import time
import unittest

import h5py
import numpy

import exits_files
from support import PROGRAM, ProgramTest, Trace, lateness, where

CHANGES = {
    "network.profile": None, "accuracy.table": "none", "objective.accuracy_threshold": None,
    "fleet.devices": [
        {"profile": "khan2023-low", "name": "low", "count": 6, "mac_rate": "100 MMAC/s", "macs_per_round": "4 MMAC"},
        {"profile": "khan2023-high", "name": "high", "count": 4, "mac_rate": "200 MMAC/s", "macs_per_round": "20 MMAC"},
    ],
    "requests.count": 10, "rounds.count": 3, "planner.name": "greedy", "emulation.kernels": True,
}


class ExitsRun(ProgramTest):
    def setUp(self):
        super().setUp()
        batch = exits_files.cifar_batch()
        self.images = exits_files.cifar_images(batch)
        self.batch = self.write("ten.bin", batch)
        self.weights = exits_files.write_weights(self.path("exits.h5"))
        self.known = {label: exits_files.verdicts(image) for label, image in self.images.items()}
        confidences = numpy.array([[confidence for _, confidence in outcomes[:-1]] for outcomes in self.known.values()])
        self.thresholds = exits_files.thresholds_between(confidences.T)
        self.rules = exits_files.write_rules(self.path("rules.toml"), self.weights, dict(zip(exits_files.AFTER, self.thresholds)))
        self.changes = {**CHANGES, "network.weights": self.weights, "exits.rules": self.rules}

    def expected(self, label):
        """(number of the exit, or None; class, confidence; verdicts of the heads passed)."""
        outcomes = self.known[label]
        for number, threshold in enumerate(self.thresholds):
            if outcomes[number][1] >= threshold:
                return number, *outcomes[number], outcomes[:number + 1]
        return None, *outcomes[-1], outcomes[:-1]

    def run_exits(self, *arguments, ranks=None, changes=None, code=0):
        output = self.new_path(".h5")
        self.skipstone("run", self.scenario({**self.changes, **(changes or {})}), "-o", output, "--images", self.batch, *arguments,
                       ranks=ranks, code=code)
        return output

    def exits_of(self, path):
        with h5py.File(path, "r") as file:
            return file["exits"][:]

    def check_verdicts(self, path, interrupted=False):
        trace, heads = Trace(path), self.exits_of(path)
        names = trace.names("blocks")
        done = where(trace.requests, status=1)
        self.assertGreater(len(done), 0)
        left = set()
        for request in done:
            number, predicted, confidence, passed = self.expected(request["label"])
            left.add(number)
            self.assertEqual(request["exit"], -1 if number is None else names.index(exits_files.AFTER[number]))
            self.assertEqual(request["verdict"], predicted)
            self.assertAlmostEqual(request["confidence"], confidence, delta=1e-4)
            said = where(heads, round=request["round"], request=request["request"])
            self.assertEqual(said["predicted"].tolist(), [head[0] for head in passed])
            numpy.testing.assert_allclose(said["confidence"], [head[1] for head in passed], atol=1e-4)
            self.assertEqual(said["left"].tolist(), [0] * (len(passed) - 1) + [number is not None])
            self.assertEqual(request["predicted_class"], predicted)
        said = self.skipstone("check", path, code=2 if interrupted else 0).err
        if interrupted:  # and nothing else is wrong
            self.assertEqual(len(said.splitlines()), 1)
            self.assertIn("the run was interrupted", said)
        return trace, left

    def test_requests_leave_where_their_logits_say(self):
        trace, left = self.check_verdicts(self.run_exits())
        self.assertGreater(len(left), 1)
        self.assertEqual(len(trace.blocks), 6 + len(exits_files.AFTER))
        computed = trace.kind(1)
        self.assertTrue((computed["host_end_s"] >= computed["host_begin_s"]).all())

    def test_any_ranks_give_one_trace(self):
        alone = self.run_exits()
        for ranks in (1, 2, 4, 11):
            with self.subTest(ranks=ranks):
                path = self.run_exits(ranks=ranks)
                self.assertEqual(self.digest(path), self.digest(alone))
                self.check_verdicts(path)

    def test_the_wall_clock_gives_the_same_verdicts_in_time(self):
        changes = {"fleet.devices": [{"profile": "khan2023-low", "name": "d", "count": 3, "mac_rate": "50 MMAC/s",
                                      "macs_per_round": "60 MMAC"}]}
        model = self.run_exits(changes=changes)
        path = self.run_exits("--clock", "wall", "--dilation", "2", changes=changes, ranks=4)
        trace, _ = self.check_verdicts(path)
        self.assertEqual(self.exits_of(path).tolist(), self.exits_of(model).tolist())
        late, events = lateness(trace)
        self.assertEqual(len(events), len(late))
        self.assertFalse(numpy.isnan(late).any())
        self.assertGreaterEqual(late.min(), -1e-6)

    def test_failures_change_plans_but_not_what_an_image_shows(self):
        storm = {"faults.devices": {"mean_time_to_failure": "30 ms", "mean_time_to_repair": "10 ms"}, "faults.remedies": ["replan"],
                 "rounds.count": 8}
        path = self.run_exits(changes=storm)
        self.check_verdicts(path)
        self.assertGreater(Trace(path).plans["revision"].max(), 0)
        self.assertEqual(self.digest(self.run_exits(changes=storm, ranks=4)), self.digest(path))

    def test_an_earlier_trace_replays(self):
        path = self.run_exits()
        again = self.run_exits("--kernels", "off", changes={"exits.verdicts": path})
        self.assertEqual(self.exits_of(again).tolist(), self.exits_of(path).tolist())
        self.skipstone("check", again)
        for column in ("finish_s", "exit", "verdict"):
            self.assertEqual(Trace(again).requests[column].tolist(), Trace(path).requests[column].tolist())

    def test_an_interrupted_run_leaves_its_rounds(self):
        for arguments, ranks in (([], None), (["--clock", "wall", "--dilation", "3"], 11)):
            with self.subTest(ranks=ranks):
                output = self.new_path(".h5")
                process = self.start("run", self.scenario({**self.changes, "rounds.count": 100000}), "-o", output, "--images",
                                     self.batch, *arguments, ranks=ranks)
                self.wait_for_rounds(output, 2, process)
                begin = time.monotonic()
                process.send_signal(signal.SIGINT)
                result = self.wait(process)
                self.assertLess(time.monotonic() - begin, 10)
                if ranks is None:  # a launcher has statuses of its own
                    self.assertEqual(result.code, 130, result)
                self.assertIn("interrupted after", result.out)
                self.check_verdicts(output, interrupted=True)

    def test_a_killed_rank_ends_the_job(self):
        output = self.new_path(".h5")
        process = self.start("run", self.scenario({**self.changes, "rounds.count": 100000}), "-o", output, "--images", self.batch, ranks=3)
        self.wait_for_rounds(output, 2, process)
        ranks = [int(pid) for pid in os.listdir("/proc") if pid.isdigit() and self.is_rank_of(pid, output)]
        self.assertGreaterEqual(len(ranks), 3)
        os.kill(ranks[-1], signal.SIGKILL)
        result = self.wait(process)
        self.assertNotEqual(result.code, 0)
        with h5py.File(output, "r", swmr=True) as file:
            self.assertGreaterEqual(len(file["rounds"]), 2)

    @staticmethod
    def is_rank_of(pid, output):
        try:
            with open(f"/proc/{pid}/cmdline", "rb") as file:
                words = file.read().decode(errors="replace").split("\0")
        except OSError:
            return False
        return words[:1] == [PROGRAM] and output in words


if __name__ == "__main__":
    unittest.main()
