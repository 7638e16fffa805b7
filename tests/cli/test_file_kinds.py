#!/usr/bin/env python3
"""A file of another kind is called what it is, with what takes it; what comes through a pipe is read once."""

import pathlib
import shutil
import subprocess
import unittest

from support import PROGRAM, ROOT, ProgramTest, cifar_batch, h5py, png, scenario_text, write_weights

SWEEP = 'format = "skipstone-sweep"\nversion = 1\nscenario = "s.toml"\n'
CALIBRATION = 'format = "skipstone-calibration"\nversion = 1\nnetwork = "resnet20-cifar"\ninput = 32\n[ranges]\nx = 1.0\n'


class Kinds(ProgramTest):
    def setUp(self):
        super().setUp()
        self.write("s.toml", scenario_text())
        self.write("sw.toml", SWEEP)
        for section, name in (("networks", "resnet20-cifar"), ("devices", "khan2023-low"), ("links", "khan2023"), ("faults", "survival-poor"),
                              ("accuracy", "resnet20-cifar-published")):
            shutil.copy(ROOT / f"profiles/{section}/{name}.toml", self.path(f"{section}.toml"))
        self.write("c.toml", CALIBRATION)
        self.write("powers.toml", '[powers]\n"low*" = {idle = "1 W"}\n')
        self.skipstone("plan", "s.toml", "--dump-instance", "i.json")
        self.write("plans.json", self.skipstone("plan", "s.toml", "--json", "--planner", "greedy,exact").out)
        self.write("plan.json", self.skipstone("plan", "s.toml", "--json").out)
        self.write("study.json", '{"format": "skipstone-study", "version": 1}')
        self.write("host.json", '{"format": "skipstone-host-profile", "version": 1}')
        self.write("t.toml.journal", "skipstone-study-journal 1\n")
        self.skipstone("run", "s.toml", "-o", "t.h5")
        write_weights(self.path("w.h5"))
        with h5py.File(self.path("table.h5"), "w") as file:
            file.attrs["format"] = "skipstone-sweep-table"
        with h5py.File(self.path("d.h5"), "w") as file:
            file["inputs"] = [[1.0]]
        with h5py.File(self.path("o.h5"), "w") as file:
            file.attrs["format"] = "skipstone-outputs"
        self.write("l.csv", '"from", to,rate_mbit_s\nlow-0,big,5\n')
        self.write("table.csv", "index,id,name,seed\n0,1,x,1\n")
        self.write("p.png", png())
        self.write("b.bin", cifar_batch([1]))
        self.write("m.pt", b"PK\x03\x04rest")
        self.write("m.th", b"\x80\x02}q\x00.")
        self.write("m.safetensors", (40).to_bytes(8, "little") + b'{"x": {}}' + b" " * 31)
        self.write("m.onnx", b"\x08\x07\x12\x04test")
        self.write("page.html", "<!DOCTYPE html>\n<html></html>\n")
        (self.folder / "folder").mkdir()

    KINDS = {
        "s.toml": "a scenario (`skipstone run s.toml`", "sw.toml": "a sweep (`skipstone sweep run sw.toml`", "networks.toml": "a network profile",
        "devices.toml": "a device profile", "links.toml": "a link profile", "faults.toml": "a fault profile", "accuracy.toml": "an accuracy table",
        "c.toml": "a calibration", "powers.toml": "a table of powers", "l.csv": "a table of links", "i.json": "an instance (`skipstone plan --instance i.json`",
        "plans.json": "a plan, as", "plan.json": "a plan, as", "study.json": "a study's JSON (`analysis/plot_study.py", "host.json": "a host profile",
        "t.toml.journal": "a journal of an unfinished study", "t.h5": "a trace (`skipstone analyze t.h5`",
        "w.h5": "a weights file (`skipstone run SCENARIO --weights w.h5`", "table.h5": "a table that `skipstone sweep collect` wrote",
        "table.csv": "a table that", "d.h5": "a data set (`skipstone infer --data d.h5`", "o.h5": "a file of outputs that `skipstone infer` wrote",
        "p.png": "a picture", "b.bin": "a CIFAR-10 batch", "m.pt": "a file of PyTorch (`analysis/convert_weights.py m.pt",
        "m.th": "a file of PyTorch", "m.safetensors": "a safetensors file", "m.onnx": "a model in ONNX (`skipstone import m.onnx", "page.html": "a page for a browser", "folder": "a folder"}

    TAKERS = [
        (["run", "{}"], ("s.toml",)), (["plan", "{}"], ("s.toml",)), (["plan", "--instance", "{}"], ("i.json",)),
        (["run", "s.toml", "--print-config", "--weights", "{}"], ("w.h5", "m.onnx")),
        (["run", "s.toml", "-o", "new.h5", "--images", "{}"], ("p.png", "b.bin", "folder", "d.h5")),
        (["sweep", "expand", "--no-estimate", "{}"], ("sw.toml",)), (["analyze", "{}"], ("t.h5",)), (["watch", "{}"], ("t.h5",)),
        (["export", "--to", "csv", "-o", "tables", "{}"], ("t.h5",)), (["check", "--digest", "{}"], ("t.h5",)),
        (["analyze", "t.h5", "--power", "./{}"], ("devices.toml", "powers.toml")),
        (["study", "--data", "b.bin", "-o", "x.toml", "--drops", "none", "--weights", "{}"], ("w.h5", "m.onnx")),
        (["study", "--weights", "w.h5", "-o", "x.toml", "--drops", "none", "--data", "{}"], ("b.bin", "p.png", "folder", "d.h5")),
        (["infer", "--data", "b.bin", "-o", "new.h5", "--weights", "{}"], ("w.h5", "m.onnx")),
        (["infer", "--weights", "w.h5", "-o", "new.h5", "--data", "{}"], ("b.bin", "p.png", "folder", "d.h5")),
        (["study", "--weights", "w.h5", "--data", "b.bin", "-o", "x.toml", "--drops", "./{}"], ("accuracy.toml",)),
        (["calibrate", "--data", "b.bin", "-o", "x.toml", "--count", "1", "--weights", "{}"], ("w.h5", "m.onnx")),
        (["bench", "--no-keep", "--passes", "1", "--network", "./{}"], ("networks.toml", "w.h5", "m.onnx")),
        (["run", "s.toml", "--print-config", "--set", "accuracy.table=./{}"], ("accuracy.toml",)),
        (["run", "s.toml", "--print-config", "--set", "network.profile=./{}"], ("networks.toml",)),
        (["run", "s.toml", "--print-config", "--set", "links.profile=./{}"], ("links.toml",)),
        (["run", "s.toml", "--print-config", "--set", "links.file=./{}"], ("l.csv",)),
        (["run", "s.toml", "--print-config", "--set", "faults.profile=./{}"], ("faults.toml",)),
        (["run", "s.toml", "--print-config", "--set", "fleet.devices[0].profile=./{}"], ("devices.toml",)),
        (["run", "s.toml", "--print-config", "--set", "network.precision=int8", "--set", "network.calibration=./{}"], ("c.toml",))]

    def test_every_kind_is_called_what_it_is_by_every_command(self):
        for words, right in self.TAKERS:
            for name, said in self.KINDS.items():
                if name in right:
                    continue
                with self.subTest(command=" ".join(words), file=name):
                    result = self.skipstone(*(word.replace("{}", name) for word in words), code=2)
                    noun, _, taker = said.partition(" (`")
                    self.assertIn("is a folder" if name == "folder" else f"is {noun}", result.err)
                    self.assertIn(taker.split(name)[0].rstrip("`"), result.err)

    def test_a_sweep_of_what_is_no_scenario_is_told(self):
        for name, said in self.KINDS.items():
            if name in ("s.toml", "folder"):
                continue
            with self.subTest(file=name):
                self.write("other.toml", SWEEP.replace("s.toml", name))
                self.assertIn(f"is {said.partition(' (`')[0]}", self.skipstone("sweep", "expand", "--no-estimate", "other.toml", code=2).err)

    def test_a_slip_does_not_make_another_kind(self):
        for old, new in (("[links]", "[lonks]"), ("seed = 7", "sed = 7"), ("[objective]", "[objectiv]")):
            err = self.skipstone("run", self.write("x.toml", scenario_text().replace(old, new)), code=2).err
            self.assertIn("unknown key", err)
            self.assertNotIn("is needed", err)

    def test_an_empty_file_is_called_that(self):
        self.write("empty.toml", "\n")
        for words in (["run", "empty.toml"], ["plan", "empty.toml"], ["sweep", "expand", "empty.toml"], ["bench", "--network", "empty.toml"]):
            self.assertIn("is an empty file; here a", self.skipstone(*words, code=2).err)


