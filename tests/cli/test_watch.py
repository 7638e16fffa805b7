#!/usr/bin/env python3
"""`skipstone watch` beside runs that go on, end, are interrupted and are killed."""

import fcntl
import os
import pathlib
import pty
import re
import select
import signal
import struct
import subprocess
import termios
import time
import unittest

from support import DONE, ENVIRONMENT, OVERRUN, PROGRAM, REJECTED, WAIT, ProgramTest, Trace, h5py, numpy, read_line, where

WALL = {"emulation.clock": "wall", "emulation.dilation": 0.25, "rounds.count": 8}
LONG = {"emulation.kernels": True, "rounds.count": 1_000_000}
LIMIT_S = 60


class Watch(ProgramTest):
    def start_run(self, changes, **options):
        """A run whose trace is there."""
        process = self.start("run", self.scenario(changes), "-o", "t.h5", **options)
        end = time.monotonic() + LIMIT_S
        while not pathlib.Path(self.path("t.h5")).exists():
            self.assertIsNone(process.poll(), "ended early")
            self.assertLess(time.monotonic(), end)
            time.sleep(0.01)
        return process

    def assert_lines_tell(self, lines, trace):
        """A line for each round, with what the trace says of it."""
        self.assertEqual(len(lines), len(trace.rounds))
        for line, row in zip(lines, trace.rounds):
            requests = where(trace.requests, round=row["round"])
            done = where(requests, status=DONE)
            self.assertIn(f"round {row['round']}  admitted {row['admitted']}/{row['requests']}", line)
            if len(done):
                self.assertIn(f"latency {done['latency_s'].mean():.3f} s  accuracy {100 * done['accuracy'].mean():.2f} %", line)
            left = where(trace.battery, round=row["round"])["remaining_j"]
            share = (left / trace.devices["battery_j"]).min()
            self.assertIn(f"lowest battery {100 * share:.1f} % (", line)
            late = sum(e["flags"] & OVERRUN != 0 for e in where(trace.events, round=row["round"]))
            self.assertEqual(f"late events {late}" in line, late > 0)

    @staticmethod
    def status_of(trace):
        """Of watching a finished run in real time: this host may have been too slow for it."""
        return 4 if 100 * ((trace.events["flags"] & OVERRUN) != 0).sum() > (trace.events["kind"] != WAIT).sum() else 0

    def test_a_run_that_cannot_be_trusted_is_called_so(self):
        self.skipstone("run", self.scenario(WALL | {"emulation.dilation": 0.0005, "emulation.kernels": True}), "-o", "t.h5", ranks=5)
        result = self.skipstone("watch", "t.h5", code=4)
        trace = Trace(self.path("t.h5"))
        late, events = (sum(rows) for rows in ((trace.events["flags"] & OVERRUN) != 0, trace.events["kind"] != WAIT))
        self.assertEqual(result.out.splitlines()[-1], f"NOT FAITHFUL, do not trust these times: {late} of {events} events late by more than 1 %")
        with h5py.File(self.path("t.h5"), "r+") as file:  # one in a hundred is still faithful
            rows = file["events"][:]
            rows["flags"] &= ~numpy.array(OVERRUN, rows["flags"].dtype)
            rows["flags"][numpy.flatnonzero(rows["kind"] != WAIT)[:events // 100]] |= OVERRUN
            file["events"][:] = rows
        self.assertNotIn("NOT FAITHFUL", self.skipstone("watch", "t.h5", code=0).out)

    def test_a_run_in_real_time(self):
        run = self.start_run(WALL, ranks=5)
        watch = self.start("watch", "t.h5")
        title, first = read_line(watch), read_line(watch)
        self.assertIsNone(run.poll(), "rounds are told while the run goes on")
        self.assertIn("resnet20-cifar, 4 devices, planner greedy, wall clock, an emulated second takes 0.250 s", title)
        watched, result = self.wait(watch), self.wait(run)
        trace = Trace(self.path("t.h5"))
        self.assertEqual((watched.code, result.code), (self.status_of(trace), 0), f"{watched} {result}")
        *lines, last = [line for line in watched.out.splitlines() if not line.startswith("NOT FAITHFUL")]
        self.assert_lines_tell([first, *lines], trace)
        self.assertTrue(first.startswith("[1/8] round 0 "), first)
        done, rejected = (sum(trace.requests["status"] == s) for s in (DONE, REJECTED))
        self.assertEqual(last, f"finished after 8 of 8 rounds: {done} requests done, {rejected} rejected")

    def test_a_killed_run_is_gone(self):
        run = self.start_run(LONG)
        watch = self.start("watch", "t.h5")
        for _ in range(3):
            read_line(watch)
        run.kill()
        killed = time.monotonic()
        result = self.wait(watch)
        self.assertEqual(result.code, 1, result)
        self.assertLess(time.monotonic() - killed, 10)
        rounds = len(Trace(self.path("t.h5")).rounds)
        self.assertIn(f"the run is gone after {rounds} of 1000000 rounds: no process writes the trace any more", result.out)
        again = self.skipstone("watch", "t.h5", code=1)
        self.assert_lines_tell(again.out.splitlines()[1:-1], Trace(self.path("t.h5")))

    def test_an_interrupted_run_says_so(self):
        run = self.start_run(LONG)
        watch = self.start("watch", "t.h5")
        read_line(watch)
        run.send_signal(signal.SIGINT)
        result = self.wait(watch)
        self.assertEqual(result.code, 1, result)
        self.assertRegex(result.out.splitlines()[-1], r"^interrupted after \d+ of 1000000 rounds")

    def test_a_run_that_is_silent_is_not_gone(self):
        run = self.start_run(LONG)
        run.send_signal(signal.SIGSTOP)
        watch = self.start("watch", "t.h5")
        time.sleep(1.5)
        self.assertIsNone(watch.poll(), "the process that writes is still there")
        run.send_signal(signal.SIGCONT)
        run.send_signal(signal.SIGINT)
        self.assertIn("interrupted after", self.wait(watch).out)

    def test_interrupting_the_watching_leaves_the_run_alone(self):
        run = self.start_run(LONG)
        for number, status in ((signal.SIGINT, 130), (signal.SIGTERM, 143)):
            watch = self.start("watch", "t.h5")
            read_line(watch)
            watch.send_signal(number)
            result = self.wait(watch)
            self.assertEqual(result.code, status, result)
            self.assertIn("no longer watching", result.out)
            self.assertIsNone(run.poll())

    def test_another_run_in_its_place(self):
        run = self.start_run(LONG)
        watch = self.start("watch", "t.h5")
        for _ in range(3):
            read_line(watch)
        run.send_signal(signal.SIGSTOP)
        time.sleep(1.1)  # the date of a trace counts seconds
        self.skipstone("run", self.scenario({"rounds.count": 2}), "-o", "u.h5")
        os.replace(self.path("u.h5"), self.path("t.h5"))
        result = self.wait(watch)
        self.assertEqual(result.code, 0, result)
        self.assertIn("another run has replaced this trace", result.out)
        self.assertTrue(result.out.splitlines()[-1].startswith("finished after 2 of 2 rounds"), result)

    def on_a_terminal(self, rows_columns=(24, 100), keys=b""):
        """Runs watch on a terminal, types `keys` once something is there; returns the exit status and all it wrote."""
        terminal, end = pty.openpty()
        fcntl.ioctl(end, termios.TIOCSWINSZ, struct.pack("HHHH", *rows_columns, 0, 0))
        process = subprocess.Popen(["setsid", "--ctty", "--wait", PROGRAM, "watch", "t.h5"], cwd=self.folder, stdin=end, stdout=end,
                                   stderr=end, env=ENVIRONMENT)
        self.addCleanup(lambda: process.poll() is None and process.kill())
        os.close(end)
        written, limit = b"", time.monotonic() + LIMIT_S
        while time.monotonic() < limit:
            if select.select([terminal], [], [], 0.2)[0]:
                try:
                    written += os.read(terminal, 65536)
                except OSError:  # the other end is closed
                    break
            if keys and b"emulated in" in written:
                os.write(terminal, keys)
                keys = b""
        os.close(terminal)
        return process.wait(LIMIT_S), written.decode()

    @staticmethod
    def screen(written):
        """The lines that stand on the terminal in the end."""
        lines, at = [""], 0
        for part in re.split(r"(\x1b\[\d*[A-Z]|\r|\n)", written):
            if part == "\n":
                at += 1
                if at == len(lines):
                    lines.append("")
            elif (up := re.fullmatch(r"\x1b\[(\d+)A", part)):
                at -= int(up[1])
            elif part == "\x1b[J":
                lines[at:] = [""]
            elif part not in ("\r", ""):
                lines[at] += part
        return [line for line in lines if line]

    def test_a_terminal_shows_the_state_in_place(self):
        run = self.start_run(WALL, ranks=5)
        code, written = self.on_a_terminal()
        self.wait(run)
        self.assertGreater(written.count("\x1b[J"), 1, "it is drawn again and again")
        lines = self.screen(written)
        trace = Trace(self.path("t.h5"))
        self.assertEqual(code, self.status_of(trace), written)
        done = where(trace.requests, status=DONE)
        self.assertIn("[##############################] 8/8 rounds", lines)
        self.assertIn(f"requests: {len(done)} done, {len(trace.requests) - len(done)} rejected", lines)
        self.assertTrue(any(line.startswith(f"latency: mean {done['latency_s'].mean():.3f} s") for line in lines), lines)
        late = sum(e["flags"] & OVERRUN != 0 for e in trace.events)
        told = f"{late} late events of {sum(trace.events['kind'] != WAIT)}"
        self.assertTrue(any(line.startswith(told) for line in lines), lines)
        self.assertTrue(any("emulated in" in line and "rounds per second" in line for line in lines), lines)
        self.assertTrue(any(line.startswith("finished after 8 of 8 rounds") for line in lines[-2:]), lines)
        self.assertIn("about", written)
        self.assertLess(len(lines), 11, lines)

    def test_a_narrow_terminal_and_ctrl_c(self):
        run = self.start_run(LONG)
        code, written = self.on_a_terminal((24, 40), b"\x03")
        self.assertEqual(code, 130, written)
        lines = self.screen(written)
        drawn = [line for line in lines[1:] if "no longer watching" not in line]
        self.assertLess(max(map(len, drawn)), 40, "no line is longer than the terminal is wide")
        self.assertIn("no longer watching; the run goes on", lines[-1])
        self.assertIsNone(run.poll())

    def test_what_is_no_trace_is_refused(self):
        for path, said in ((self.write("text.h5", "no trace"), "it is text"), (self.path("none/t.h5"), "cannot be opened"),
                           (self.write("empty.h5", b""), "it is empty"), (str(self.folder), "is a folder")):
            result = self.skipstone("watch", path, code=2)
            self.assertIn(said, result.err)


if __name__ == "__main__":
    unittest.main()
