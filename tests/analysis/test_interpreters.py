#!/usr/bin/env python3
"""Scripts in a Python that lacks their modules: --help works, and else it is said which Python that is, and what to do."""

import pathlib
import subprocess
import sys
import unittest

ANALYSIS = pathlib.Path(__file__).resolve().parents[2] / "analysis"
SCRIPTS = [path for folder in (ANALYSIS, ANALYSIS / "figures") for path in sorted(folder.glob("*.py"))
           if path.read_text().startswith("#!")]


def run(script, *words):
    """In a Python that has its own library alone."""
    return subprocess.run([sys.executable, "-S", "-E", script, *words], capture_output=True, text=True, timeout=60)


class Interpreters(unittest.TestCase):
    def test_every_script_may_be_run(self):
        self.assertEqual(len(SCRIPTS), 9)
        for script in SCRIPTS:
            self.assertTrue(script.stat().st_mode & 0o111, f"{script.name} lacks its run bit")

    def test_help_needs_no_modules(self):
        for script in SCRIPTS:
            with self.subTest(script.name):
                result = run(script, "--help")
                self.assertEqual((result.returncode, result.stderr), (0, ""))
                self.assertIn("usage:", result.stdout)

    def test_the_interpreter_and_both_ways_out_are_named(self):
        words = {"convert_weights.py": ["a.pt", "a.h5", "--network", "resnet50"], "plot_trace.py": ["a.h5", "-o", "a.png"],
                 "plot_exits.py": ["a.json", "-o", "a.png"], "plot_section5.py": ["fig6", "a.csv", "-o", "a.png"]}
        for script in SCRIPTS:
            with self.subTest(script.name):
                result = run(script, *words.get(script.name, ["a"]))
                self.assertEqual(result.returncode, 1)
                self.assertNotIn("Traceback", result.stderr)
                self.assertIn(f"{script.name}: No module named", result.stderr)
                for part in (sys.executable, "apt-get install python3-", "/usr/bin/python3 ", "-m pip install "):
                    self.assertIn(part, result.stderr)


if __name__ == "__main__":
    unittest.main()
