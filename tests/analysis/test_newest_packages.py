#!/usr/bin/env python3
"""The scripts with the newest numpy, pandas, h5py and matplotlib of PyPI, in a virtual environment; skipped where it cannot be had. The
environment is kept for the next time, in the folder in which the test runs."""

import os
import pathlib
import subprocess
import sys
import unittest

HERE = pathlib.Path(__file__).resolve().parent
FOLDER = pathlib.Path("newest-packages").resolve()
PYTHON = FOLDER / "bin" / "python"
PACKAGES = ("numpy", "pandas", "h5py", "matplotlib", "safetensors")


def prepare():
    """Says why there is no environment; None when there is one."""
    mark = FOLDER / "complete"
    if mark.exists():
        return None
    for command in ([sys.executable, "-m", "venv", "--clear", FOLDER],
                    [PYTHON, "-m", "pip", "install", "--quiet", "--retries", "0", "--timeout", "10", *PACKAGES]):
        try:
            done = subprocess.run(command, capture_output=True, text=True, timeout=150)
        except (OSError, subprocess.TimeoutExpired) as error:
            return str(error)
        if done.returncode != 0:
            return (done.stderr.strip().splitlines() or done.stdout.strip().splitlines() or ["no reason given"])[-1]
    mark.touch()
    return None


class NewestPackages(unittest.TestCase):
    def test_every_script(self):
        environment = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
        for name in ("convert_weights", "plot_trace", "plot_study", "plot_bench", "section5", "skipstone_package"):
            with self.subTest(name):
                result = subprocess.run([PYTHON, "-W", "error::FutureWarning", HERE / f"test_{name}.py"], env=environment, capture_output=True,
                                        text=True, timeout=280)
                self.assertEqual(result.returncode, 0, result.stderr[-3000:])


if __name__ == "__main__":
    if (why := prepare()) is not None:
        print(f"skipped: {why}")
        sys.exit(77)
    unittest.main()
