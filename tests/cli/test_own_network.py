"""A network of one's own, as README tells it: exported from PyTorch, imported, listed, run on four devices. Needs python3-torch."""
import importlib.util
import pathlib
import re
import subprocess
import sys
import unittest

from support import PROGRAM, ProgramTest, Trace
from test_images import png

README = pathlib.Path(__file__).resolve().parents[2] / "README.md"


@unittest.skipUnless(importlib.util.find_spec("torch"), "python3-torch is not installed")
class OwnNetwork(ProgramTest):
    def test_readme_as_it_stands(self):
        section = re.search(r"## A network of your own\n(.*?)\n## ", README.read_text(encoding="utf-8"), re.DOTALL)[1]
        blocks = re.findall(r"^```(\w*)\n(.*?)^```$", section, re.DOTALL | re.MULTILINE)
        self.assertEqual([kind for kind, _ in blocks], ["python", "toml", ""])
        code, scenario, commands = (text for _, text in blocks)
        self.write("net.py", code)
        self.write("four.toml", scenario)
        (self.folder / "picture.png").write_bytes(png(side=32))
        for line in commands.strip().splitlines():
            words = line.partition(" #")[0].replace("/usr/bin/python3", sys.executable).replace("PICTURES", "picture.png").split()
            words[0] = words[0].replace("build/skipstone", PROGRAM)
            result = subprocess.run(words, cwd=self.folder, capture_output=True, text=True, timeout=120)
            self.assertEqual(result.returncode, 0, f"{line}: {result}")
            if " networks " in line:
                self.assertRegex(result.stdout, r"4 blocks, 2 of them droppable")
        trace = Trace(self.path("four.h5"))
        self.assertEqual(len(trace.devices), 4)
        self.assertEqual(len(trace.blocks), 4)
        self.assertTrue((trace.requests["status"] == trace.requests["status"][0]).all())


if __name__ == "__main__":
    unittest.main()
