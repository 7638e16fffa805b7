#!/usr/bin/env python3
"""The scripts with the newest numpy, pandas, h5py and matplotlib of PyPI, in a virtual environment; skipped where it cannot be had. The
environment is kept for the next time, in the folder in which the test runs."""

import os
import pathlib
import subprocess
import sys
import unittest

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent))

import environment  # noqa: E402

NAME = "newest-packages"
PACKAGES = ("numpy", "pandas", "h5py", "matplotlib", "safetensors")


class NewestPackages(unittest.TestCase):
    def test_every_script(self):
        variables = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
        for name in ("convert_weights", "plot_trace", "plot_study", "plot_exits", "plot_bench", "section5", "skipstone_package"):
            with self.subTest(name):
                result = subprocess.run([environment.python(NAME), "-W", "error::FutureWarning", HERE / f"test_{name}.py"], env=variables, capture_output=True,
                                        text=True, timeout=280)
                self.assertEqual(result.returncode, 0, result.stderr[-3000:])


if __name__ == "__main__":
    if (why := environment.prepare(NAME, PACKAGES)) is not None:
        print(f"skipped: {why}")
        sys.exit(77)
    unittest.main()