class Pipes(ProgramTest):
    def piped(self, text, *words, code=0):
        result = subprocess.run([PROGRAM, *words], cwd=self.folder, input=text if isinstance(text, bytes) else text.encode(), capture_output=True, timeout=60)
        self.assertEqual(result.returncode, code, result)
        return result.stdout.decode() + result.stderr.decode()

    def test_every_text_is_read_once(self):
        scenario = scenario_text()
        self.write("s.toml", scenario)
        self.assertIn("right (scenario)", self.piped(scenario, "check", "/dev/stdin"))
        self.piped(scenario, "run", "/dev/stdin", "-o", "t.h5")
        self.skipstone("run", "s.toml", "-o", "u.h5")
        self.assertEqual(self.digest("t.h5"), self.digest("u.h5"))
        self.piped(scenario, "plan", "/dev/stdin", "--dump-instance", "i.json")
        instance = (self.folder / "i.json").read_bytes()
        self.assertIn("1 request" if b'"requests": 1,' in instance else "requests", self.piped(instance, "plan", "--instance", "/dev/stdin"))
        self.assertIn("right (instance)", self.piped(instance, "check", "/dev/stdin"))
        self.assertIn("right (sweep)", self.piped(SWEEP, "check", "/dev/stdin"))
        self.assertIn("1 point", self.piped(SWEEP, "sweep", "expand", "/dev/stdin", "--folder", "f", "--no-estimate"))
        table = (ROOT / "profiles/accuracy/resnet20-cifar-published.toml").read_bytes()
        self.assertIn("right (accuracy table)", self.piped(table, "check", "/dev/stdin"))
        self.piped(table, "run", "s.toml", "--print-config", "--set", "accuracy.table=/dev/stdin")
        device = (ROOT / "profiles/devices/khan2023-low.toml").read_bytes()
        self.piped(device, "analyze", "t.h5", "--power", "/dev/stdin")

    def test_process_substitution(self):
        self.write("s.toml", scenario_text())
        for words in ("check <(cat s.toml)", "run <(cat s.toml) -o t.h5", "check <(cat s.toml) <(cat s.toml)"):
            result = subprocess.run(["bash", "-c", f"{PROGRAM} {words}"], cwd=self.folder, capture_output=True, text=True, timeout=60)
            self.assertEqual(result.returncode, 0, result)

    def test_launched_ranks_get_what_came_through_a_pipe(self):
        self.write("s.toml", scenario_text({"rounds.count": 1}))
        self.piped(scenario_text({"rounds.count": 1}), "run", "/dev/stdin", "--launch", "-o", "t.h5")
        self.skipstone("run", "s.toml", "-o", "u.h5")
        self.assertEqual(self.digest("t.h5"), self.digest("u.h5"))

    def test_hdf5_through_a_pipe_is_refused_clearly(self):
        self.skipstone("run", self.scenario(), "-o", "t.h5")
        trace = (self.folder / "t.h5").read_bytes()
        for words in (["check"], ["analyze"], ["watch"], ["export", "--to", "csv", "-o", "tables"]):
            self.assertRegex(self.piped(trace, *words, "/dev/stdin", code=2), "through a pipe|is not a regular file")


if __name__ == "__main__":
    unittest.main()
