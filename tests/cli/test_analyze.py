#!/usr/bin/env python3
"""skipstone analyze: what it takes and refuses, and what it leaves alone. Its figures: tests/analysis/test_analyze_figures.py."""

import csv
import hashlib
import json
import pathlib
import shutil
import signal
import unittest

from support import ProgramTest, h5py, numpy

LONG = {"rounds.count": 1_000_000}
SLOW = {"emulation.clock": "wall", "emulation.dilation": 1.0, "rounds.count": 1000, "requests.count": 1}


def sha256(path):
    return hashlib.sha256(pathlib.Path(path).read_bytes()).hexdigest()


class Analyze(ProgramTest):
    def analyze(self, *arguments, code=0):
        return self.skipstone("analyze", *arguments, code=code)

    def figures(self, *arguments):
        return json.loads(self.analyze(*arguments, "--json").out)

    def test_refuses_what_is_no_trace_and_leaves_it_as_it_is(self):
        whole = self.run_scenario().path

        def altered(name, change):
            path = self.path(name)
            shutil.copy(whole, path)
            with h5py.File(path, "r+") as file:
                change(file)
            return path

        def without(table):
            def change(file):
                del file[table]
            return change

        def attribute(name, value):
            def change(file):
                file.attrs[name] = value
            return change

        def damaged_time(value):
            def change(file):
                events = file["events"][:]
                events["end_s"][len(events) // 2] = value
                file["events"][:] = events
            return change

        cases = [(altered("no-events.h5", without("events")), "events"), (altered("no-requests.h5", without("requests")), "requests"),
                 (altered("version.h5", attribute("format_version", numpy.int64(99))), "version"),
                 (altered("other.h5", attribute("format", "somebody-elses")), "format"),
                 (altered("nan.h5", damaged_time(numpy.nan)), "/events"), (altered("endless.h5", damaged_time(numpy.inf)), "/events"),
                 (altered("empty.h5", lambda file: [file[name].resize((0,)) for name in ("rounds",)]), "round"),
                 (self.write("text.h5", "seed = 1\n"), "text.h5"), (self.write("nothing.h5", ""), "nothing.h5")]
        for path, word in cases:
            with self.subTest(path=pathlib.Path(path).name):
                before = sha256(path)
                result = self.analyze(path, code=2)
                self.assertIn(path, result.err)
                self.assertIn(word, result.err)
                self.assertEqual(result.out, "")
                self.assertEqual(sha256(path), before)
        self.assertIn("missing.h5", self.analyze("missing.h5", code=2).err)
        self.analyze(self.folder, code=2)

    def test_a_killed_run_is_analysed_as_far_as_it_is_finished(self):
        output = self.path("killed.h5")
        process = self.start("run", self.scenario(LONG), "-o", output)
        self.wait_for_rounds(output, 5, process)
        process.send_signal(signal.SIGKILL)
        self.wait(process)
        before = sha256(output)
        found = self.figures(output)
        with h5py.File(output, "r", swmr=True) as file:
            rounds = len(file["rounds"])
        self.assertEqual((found["trace"]["complete"], found["trace"]["rounds"], found["trace"]["rounds_planned"]), (False, rounds, 1_000_000))
        self.assertEqual(len(found["rounds"]), rounds)
        text = self.analyze(output).out
        self.assertIn("incomplete", text)
        self.assertIn("killed", text)
        self.assertIn(str(rounds), text)
        self.assertEqual(sha256(output), before)

    def test_a_run_that_goes_on_is_said_to(self):
        output = self.path("slow.h5")
        process = self.start("run", self.scenario(SLOW), "-o", output, ranks=5)
        self.wait_for_rounds(output, 1, process)
        text = self.analyze(output).out
        self.assertIn("the run is going on", text)
        self.assertNotIn("killed", text)

    def test_csv_has_a_file_per_table_with_units_in_the_headings(self):
        trace = self.run_scenario().path
        self.analyze(trace, "--csv", self.path("tables"))
        files = {path.name for path in pathlib.Path(self.path("tables")).iterdir()}
        self.assertLessEqual({"devices.csv", "links.csv", "blocks.csv", "rounds.csv", "request_paths.csv"}, files)
        with open(self.path("tables/devices.csv"), newline="") as file:
            rows = list(csv.DictReader(file))
        self.assertEqual(len(rows), 4)
        self.assertIn("energy_j", "".join(rows[0]))

    def test_power_recomputes_the_energy(self):
        trace = self.run_scenario().path
        own = self.figures(trace)
        profile = self.write("hungry.toml", 'name = "hungry"\nsource = "a test"\nmac_rate = "1 GMAC/s"\nmemory = "1 MB"\nmacs_per_round = "1 GMAC"\n'
                                            'battery = "1 J"\npower = {compute = "16 W", transmit = "0 W", receive = "0 W", idle = "0 W"}\n')
        hungry = self.figures(trace, "--power", profile)
        self.assert_close(hungry["energy"]["compute_j"], 2 * own["energy"]["compute_j"])
        self.assertEqual(hungry["energy"]["transmit_j"], 0)
        table = self.write("table.toml", '[powers]\n"low*" = {compute = "24 W"}\nbig = {idle = "1 W"}\n')
        other = self.figures(trace, "--power", table)
        for mine, theirs in zip(own["devices"], other["devices"]):
            self.assert_close(theirs["compute_j"], mine["compute_j"] * (3 if mine["name"].startswith("low") else 1))
            self.assertEqual(theirs["idle_j"] > 0, mine["name"] == "big")
        for text in ('[powers]\nnobody = {idle = "1 W"}\n', '[powers]\nbig = {idle = "-1 W"}\n', '[powers]\nbig = {idel = "1 W"}\n', "[power]\n"):
            with self.subTest(text=text):
                self.assertIn("bad.toml", self.analyze(trace, "--power", self.write("bad.toml", text), code=2).err)

    def test_late_times_may_be_less_exact(self):
        trace = self.run_scenario({"rounds.count": 4, "rounds.period": "4e9 s", "fleet.devices": [{"profile": "raspberry-pi-4b", "count": 3, "battery": "1.877 J"}]}).path
        self.skipstone("check", trace)
        text = self.analyze(trace).out
        self.assertNotIn("DISAGREE", text)
        self.assertNotIn("does not agree", text)
        with h5py.File(trace, "r+") as file:
            rows = file["battery"][:]
            rows["remaining_j"] += 1e-3
            file["battery"][:] = rows
        self.assertIn("DISAGREE", self.analyze(trace).out)

    def test_several_traces_stand_side_by_side(self):
        traces = [self.run_scenario({"planner.name": name}).path for name in ("greedy", "no-drop")]
        found = self.figures(*traces)
        latency = next(row for row in found["comparison"] if row["figure"] == "latency_mean_s")
        self.assert_close(latency["differences"][1], latency["values"][1] - latency["values"][0])
        self.assertIn(pathlib.Path(traces[1]).name, self.analyze(*traces).out)
        self.assertIn("--html", self.analyze(*traces, "--html", "page.html", code=2).err)

    def test_html_leaves_a_page(self):
        self.analyze(self.run_scenario().path, "--html", self.path("page.html"))
        self.assertIn("<script", pathlib.Path(self.path("page.html")).read_text())


if __name__ == "__main__":
    unittest.main()
