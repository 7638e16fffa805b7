#!/usr/bin/env python3
"""What is printed for people: it fits the terminal, says everything once, and the same figure is the same in every command."""

import fcntl
import os
import pty
import re
import struct
import subprocess
import termios
import threading
import unicodedata
import unittest

from support import ENVIRONMENT, PROGRAM, ProgramTest, Trace, numpy, where

WIDTH = 80
LONG = "a-gateway-with-a-very-long-name-in-building-42-on-the-fifth-floor"
FLEET = [{"profile": "khan2023-low", "name": LONG[:50], "count": 5}, {"profile": "khan2023-high", "name": "門口のカメラ-" + LONG[:30], "count": 2}]
FAILING = {"faults.devices": {"mean_time_to_failure": "300 ms", "mean_time_to_repair": "100 ms"}, "faults.links":
           {"mean_time_to_failure": "1 s", "mean_time_to_repair": "200 ms"}, "requests.count": None, "requests.rate": 4, "rounds.count": 12}


def width(line):
    return sum(0 if unicodedata.combining(c) else 2 if unicodedata.east_asian_width(c) in "WF" else 1 for c in line)


class Terminal(ProgramTest):
    def narrow(self, *arguments, columns=WIDTH, **options):
        return self.skipstone(*arguments, environment={"COLUMNS": str(columns)}, **options)

    def assert_fits(self, text, columns=WIDTH):
        self.assertGreater(len(text.splitlines()), 1, text)
        self.assertEqual([line for line in text.splitlines() if width(line) > columns], [])

    def on_a_terminal(self, *arguments, columns=WIDTH):
        """What a command writes to a terminal, in one piece."""
        ours, end = pty.openpty()
        fcntl.ioctl(end, termios.TIOCSWINSZ, struct.pack("HHHH", 24, columns, 0, 0))
        process = subprocess.Popen([PROGRAM, *arguments], cwd=self.folder, stdin=subprocess.DEVNULL, stdout=end, stderr=end, env=ENVIRONMENT)
        os.close(end)
        written = []

        def read():
            try:
                while part := os.read(ours, 65536):
                    written.append(part)
            except OSError:  # the other end is closed
                pass

        reader = threading.Thread(target=read)
        reader.start()
        code = process.wait(60)
        reader.join(10)
        os.close(ours)
        self.assertEqual(code, 0, written)
        return b"".join(written).decode().replace("\r\n", "\n")


class Lines(Terminal):
    def commands(self, scenario):
        yield self.narrow("run", scenario, "-o", "t.h5", "--kernels", "off", "--clock", "virtual")
        yield self.narrow("analyze", "t.h5")
        yield self.narrow("analyze", "t.h5", "t.h5")
        yield self.narrow("watch", "t.h5")
        yield self.narrow("plan", scenario, "--planner", "greedy,no-drop,ga")

    def test_fit_80_columns(self):
        for scenario in ("khan2023", self.scenario({"fleet.devices": FLEET, "rounds.count": 4}), self.scenario(FAILING)):
            for result in self.commands(scenario):
                with self.subTest(scenario=scenario):
                    self.assert_fits(result.out)

    def test_are_as_long_as_they_like_where_there_is_no_terminal(self):
        result = self.skipstone("run", self.scenario({"fleet.devices": FLEET}), "-o", "t.h5")
        self.assertIn(FLEET[1]["name"], result.out)
        self.assertIn(LONG[:50], self.skipstone("analyze", "t.h5").out)
        self.assertGreater(max(map(width, result.out.splitlines())), WIDTH)

    def test_go_by_the_terminal_and_lose_no_column(self):
        self.skipstone("run", self.scenario(), "-o", "t.h5")
        wide, narrow = self.skipstone("analyze", "t.h5").out, self.on_a_terminal("analyze", "t.h5")
        self.assert_fits(narrow)
        for text in (wide, narrow):
            for column in ("compute/s", "radio idle/s", "achieved", "emulated/ms", "binding", "of planned"):
                self.assertIn(column, text)
        numbers = re.compile(r"\d+\.\d+")
        self.assertEqual(set(numbers.findall(wide)), set(numbers.findall(narrow)))

    def test_names_are_shortened_in_the_middle(self):
        scenario = self.scenario({"fleet.devices": FLEET})
        out = self.narrow("run", scenario, "-o", "t.h5").out
        self.assertRegex(out, r"(?m)^  a-gatewa\S*…\S*-0 ")
        self.assertRegex(out, r"(?m)^  a-gatewa\S*…\S*-4 ")


