#!/usr/bin/env python3
"""Beside four processes that only burn time, on two cores: a run on the wall clock flags every late event and says that it is not to be
trusted; the virtual clock does not notice."""

import os
import pathlib
import re
import signal
import subprocess
import sys
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "cli"))
from support import OVERRUN, ProgramTest, Trace, lateness  # noqa: E402

HOGS = 4
TWO_CORES = sorted(os.sched_getaffinity(0))[:2]
FAST = {"profile": "khan2023-low", "name": "fast", "count": 2, "mac_rate": "2 GMAC/s", "macs_per_round": "60 MMAC"}
WALL = {"emulation.clock": "wall", "emulation.dilation": 1.0, "emulation.kernels": True, "rounds.count": 10,
        "fleet.devices": [FAST]}
VIRTUAL = {"emulation.kernels": True, "rounds.count": 10}


def stay_on_two_cores():
    os.sched_setaffinity(0, TWO_CORES)


class UnderLoad(ProgramTest):
    def start_hogs(self):
        for _ in range(HOGS):  # each in a session of its own: schedulers that are fair to sessions are unfair to the run
            hog = subprocess.Popen([sys.executable, "-c", "while True: pass"], start_new_session=True, preexec_fn=stay_on_two_cores)
            self.addCleanup(hog.wait)
            self.addCleanup(hog.send_signal, signal.SIGKILL)

    def test_the_wall_clock_says_what_was_late(self):
        self.start_hogs()
        output = self.path("t.h5")
        result = self.skipstone("run", self.scenario(WALL), "-o", output, "--strict", ranks=3, code=None, preexec_fn=stay_on_two_cores)
        trace = Trace(output)
        self.assertEqual((trace.attributes["ended"], len(trace.rounds)), ("finished", 10))
        late, events = lateness(trace)
        expected = ~(late <= 0.01)
        self.assertEqual(list((events["flags"] & OVERRUN) != 0), list(expected))
        said = re.search(r"fidelity: (\d+) of (\d+) events late", result.out)
        self.assertEqual([int(number) for number in said.groups()], [expected.sum(), len(events)])
        # How much is late is the machine's affair; what is said of it is not.
        unfaithful = bool(expected.mean() > 0.01)
        self.assertEqual(result.code, 4 if unfaithful else 0)
        self.assertEqual("NOT FAITHFUL, do not trust these times" in result.out, unfaithful)
        self.assertEqual("NOT FAITHFUL" in self.skipstone("analyze", output).out, unfaithful)
        self.skipstone("check", output)  # computes the flags, too

    def test_the_virtual_clock_does_not_notice(self):
        scenario = self.scenario(VIRTUAL)
        digests = []
        for name in ("alone.h5", "loaded.h5"):
            self.skipstone("run", scenario, "-o", name, preexec_fn=stay_on_two_cores)
            digests.append(self.digest(name))
            self.start_hogs()
        self.assertEqual(digests[0], digests[1])


if __name__ == "__main__":
    unittest.main()
