#!/usr/bin/env python3
"""Real images through trained networks, spread over devices and ranks in several ways: the answers stay the same, and are right."""

import os
import pathlib
import subprocess
import sys
import unittest

from support import ALONE, PROGRAM, ROOT, ProgramTest, Trace, numpy

TEST_DATA = pathlib.Path(os.environ.get("SKIPSTONE_TEST_DATA", ROOT.parent / "shared" / "data"))
IMAGES = TEST_DATA / "cifar10-test.bin.xz"  # record i has label i mod 10


def needs(*names):
    missing = [name for name in names if not (TEST_DATA / name).exists()]
    return unittest.skipIf(missing, f"skipped: no {', '.join(missing)} in {TEST_DATA}")


class RealInput(ProgramTest):
    def classes(self, scenario, *arguments, **options):
        output = self.new_path(".h5")
        self.skipstone("run", scenario, "-o", output, "--clock", "virtual", "--kernels", "on", "--images", IMAGES, *arguments, **options)
        requests = Trace(output).requests
        self.assertGreater(len(set(requests["label"])), 6)  # in an order of the seed
        self.assertNotEqual(list(requests["label"][:10]), list(range(10)))
        return requests["predicted_class"], requests["label"]

    @needs(IMAGES.name, "resnet20-12fca82f.th")
    def test_resnet20(self):
        weights = self.path("resnet20.h5")
        subprocess.run([sys.executable, ROOT / "analysis" / "convert_weights.py", TEST_DATA / "resnet20-12fca82f.th", weights,
                        "--network", "resnet20-cifar"], check=True, capture_output=True, timeout=60, env=os.environ | {"SKIPSTONE": PROGRAM})
        spread = {"planner.name": "no-drop", "requests.count": 20, "rounds.count": 10, "accuracy.table": "resnet20-cifar-published"}
        spread["fleet.devices"] = [{"profile": "khan2023-low", "count": 10, "macs_per_round": "100 MMAC"}]
        found, labels = self.classes(self.scenario(spread), "--weights", weights)
        self.assertGreaterEqual((found == labels).mean(), 0.86)  # 91.73 % of all 10,000; 200 images deviate by 2 %
        for changes, ranks in ((spread, 4), (spread | ALONE, None)):
            again, _ = self.classes(self.scenario(changes), "--weights", weights, ranks=ranks)
            numpy.testing.assert_array_equal(again, found)

    @needs(IMAGES.name, "resnet50-cifar10.h5")
    def test_resnet50(self):
        arguments = ["--weights", TEST_DATA / "resnet50-cifar10.h5", "--planner", "no-drop", "--rounds", "1", "--set", "network.input=96",
                     "--set", "requests.count=20", "--set", "fleet.devices[0].macs_per_round=4 GMAC",
                     "--set", "fleet.devices[1].macs_per_round=9 GMAC"]
        found, labels = self.classes("khan2023", *arguments)
        self.assertGreaterEqual((found == labels).mean(), 0.8)
        again, _ = self.classes("khan2023", *arguments, ranks=3)
        numpy.testing.assert_array_equal(again, found)


if __name__ == "__main__":
    unittest.main()