class Rounds(Terminal):
    def test_are_said_once(self):
        scenario = self.scenario()
        plain = self.skipstone("run", scenario, "-o", "t.h5").out
        self.assertEqual(len(re.findall(r"\] round \d", plain)), 3)
        self.assertNotIn("\nrounds\n", plain)
        shown = self.on_a_terminal("run", scenario, "-o", "t.h5")
        self.assertEqual(len(re.findall(r"\] round \d", shown)), 0)
        self.assertEqual(shown.count("\nrounds\n"), 1)
        self.assertIn("[####################..........] 2/3 rounds, about ", shown)
        self.assertIn(" left\r", shown)
        self.assert_fits("\n".join(re.split(r"\r\x1b\[K|\n", shown)))

    def test_of_a_long_run_are_cut(self):
        shown = self.on_a_terminal("run", self.scenario({"rounds.count": 100, "requests.count": 1}), "-o", "t.h5")
        self.assertIn("… 60 more; skipstone analyze --csv DIR has all", shown)
        rounds = shown[shown.index("\nrounds\n"):]
        for number, there in ((0, True), (19, True), (20, False), (79, False), (80, True), (99, True)):
            self.assertEqual(bool(re.search(rf"(?m)^ +{number}  +\d+\.\d{{3}} ", rounds)), there, number)
        analysed = self.skipstone("analyze", "t.h5").out
        self.assertIn("… 80 more; all are in --json and --csv", analysed)

    def test_quiet_says_where_the_trace_is(self):
        result = self.skipstone("run", self.scenario(), "-o", "t.h5", "--quiet")
        self.assertRegex(result.out, r"^\d+\.\d+ emulated seconds; trace: t\.h5\n$")
        self.assertEqual(result.err, "")
        self.assertEqual(self.skipstone("run", self.scenario(), "-o", "u.h5", "-q").out.count("\n"), 1)
        late = self.skipstone("run", self.scenario(), "-o", "v.h5", "-q", "--clock", "wall", "--dilation", "0.0005",
                              "--kernels", "on", "--no-strict", ranks=5).out.splitlines()
        self.assertEqual(len(late), 2, late)
        self.assertIn("NOT FAITHFUL", late[0])
        self.assertIn("trace: v.h5", late[1])

    def test_a_fleet_is_cut(self):
        fleet = [{"profile": "khan2023-low", "name": "d", "count": 100}]
        out = self.skipstone("run", self.scenario({"fleet.devices": fleet, "rounds.count": 1}), "-o", "t.h5").out
        self.assertIn("… 60 more; skipstone analyze --csv DIR has all", out)
        self.assertEqual(len(re.findall(r"(?m)^  d-\d+ ", out)), 40)


