#!/usr/bin/env python3
"""No output replaces what the same command reads, a trace that is being written, or a finished one that was not meant."""

import os
import pathlib
import shutil
import signal
import subprocess
import sys
import time
import unittest

from support import PROGRAM, ROOT, ProgramTest, cifar_batch, h5py, png, scenario_text, write_weights

sys.path.insert(0, str(ROOT / "analysis"))

import output_file  # noqa: E402

CALIBRATION = 'format = "skipstone-calibration"\nversion = 1\nnetwork = "resnet20-cifar"\ninput = 32\n[ranges]\nx = 1.0\n'


class InputsAreKept(ProgramTest):
    def assert_kept(self, victim, *words, **options):
        """The command is refused, names an input, and leaves the victim and the folder as they were."""
        before, names = pathlib.Path(victim).read_bytes(), sorted(os.listdir(self.folder))
        result = self.skipstone(*words, code=2, **options)
        self.assertIn("input of this very command", result.err)
        self.assertEqual(pathlib.Path(victim).read_bytes(), before)
        self.assertEqual(sorted(os.listdir(self.folder)), names)

    def test_a_run_keeps_its_scenario_under_every_name(self):
        scenario = self.write("s.toml", scenario_text())
        os.symlink("s.toml", self.path("soft"))
        os.link(scenario, self.path("hard"))
        (self.folder / "sub").mkdir()
        for output in ("s.toml", "./s.toml", "sub/../s.toml", scenario, "soft", "hard"):
            with self.subTest(output=output):
                self.assert_kept(scenario, "run", "s.toml", "-o", output, "--force")
                self.assert_kept(scenario, "run", "soft", "-o", output, "--force")
                self.assert_kept(scenario, "plan", "s.toml", "--dump-instance", output)

    def test_a_run_keeps_what_its_scenario_names(self):
        weights = write_weights(self.path("w.h5"))
        shutil.copy(ROOT / "profiles/accuracy/resnet20-cifar-published.toml", self.path("accuracy.toml"))
        for section, name in (("networks", "resnet20-cifar"), ("devices", "khan2023-low"), ("links", "khan2023"), ("faults", "survival-poor")):
            shutil.copy(ROOT / f"profiles/{section}/{name}.toml", self.path(f"{section}.toml"))
        scenario = self.write("s.toml", scenario_text({
            "network.profile": "networks.toml", "network.weights": "w.h5", "accuracy.table": "accuracy.toml",
            "fleet.devices": [{"profile": "devices.toml", "count": 4}], "links": None, "links.profile": "links.toml",
            "faults.profile": "faults.toml"}).replace("[links]\nmin", "[links]\n#min"))
        text = pathlib.Path(scenario).read_text()
        for line in ("min =", "max ="):
            text = "\n".join(part for part in text.split("\n") if not part.startswith(line))
        pathlib.Path(scenario).write_text(text)
        self.skipstone("run", scenario, "-o", "fine.h5", "--rounds", "1")
        for name in ("w.h5", "accuracy.toml", "networks.toml", "devices.toml", "links.toml", "faults.toml"):
            with self.subTest(name=name):
                self.assert_kept(self.path(name), "run", scenario, "-o", name, "--force")
                self.assert_kept(self.path(name), "plan", scenario, "--dump-instance", name)
        self.assert_kept(weights, "run", scenario, "-o", "w.h5", "--force", ranks=2)

    def test_a_run_keeps_its_images(self):
        scenario = self.scenario()
        batch = self.write("batch.bin", cifar_batch([1, 2]))
        self.assert_kept(batch, "run", scenario, "--images", batch, "-o", batch, "--force")
        pictures = self.folder / "pictures"
        pictures.mkdir()
        (pictures / "a.png").write_bytes(png())
        self.assert_kept(pictures / "a.png", "run", scenario, "--images", "pictures", "-o", "pictures/a.png", "--force")

    def test_a_study_and_a_calibration_keep_what_they_read(self):
        weights = write_weights(self.path("w.toml"))
        images = self.write("images.bin", cifar_batch([0, 1]))
        os.link(images, self.path("c.json"))
        self.assert_kept(weights, "study", "--weights", weights, "--data", images, "-o", "w.toml", "--drops", "none")
        self.assert_kept(images, "study", "--weights", weights, "--data", images, "-o", "c.toml", "--drops", "none")
        self.assert_kept(weights, "calibrate", "--weights", weights, "--data", images, "-o", "w.toml", "--count", "1")

    def test_a_study_does_not_empty_what_is_no_journal(self):
        weights = write_weights(self.path("w.h5"))
        images = self.write("images.bin", cifar_batch([0, 1]))
        notes = self.write("t.toml.journal", "my notes\n")
        result = self.skipstone("study", "--weights", weights, "--data", images, "-o", "t.toml", "--restart", "--drops", "none", code=2)
        self.assertIn("is no journal", result.err)
        self.assertEqual(pathlib.Path(notes).read_text(), "my notes\n")

    def test_analyses_and_exports_keep_the_trace(self):
        self.skipstone("run", self.scenario(), "-o", "t.h5")
        os.link(self.path("t.h5"), self.path("other"))
        (self.folder / "tables").mkdir()
        os.link(self.path("t.h5"), self.path("tables/events.csv"))
        trace = self.path("t.h5")
        self.assert_kept(trace, "analyze", "t.h5", "--html", "t.h5")
        self.assert_kept(trace, "analyze", "t.h5", "--html", "other")
        self.assert_kept(trace, "export", "t.h5", "--to", "perfetto", "-o", "other")
        self.assert_kept(trace, "export", "t.h5", "--to", "csv", "-o", "tables/")
        self.assert_kept(trace, "export", "tables/events.csv", "--to", "csv", "-o", "tables")

    def test_standard_output_into_an_input_is_refused(self):
        self.skipstone("run", self.scenario(), "-o", "t.h5")
        before = (self.folder / "t.h5").read_bytes()
        for words in (["analyze", "t.h5", "--json"], ["watch", "t.h5"], ["analyze", "t.h5"]):
            with open(self.path("t.h5"), "ab") as stream:
                result = subprocess.run([PROGRAM, *words], cwd=self.folder, stdout=stream, stderr=subprocess.PIPE, text=True, timeout=60)
            self.assertEqual(result.returncode, 2, result.stderr)
            self.assertIn("standard output", result.stderr)
        self.assertEqual((self.folder / "t.h5").read_bytes(), before)

    def test_a_sweep_keeps_what_it_reads(self):
        self.write("s.toml", scenario_text({"rounds.count": 1}))
        weights = write_weights(self.path("w.h5"))
        sweep = self.write("sw.toml", 'format = "skipstone-sweep"\nversion = 1\nscenario = "s.toml"\n[set]\nnetwork.weights = "w.h5"\n')
        self.skipstone("sweep", "run", sweep, "-o", "folder")
        for name, victim in (("w", "w.h5"), ("./w", "w.h5")):
            self.assert_kept(self.path(victim), "sweep", "collect", sweep, "--folder", "folder", "-o", name)
        self.assert_kept(weights, "sweep", "expand", sweep, "--folder", "folder", "-o", "w.h5")
        self.assert_kept(sweep, "sweep", "expand", sweep, "--folder", "folder", "-o", "sw.toml")

    def test_built_in_profiles_are_kept(self):
        copy = self.folder / "installed"
        shutil.copytree(ROOT / "profiles", copy / "share/skipstone/profiles")
        (copy / "bin").mkdir()
        shutil.copy(PROGRAM, copy / "bin/skipstone")
        program = [str(copy / "bin/skipstone")]
        victim = copy / "share/skipstone/profiles/scenarios/khan2023-tight.toml"
        before = victim.read_bytes()
        result = self.skipstone("run", self.scenario(), "-o", victim, "--force", code=2, program=program)
        self.assertIn("built-in profiles", result.err)
        result = self.skipstone("plan", self.scenario(), "--dump-instance", victim, code=2, program=program)
        self.assertIn("built-in profiles", result.err)
        self.assertEqual(victim.read_bytes(), before)

    def test_closed_streams_are_not_where_the_trace_goes(self):
        scenario = self.scenario()
        self.skipstone("run", scenario, "-o", "whole.h5")
        for closed in (">&-", "2>&-", "<&-", ">&- 2>&-", "<&- >&- 2>&-"):
            with self.subTest(closed=closed):
                command = f"exec {PROGRAM} run {scenario} -o t.h5 {closed}"
                self.assertEqual(subprocess.run(["sh", "-c", command], cwd=self.folder, timeout=60).returncode, 0)
                self.assertIn("right", self.skipstone("check", "t.h5").out)
                self.assertEqual(self.digest("t.h5"), self.digest("whole.h5"))

    def test_output_that_finds_no_room_is_told(self):
        if not pathlib.Path("/dev/full").exists():
            self.skipTest("skipped: there is no /dev/full")
        scenario = self.scenario()
        self.skipstone("run", scenario, "-o", "t.h5")
        for words in (["run", scenario, "--print-config"], ["plan", scenario, "--json"], ["check", "--digest", "t.h5"], ["analyze", "t.h5"], ["--help"]):
            with self.subTest(words=words), open("/dev/full", "w") as full:
                result = subprocess.run([PROGRAM, *words], cwd=self.folder, stdout=full, stderr=subprocess.PIPE, text=True, timeout=60)
                self.assertEqual(result.returncode, 1, result)
                self.assertIn("not all could be written", result.stderr)


