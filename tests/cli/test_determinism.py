#!/usr/bin/env python3
"""Under the virtual clock a trace depends on the scenario and the seed alone: not on ranks, repetition or the host's load."""

import subprocess
import sys
import unittest

from support import ProgramTest, write_weights

# Ten devices, and something of everything that is drawn.
CHANGES = {
    "fleet.devices": [
        {"profile": "khan2023-low", "name": "low", "count": 6, "mac_rate": "100 MMAC/s", "macs_per_round": "30 MMAC", "battery": "60 J"},
        {"profile": "khan2023-high", "name": "high", "count": 4, "mac_rate": "200 MMAC/s", "macs_per_round": "60 MMAC"},
    ],
    "requests.count": None, "requests.rate": 4, "requests.arrivals": "spread", "requests.on_reject": "retry", "rounds.period": "2 s",
    "rounds.count": 6, "links.jitter": "5 ms", "links.latency": "4 ms", "links.loss": 0.02, "links.medium": "radio",
}


class Determinism(ProgramTest):
    def digest_of(self, *arguments, **options):
        output = self.new_path(".h5")
        self.skipstone("run", self.changed, "-o", output, *arguments, **options)
        return self.digest(output)

    def setUp(self):
        super().setUp()
        self.changed = self.scenario(CHANGES)

    def check_ranks(self, *arguments):
        expected = self.digest_of(*arguments)
        self.assertEqual(self.digest_of(*arguments), expected, "a second run")
        for ranks in (1, 2, 4, 11):
            with self.subTest(ranks=ranks):
                self.assertEqual(self.digest_of(*arguments, ranks=ranks), expected)
        return expected

    def test_the_number_of_ranks_does_not_matter_with_kernels_off(self):
        self.check_ranks("--kernels", "off")

    def test_the_number_of_ranks_does_not_matter_with_kernels_on(self):
        self.check_ranks("--kernels", "on")

    def test_the_number_of_ranks_does_not_matter_with_trained_weights(self):
        weights = write_weights(self.path("weights.h5"))
        arguments = ["--kernels", "on", "--weights", weights, "--rounds", "3"]
        self.assertEqual(self.digest_of(*arguments, ranks=4), self.digest_of(*arguments))

    def test_load_on_the_host_does_not_matter(self):
        arguments = ["--kernels", "on", "--rounds", "3", "--planner", "exact"]
        quiet = self.digest_of(*arguments)
        load = [subprocess.Popen([sys.executable, "-c", "while True: pass"]) for _ in range(2)]
        try:
            self.assertEqual(self.digest_of(*arguments), quiet)
            self.assertEqual(self.digest_of(*arguments, ranks=3), quiet)
        finally:
            for process in load:
                process.kill()
                process.wait()

    def test_another_seed_differs(self):
        arguments = ["--kernels", "off"]
        self.assertNotEqual(self.digest_of(*arguments, "--seed", "1"), self.digest_of(*arguments, "--seed", "2"))

    def test_every_planner_repeats_itself(self):
        for planner in ("greedy", "no-drop", "single-device", "exact", "ga", "milp"):
            arguments = ["--planner", planner, "--rounds", "1", "--set", "requests.count=1", "--set", "fleet.devices[0].count=2",
                         "--set", "fleet.devices[1].count=1", "--set", "rounds.period=2 s"]
            with self.subTest(planner=planner):
                self.assertEqual(self.digest_of(*arguments), self.digest_of(*arguments))


if __name__ == "__main__":
    unittest.main()