class Figures(Terminal):
    def test_the_lowest_battery_is_a_share_of_its_capacity(self):
        low, big = {"profile": "khan2023-low", "mac_rate": "100 MMAC/s", "macs_per_round": "30 MMAC"}, {"profile": "khan2023-high"}
        # the emptiest has more joules left than the others, and one has no battery
        fleet = [low | {"name": "large", "battery": "100 J", "power": {"idle": "8 W"}}, low | {"name": "small", "battery": "40 J"},
                 low | {"name": "other", "battery": "41 J"}, big | {"name": "plugged", "battery": "mains", "power": {"idle": "9 W"}}]
        run = self.skipstone("run", self.scenario({"fleet.devices": fleet, "rounds.period": "2 s"}), "-o", "t.h5").out
        watched = self.skipstone("watch", "t.h5").out
        trace = Trace(self.path("t.h5"))
        for text in (run, watched):
            told = re.findall(r"lowest battery (\S+ %) \((\S+) J, (\S+)\)", text)
            self.assertEqual(len(told), 3, text)
            for index, found in enumerate(told):
                left = where(trace.battery, round=index)["remaining_j"]
                share = numpy.where(numpy.isfinite(left), left / numpy.where(numpy.isfinite(left), trace.devices["battery_j"], 1), numpy.inf)
                at = int(share.argmin())
                self.assertEqual(found, (f"{100 * share[at]:.1f} %", f"{left[at]:.1f}", trace.names("devices")[at]))
        self.assertEqual(told[-1][2], "large")
        alone = self.scenario({"fleet.devices": [big | {"name": "plugged", "battery": "mains"}], "requests.count": 1})
        self.assertIn("no batteries", self.skipstone("run", alone, "-o", "u.h5").out)

    def test_accuracy_is_written_the_same_way_everywhere(self):
        scenario = self.scenario({"rounds.count": 1})
        texts = {"run": self.skipstone("run", scenario, "-o", "t.h5").out, "watch": self.skipstone("watch", "t.h5").out,
                 "analyze": self.skipstone("analyze", "t.h5").out, "plan": self.skipstone("plan", scenario).out,
                 "the table of rounds": self.on_a_terminal("run", scenario, "-o", "u.h5", columns=200)}
        trace = Trace(self.path("t.h5"))
        told = f"{100 * numpy.nanmean(trace.requests['accuracy']):.2f} %"
        for name, text in texts.items():
            self.assertIn(told, text, name)
            self.assertNotIn(f" {numpy.nanmean(trace.requests['accuracy']):.4f}", text, name)

    def test_percentiles_of_lateness_are_the_same_in_run_and_analyze(self):
        run = self.skipstone("run", self.scenario({"requests.count": 2}), "-o", "t.h5", "--clock", "wall", "--dilation", "0.01", ranks=5).out
        analysed = self.skipstone("analyze", "t.h5").out
        p50, p99 = re.search(r"lateness p50 (\S+) %, p99 (\S+) %", run).groups()
        self.assertIn(f", p50 {p50} %, ", analysed)
        self.assertIn(f", p99 {p99} %, ", analysed)
        trace = Trace(self.path("t.h5"))
        self.assertGreater(len(trace.events), 10)

    def test_dropped_blocks_are_counted_once(self):
        scenario = self.scenario(FAILING | {"seed": 12, "objective.alpha": 0.2, "requests.rate": 2})
        run = self.skipstone("run", scenario, "-o", "t.h5").out
        watched, analysed = self.skipstone("watch", "t.h5").out, self.skipstone("analyze", "t.h5").out
        trace = Trace(self.path("t.h5"))
        last = {}
        for row in sorted(trace.plans, key=lambda row: row["revision"]):
            last[row["round"], row["request"], row["block"]] = row["mode"] == 2
        expected = [sum(dropped for (r, _, _), dropped in last.items() if r == row["round"]) for row in trace.rounds]
        self.assertTrue((trace.plans["revision"] > 0).any(), "plans are revised")
        self.assertTrue((trace.requests["status"] == 3).any(), "requests fail")
        first = trace.plans[(trace.plans["revision"] == 0) & (trace.plans["mode"] == 2)]
        self.assertNotEqual(len(first), sum(expected), "and drop other blocks than they were to")
        for text in (run, watched):
            self.assertEqual([int(n) for n in re.findall(r"  dropped (\d+)", text)],
                             [n for n, row in zip(expected, trace.rounds) if row["admitted"]])
        self.assertIn(f", {sum(expected)} blocks dropped", analysed)

    def test_watch_tells_requests_that_failed(self):
        self.skipstone("run", self.scenario(FAILING), "-o", "t.h5")
        trace = Trace(self.path("t.h5"))
        failed = int((trace.requests["status"] == 3).sum())
        self.assertGreater(failed, 0)
        out = self.skipstone("watch", "t.h5").out
        self.assertTrue(out.splitlines()[-1].endswith(f" rejected, {failed} failed"), out)
        self.assertEqual(sum(int(n) for n in re.findall(r"  FAILED (\d+)", out)), failed)


if __name__ == "__main__":
    unittest.main()