class TracesAreKept(ProgramTest):
    LONG = {"emulation.clock": "wall", "rounds.count": 1000, "emulation.dilation": 1}

    def start_long_run(self):
        process = self.start("run", self.scenario(self.LONG), "-o", "t.h5", ranks=5)
        self.wait_for_rounds(self.path("t.h5"), 1, process)
        return process

    def test_a_trace_that_is_being_written_is_refused(self):
        first = self.start_long_run()
        for output in ("t.h5", "./t.h5"):
            for ranks in (None, 2):
                result = self.skipstone("run", self.scenario(), "-o", output, "--force", code=2, ranks=ranks)
                self.assertIn("a run is writing this trace now", result.err)
        os.symlink("t.h5", self.path("link.h5"))
        before = os.stat(self.path("t.h5")).st_ino
        sweep = self.write("sw.toml", f'format = "skipstone-sweep"\nversion = 1\nscenario = "{self.scenario()}"\n')
        for output in ("t.h5", "link.h5"):
            for words in (["plan", self.scenario(), "--dump-instance", output], ["sweep", "expand", sweep, "--no-estimate", "-o", output]):
                self.assertIn("a run is writing this trace now", self.skipstone(*words, code=2).err)
        self.assertIn("a run is writing this trace now", output_file.problem(self.path("link.h5")))
        self.assertEqual(os.stat(self.path("t.h5")).st_ino, before)
        self.wait_for_rounds(self.path("t.h5"), 3, first)
        os.killpg(first.pid, signal.SIGKILL)
        self.wait(first)
        for _ in range(100):  # until the last rank is gone; then what is left is nobody's
            if self.skipstone("run", self.scenario(), "-o", "t.h5", code=None).code == 0:
                return
            time.sleep(0.1)
        self.fail("a trace of killed ranks is not replaced")

    def test_a_trace_that_was_removed_meanwhile_is_no_success(self):
        run = self.start("run", self.scenario({"rounds.count": 1000000}), "-o", "t.h5")
        self.wait_for_rounds(self.path("t.h5"), 1, run)
        os.unlink(self.path("t.h5"))
        run.send_signal(signal.SIGINT)
        result = self.wait(run)
        self.assertEqual(result.code, 1)
        self.assertIn("t.h5: is not there any more", result.err)

    def test_of_many_runs_at_once_one_writes_the_trace(self):
        scenario = self.scenario({"rounds.count": 200})
        runs = [self.start("run", scenario, "-o", "t.h5") for _ in range(6)]
        codes = [self.wait(run).code for run in runs]
        self.assertIn(0, codes)
        self.assertEqual(set(codes) - {0, 2}, set())
        self.assertIn("right", self.skipstone("check", "t.h5").out)
        self.assertEqual([p.name for p in self.folder.iterdir() if p.suffix != ".toml"], ["t.h5"])

    def test_the_default_name_tells_planner_and_clock_and_is_written_once(self):
        scenario = self.write("mine.toml", scenario_text())
        self.skipstone("run", scenario)
        self.skipstone("run", scenario, "--planner", "single-device")
        digest = self.digest("mine-greedy-virtual.h5")
        self.assertNotEqual(self.digest("mine-single-device-virtual.h5"), digest)
        result = self.skipstone("run", scenario, "--seed", "99", code=2)
        self.assertIn("mine-greedy-virtual.h5: is there already: the finished trace of 3 rounds", result.err)
        self.assertIn("--force", result.err)
        self.assertEqual(self.digest("mine-greedy-virtual.h5"), digest)
        self.skipstone("run", scenario, "--seed", "99", "--force")
        self.assertNotEqual(self.digest("mine-greedy-virtual.h5"), digest)

    def test_a_long_run_is_not_lost_by_a_repeated_command(self):
        scenario = self.scenario()
        self.skipstone("run", scenario, "-o", "t.h5")
        with h5py.File(self.path("t.h5"), "r+") as file:
            rounds = file["rounds"][:]
            rounds["host_end_s"][-1] = 7200
            file["rounds"][...] = rounds
        self.assertIn("took 120 minutes", self.skipstone("run", scenario, "-o", "t.h5", code=2).err)
        self.skipstone("run", scenario, "-o", "t.h5", "--force")
        self.skipstone("run", scenario, "-o", "t.h5")

    def test_what_is_no_trace_is_not_replaced(self):
        thesis = self.write("thesis.tex", "years of work")
        weights = write_weights(self.path("w.h5"))
        for name, victim in (("thesis.tex", thesis), ("w.h5", weights)):
            before = pathlib.Path(victim).read_bytes()
            self.assertIn("is no trace", self.skipstone("run", self.scenario(), "-o", name, code=2).err)
            self.assertEqual(pathlib.Path(victim).read_bytes(), before)
        self.skipstone("run", self.scenario(), "-o", "thesis.tex", "--force")
        self.write("empty.h5", "")
        self.skipstone("run", self.scenario(), "-o", "empty.h5")


if __name__ == "__main__":
    unittest.main()
