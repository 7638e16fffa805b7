#!/usr/bin/env python3
"""Published networks of other kinds get as much right, on data of other kinds, as ONNX Runtime does with them."""

import os
import pathlib
import re
import unittest

from support import ROOT, ProgramTest

DATA = pathlib.Path(os.environ.get("SKIPSTONE_TEST_DATA", ROOT.parent / "shared" / "data"))

# Model, options of its import, data, how many are right of how many. Measured with ONNX Runtime 1.32.
KNOWN = [
    ("mlperf-tiny/resnet8_cifar10.onnx", ("--range", "255"), "cifar10-test.bin.xz", 8719, 10000),
    ("mlperf-tiny/ds_cnn_kws_float32.onnx", (), "speech/speech-commands-a.h5", 2019, 2167),
    ("mlperf-tiny/ds_cnn_kws_float32.onnx", (), "speech/speech-commands-b.h5", 1339, 1475),
    ("ecg/ecg_acharya_odai.onnx", (), "ecg/mit-bih-beats-a.h5", 2055, 2174),
    ("ecg/ecg_acharya_odai.onnx", (), "ecg/mit-bih-beats-b.h5", 1319, 1335),
]


class KnownAccuracies(ProgramTest):
    def test_the_same_share_is_right(self):
        for model, options, data, expected, total in KNOWN:
            with self.subTest(model=model, data=data):
                if not (DATA / model).exists() or not (DATA / data).exists():
                    self.skipTest(f"skipped: no {model} or {data}")
                weights = self.path(pathlib.Path(model).stem + ".h5")
                self.skipstone("import", DATA / model, "-o", weights, *options, "--force")
                out = self.skipstone("infer", "--weights", weights, "--data", DATA / data, "-o", self.new_path(".h5")).out
                right, of = map(int, re.search(r"(\d+) of (\d+) right", out).groups())
                self.assertEqual(of, total)
                self.assertLessEqual(abs(right - expected), 2, out)


if __name__ == "__main__":
    unittest.main()
