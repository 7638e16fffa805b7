#!/usr/bin/env python3
"""A run that is interrupted or killed leaves a trace that holds every finished round, and nothing else behind."""

import os
import pathlib
import re
import signal
import sys
import time
import unittest

from support import COMPUTE, OPEN_MPI, PROGRAM, ProgramTest, Trace, h5py

LONG = {"emulation.kernels": True, "rounds.count": 1_000_000}
SLOW = {"emulation.clock": "wall", "emulation.dilation": 2.0, "rounds.count": 1000, "requests.count": 1}
SOON_S = 2.0  # half a second is what is asked for; the rest is for busy machines


class Interrupted(ProgramTest):
    def interrupt(self, signal_number, changes, rounds, **options):
        """Starts a run, sends the signal after some rounds; returns the result and how long it took to end."""
        output = self.path("t.h5")
        pathlib.Path(output).unlink(missing_ok=True)  # an older one would seem to have the rounds already
        process = self.start("run", self.scenario(changes), "-o", output, **options)
        self.wait_for_rounds(output, rounds, process)
        begin = time.monotonic()
        process.send_signal(signal_number)
        result = self.wait(process, 30)
        return result, time.monotonic() - begin

    def assert_readable(self, ended, rounds):
        trace = Trace(self.path("t.h5"))
        self.assertEqual((trace.attributes["complete"], trace.attributes["ended"]), (0, ended))
        self.assertGreaterEqual(len(trace.rounds), rounds)
        self.assertEqual(list(trace.rounds["round"]), list(range(len(trace.rounds))))
        self.assertEqual(set(trace.requests["round"]), set(range(len(trace.rounds))))
        self.assertEqual(set(trace.kind(COMPUTE)["round"]), set(range(len(trace.rounds))))
        self.assertEqual(len(trace.battery), 4 * len(trace.rounds))
        self.assertEqual([p.name for p in self.folder.iterdir() if p.suffix != ".toml"], ["t.h5"])
        return trace

    @staticmethod
    def forgotten_memory():
        """Our segments of shared memory that no process has mapped: their owner has ended without removing them. Not counted: the page in
        which clang's OpenMP runtime registers itself, and leaves after anything but a return from main."""
        mapped = set()
        for maps in pathlib.Path("/proc").glob("[0-9]*/maps"):
            try:
                mapped |= {word for line in maps.read_text().splitlines() for word in line.split()[5:6] if word.startswith("/dev/shm/")}
            except OSError:
                pass
        found = set()
        for entry in pathlib.Path("/dev/shm").iterdir():
            try:
                if entry.name.startswith("__KMP_REGISTERED_LIB_"):
                    continue
                if entry.is_file() and entry.stat().st_uid == os.geteuid() and str(entry) not in mapped:
                    found.add(entry.name)
            except OSError:
                pass
        return found

    def test_interrupt_and_terminate(self):
        for number, status in ((signal.SIGINT, 130), (signal.SIGTERM, 143)):
            for changes in (LONG, LONG | {"emulation.kernels": False}):
                with self.subTest(signal=number, kernels=changes["emulation.kernels"]):
                    result, took = self.interrupt(number, changes, 5)
                    self.assertEqual(result.code, status, result)
                    self.assertLess(took, SOON_S)
                    trace = self.assert_readable("interrupted", 5)
                    self.assertIn(f"interrupted after {len(trace.rounds)} of 1000000 rounds", result.out)
                    self.assertIn("devices\n", result.out)

    def test_an_interrupted_trace_is_right_as_far_as_it_goes(self):
        self.interrupt(signal.SIGINT, LONG, 3)
        found = self.skipstone("check", self.path("t.h5"), code=None)
        self.assertLessEqual(len(found.err.splitlines()), 1, "nothing is wrong but that it is not complete")
        self.digest(self.path("t.h5"))

    def test_killed(self):
        result, _ = self.interrupt(signal.SIGKILL, LONG, 5)
        self.assertEqual(result.code, -signal.SIGKILL)
        self.assert_readable("running", 5)

    def test_terminating_the_launcher(self):
        for number in (signal.SIGTERM, signal.SIGINT):
            with self.subTest(signal=number):
                result, took = self.interrupt(number, SLOW, 1, ranks=5)
                if OPEN_MPI:  # MPICH's ends with 0 at times, though a rank ended with 130
                    self.assertNotEqual(result.code, 0)
                self.assertLess(took, 10)
                trace = Trace(self.path("t.h5"))
                self.assertEqual(trace.attributes["complete"], 0)
                self.assertIn(trace.attributes["ended"], ("interrupted", "running"))  # running: the launcher was quicker
                self.assert_readable(trace.attributes["ended"], 1)

    @unittest.skipUnless(OPEN_MPI, "MPICH's launcher ends with 0 at times, though a rank ended with 130")
    def test_launch_passes_a_signal_and_its_status_on(self):
        for number, status in ((signal.SIGINT, 130), (signal.SIGTERM, 143)):
            for whole_group in (False, True):  # Ctrl-C, and `timeout`, reach all processes of a group
                with self.subTest(signal=number, whole_group=whole_group):
                    output = self.path("t.h5")
                    pathlib.Path(output).unlink(missing_ok=True)
                    process = self.start("run", self.scenario(SLOW), "-o", output, "--launch")
                    self.wait_for_rounds(output, 1, process)
                    if whole_group:
                        os.killpg(process.pid, number)
                    process.send_signal(number)
                    result = self.wait(process, 30)
                    self.assertEqual(result.code, status, result)
                    self.assert_readable("interrupted", 1)
                    self.assertIn("interrupted after", result.out)

    def test_launch_passes_the_status_of_its_ranks_on(self):
        self.skipstone("run", self.scenario(SLOW | {"rounds.count": 1, "emulation.dilation": 0.1}), "-o", "t.h5", "--launch")
        hurried = SLOW | {"rounds.count": 1, "requests.count": 3, "emulation.dilation": 0.0001, "emulation.kernels": True}
        self.skipstone("run", self.scenario(hurried), "-o", "t.h5", "--launch", "--strict", code=4)
        self.skipstone("run", self.scenario(SLOW), "-o", "nowhere/t.h5", "--launch", code=2)

    def test_launch_tells_when_a_rank_died(self):
        output = self.path("t.h5")
        scenario = self.scenario(SLOW)
        process = self.start("run", scenario, "-o", output, "--launch")
        self.wait_for_rounds(output, 1, process)
        executable = str(pathlib.Path(PROGRAM).resolve())
        ranks = sorted(pid for pid in self.ranks_of(scenario) if pid != process.pid and os.readlink(f"/proc/{pid}/exe") == executable)
        self.assertEqual(len(ranks), 5)
        self.remove_memory_of(ranks)
        os.kill(ranks[-1], signal.SIGKILL)
        self.assertEqual(self.wait(process, 30).code, 128 + signal.SIGKILL)

    def test_a_stopped_rank_0_is_told(self):
        output = self.path("t.h5")
        scenario = self.scenario(SLOW | {"rounds.count": 6, "emulation.dilation": 1.0})
        process = self.start("run", scenario, "-o", output, ranks=5)
        self.wait_for_rounds(output, 1, process)
        first, = (pid for pid in self.ranks_of(scenario) if pid != process.pid
                  and {b"OMPI_COMM_WORLD_RANK=0", b"PMI_RANK=0"} & set(pathlib.Path(f"/proc/{pid}/environ").read_bytes().split(b"\0")))
        os.kill(first, signal.SIGSTOP)
        time.sleep(2)
        os.kill(first, signal.SIGCONT)
        result = self.wait(process)
        self.assertEqual(result.code, 0, result)
        told = re.search(r"rank 0 stood still for (\d+\.\d) s", result.out)
        self.assertIsNotNone(told, result)
        self.assertGreaterEqual(float(told[1]), 1.5)
        self.assertAlmostEqual(Trace(output).attributes["stalled_s"], float(told[1]), delta=0.051)
        self.assertIn(told[0], self.skipstone("analyze", output).out)

    def test_a_killed_launch_leaves_no_rank_behind(self):
        output = self.path("t.h5")
        scenario = self.scenario(SLOW)
        process = self.start("run", scenario, "-o", output, "--launch")
        self.wait_for_rounds(output, 1, process)
        process.kill()
        self.wait(process)
        end = time.monotonic() + 10
        while left := self.ranks_of(scenario):
            self.assertLess(time.monotonic(), end, f"still there: {left}")
            time.sleep(0.1)
        self.assertEqual(Trace(output).attributes["ended"], "interrupted")

    def test_killing_the_launcher_leaves_the_trace_readable_and_no_rank_behind(self):
        output = self.path("t.h5")
        scenario = self.scenario(SLOW)
        process = self.start("run", scenario, "-o", output, ranks=5)
        self.wait_for_rounds(output, 1, process)
        self.remove_memory_of(self.ranks_of(scenario))
        process.kill()
        self.wait(process)
        self.assertGreaterEqual(len(Trace(output).rounds), 1)
        end = time.monotonic() + 10
        while left := self.ranks_of(scenario):
            self.assertLess(time.monotonic(), end, f"still there: {left}")
            time.sleep(0.1)

    def remove_memory_of(self, ranks):
        """At the test's end: what MPI itself leaves behind when it is killed."""
        for rank in ranks:
            for line in pathlib.Path(f"/proc/{rank}/maps").read_text().splitlines():
                if (place := line.split()[-1]).startswith("/dev/shm/"):
                    self.addCleanup(pathlib.Path(place).unlink, missing_ok=True)

    @staticmethod
    def ranks_of(scenario):
        found = []
        for entry in pathlib.Path("/proc").iterdir():
            try:
                if entry.name.isdigit() and scenario.encode() in (entry / "cmdline").read_bytes():
                    found.append(int(entry.name))
            except OSError:
                pass
        return found

    def test_the_death_of_a_rank_ends_the_run(self):
        output = self.path("t.h5")
        scenario = self.scenario(SLOW)
        process = self.start("run", scenario, "-o", output, ranks=5)
        self.wait_for_rounds(output, 1, process)
        ranks = sorted(pid for pid in self.ranks_of(scenario) if pid != process.pid)
        self.assertEqual(len(ranks), 5)
        self.remove_memory_of(ranks)
        os.kill(ranks[-1], signal.SIGKILL)
        result = self.wait(process, 30)
        self.assertNotEqual(result.code, 0)
        self.assertEqual(Trace(output).attributes["complete"], 0)
        self.assertGreaterEqual(len(Trace(output).rounds), 1)

    def test_a_launcher_that_hangs_over_dead_ranks_is_ended(self):
        """As mpirun does when a rank is killed in MPI_Init (github.com/openpmix/openpmix, issue 1233). This one hangs always."""
        segment = pathlib.Path(f"/dev/shm/vader_segment.{os.getpid()}.{os.geteuid()}.abcdef.0")
        self.addCleanup(segment.unlink, missing_ok=True)
        segment.write_text("a rank's")
        launcher = self.write("launcher.py", f"""
import os, subprocess, time
session = {str(self.folder)!r} + "/pid." + str(os.getpid())
os.mkdir(session)
rank = subprocess.Popen([{PROGRAM!r}, "run", {self.scenario(LONG)!r}, "-o", "t.h5"], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    env={{**os.environ, "OMPI_COMM_WORLD_SIZE": "1", "OMPI_COMM_WORLD_LOCAL_RANK": "0", "OMPI_MCA_orte_jobfam_session_dir": session,
         "PMIX_NAMESPACE": str(0xabcdef)}})
while not os.path.exists("t.h5"):
    time.sleep(0.01)
rank.kill()
time.sleep(60)
""")
        begin = time.monotonic()
        result = self.wait(self.start(program=[sys.executable, launcher]), 30)
        self.assertEqual(result.code, -signal.SIGKILL, result)
        self.assertGreater(time.monotonic() - begin, 5)
        end = time.monotonic() + 5
        while segment.exists() or list(self.folder.glob("pid.*")):
            self.assertLess(time.monotonic(), end, "left behind")
            time.sleep(0.05)

    def test_nothing_stays_in_shared_memory(self):
        before = self.forgotten_memory()
        self.skipstone("run", self.scenario({"emulation.kernels": True}), "-o", "t.h5", ranks=3)
        self.interrupt(signal.SIGTERM, LONG, 3)
        self.interrupt(signal.SIGTERM, SLOW, 1, ranks=5)
        self.assertEqual(self.forgotten_memory() - before, set())


if __name__ == "__main__":
    unittest.main()
