#!/usr/bin/env python3
"""No script writes over what it reads, or over the built-in profiles."""

import os
import pathlib
import subprocess
import sys
import tempfile
import unittest

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "analysis"))

import output_file  # noqa: E402

TABLE = 'format = "skipstone-accuracy"\nversion = 1\nnetwork = "resnet20-cifar"\n[[row]]\ndropped = []\naccuracy = 0.9\n[[row]]\ndropped = [\"s2b2\"]\naccuracy = 0.8\n'


class OutputFile(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = pathlib.Path(folder.name)
        self.input = self.folder / "input.toml"
        self.input.write_text(TABLE)
        os.symlink("input.toml", self.folder / "soft.toml")
        os.link(self.input, self.folder / "hard.toml")
        (self.folder / "sub").mkdir()

    def names(self):
        return [self.input, self.folder / "soft.toml", self.folder / "hard.toml", self.folder / "sub" / ".." / "input.toml"]

    def test_an_input_is_known_under_every_name(self):
        for name in self.names():
            self.assertIn("is an input", output_file.problem(name, None, "nothing", self.input))
        self.assertIsNone(output_file.problem(self.folder / "new.png", self.input))
        other = self.folder / "other"
        other.write_text("")
        self.assertIsNone(output_file.problem(other, self.input))

    def test_built_in_profiles_are_not_written_over(self):
        self.assertIn("built-in", output_file.problem(ROOT / "profiles/scenarios/khan2023.toml"))
        self.assertIsNone(output_file.problem(ROOT / "profiles/scenarios/none.toml"))

    def run_script(self, script, *words):
        result = subprocess.run([sys.executable, ROOT / "analysis" / script, *map(str, words)], cwd=self.folder, capture_output=True, text=True,
                                timeout=120)
        if "install" in result.stderr and result.returncode == 1:
            self.skipTest(result.stderr)
        return result

    def test_the_converter_and_the_pictures_keep_their_inputs(self):
        for name in self.names():
            for words in (["convert_weights.py", self.input, name, "--network", "resnet20-cifar"],
                          ["convert_weights.py", "missing.pt", name, "--network", self.input], ["plot_study.py", self.input, "-o", name]):
                result = self.run_script(*words)
                self.assertEqual(result.returncode, 2, result)
                self.assertIn("is an input", result.stderr)
                self.assertEqual(self.input.read_text(), TABLE)

    def test_closed_streams_are_opened(self):
        code = f"import sys; sys.path.insert(0, {str(ROOT / 'analysis')!r}); import output_file, os; output_file.open_closed_streams(); " \
            "sys.exit(0 if all(os.fstat(i) for i in range(3)) and os.open('/dev/null', os.O_RDONLY) > 2 else 1)"
        for closed in (">&-", "2>&-", "<&- >&- 2>&-"):
            command = f'exec {sys.executable} -c "$1" {closed}'
            self.assertEqual(subprocess.run(["sh", "-c", command, "sh", code], timeout=60).returncode, 0)


if __name__ == "__main__":
    unittest.main()
