#!/usr/bin/env python3
"""Nothing that is read makes the program write outside the folder that it was given: no name, no label, no link that lies there."""

import json
import shutil
import unittest

from support import ProgramTest, h5py, numpy, scenario_text

NAMES = ["../x", "/x", "a/b", "..", "-rf", "n\nl", "n\0l", "x" * 300, "\x1b[31m", "=cmd|' /C calc'!A0", '"><script>alert(1)</script>']
DEVICE = {"profile": "khan2023-low", "mac_rate": "100 MMAC/s", "macs_per_round": "500 MMAC"}
SWEEP = 'format = "skipstone-sweep"\nversion = 1\nscenario = "s.toml"\nrepetitions = 2\n[set]\nrounds.count = 1\n'


class HostileNames(ProgramTest):
    def setUp(self):
        """The program works in inside/; all that is beside it must stay as it is."""
        super().setUp()
        self.outside = self.folder
        self.folder = self.folder / "inside"
        self.folder.mkdir()
        self.victim = self.outside / "victim"
        self.victim.write_text("mine")
        self.addCleanup(self.assert_nothing_outside)

    def assert_nothing_outside(self):
        self.assertEqual(sorted(p.name for p in self.outside.iterdir()), ["inside", "victim"])
        self.assertEqual(self.victim.read_text(), "mine")

    def outputs_of(self, trace):
        """All that is made of a trace, as far as it is not refused with status 2."""
        for words in (["analyze", trace], ["analyze", trace, "--html", "page.html", "--csv", "tables"],
                      ["export", trace, "--to", "csv", "-o", "csv/"], ["export", trace, "--to", "perfetto", "-o", "trace.json"]):
            result = self.skipstone(*words, code=None)
            self.assertIn(result.code, (0, 2), result)
            self.assertNotIn("\x1b", result.out + result.err)
        if (self.folder / "trace.json").exists():
            json.loads((self.folder / "trace.json").read_text())
            self.assertNotIn("<script>alert", (self.folder / "page.html").read_text())

    def test_names_of_devices(self):
        for name in NAMES:
            code = 2 if {"\0", "\n", "\x1b"} & set(name) or len(name) > 63 else 0
            with self.subTest(name=name[:20]):
                text = scenario_text({"fleet.devices": [DEVICE | {"name": "NAME"}], "rounds.count": 1}).replace('"NAME"', json.dumps(name))
                result = self.skipstone("run", self.write("s.toml", text), "-o", "t.h5", code=code)
                if code == 0:
                    self.outputs_of("t.h5")
                else:
                    self.assertIn("fleet.devices[0].name", result.err)

    def test_names_in_traces(self):
        self.skipstone("run", self.scenario({"rounds.count": 1}), "-o", "whole.h5")
        for name in NAMES:
            if len(name) > 63 or "\0" in name:
                continue
            with self.subTest(name=name):
                shutil.copy(self.path("whole.h5"), self.path("t.h5"))
                with h5py.File(self.path("t.h5"), "r+") as file:
                    for table in ("devices", "blocks"):
                        rows = file[table][:]
                        rows["name"][0] = name.encode()
                        file[table][...] = rows
                    for key, value in file["provenance"].attrs.items():
                        if isinstance(value, (bytes, numpy.bytes_, str)):
                            file["provenance"].attrs[key] = numpy.bytes_(name.encode())
                self.outputs_of("t.h5")

    def test_names_and_labels_of_points(self):
        self.write("s.toml", scenario_text())
        for name in NAMES:
            with self.subTest(name=name[:20]):
                sweep = self.write("w.toml", f"name = {json.dumps(name)}\n" + SWEEP)
                self.skipstone("sweep", "expand", sweep, "-o", "sweep", code=2)
                labelled = SWEEP + f'[[list]]\n"requests.count" = [{{label = {json.dumps(name)}, value = 2}}]\n'
                self.skipstone("sweep", "expand", self.write("w.toml", labelled), "-o", "sweep", code=None)

    def test_links_in_folders(self):
        self.skipstone("run", self.scenario({"rounds.count": 1}), "-o", "t.h5")
        for folder, name, words in (("csv", "events.csv", ["export", "t.h5", "--to", "csv", "-o", "csv/"]),
                                    ("tables", "summary.csv", ["analyze", "t.h5", "--csv", "tables"])):
            (self.folder / folder).mkdir()
            (self.folder / folder / name).symlink_to(self.victim)
            self.skipstone(*words)
            self.assertGreater((self.folder / folder / name).stat().st_size, 20)
            self.assertFalse((self.folder / folder / name).is_symlink())

    def test_links_in_a_sweep(self):
        self.write("s.toml", scenario_text())
        sweep = self.write("w.toml", SWEEP)
        self.skipstone("sweep", "run", sweep, "-o", "whole")
        for file in [p for p in (self.folder / "whole").rglob("*") if p.is_file()]:
            with self.subTest(file=file.name):
                link = self.folder / "sweep" / file.relative_to(self.folder / "whole")
                link.parent.mkdir(parents=True, exist_ok=True)
                link.symlink_to(self.victim)
                self.skipstone("sweep", "run", sweep, "-o", "sweep", code=None)
                shutil.rmtree(self.folder / "sweep")


if __name__ == "__main__":
    unittest.main()
