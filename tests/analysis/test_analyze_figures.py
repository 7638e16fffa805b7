#!/usr/bin/env python3
"""Every figure that `skipstone analyze` prints, held against an independent computation from the trace's raw tables (figures.py). The JSON
is walked leaf by leaf: a figure that is not computed here fails the test, as does one that is missing."""

import csv
import json
import math
import pathlib
import sys
import unittest

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT / "analysis"), str(ROOT / "tests" / "cli")]

from support import ALONE, ProgramTest, cifar_batch, h5py, numpy, write_weights  # says "skipped" without h5py

try:
    import pandas  # noqa: F401
except ImportError as missing:
    print(f"skipped: {missing}")
    sys.exit(77)

import exit_tables
import figures
import skipstone
from printed import Report, columns_of

# Powers that tell every state apart.
POWER = {"compute": "8 W", "transmit": "10 W", "receive": "3 W", "idle": "0.5 W"}


def fleet(**changes):
    low = {"profile": "khan2023-low", "name": "low", "count": 3, "mac_rate": "100 MMAC/s", "macs_per_round": "30 MMAC", "power": POWER}
    big = {"profile": "khan2023-high", "name": "big", "mac_rate": "200 MMAC/s", "macs_per_round": "60 MMAC",
           "power": POWER | {"idle": "0.25 W"}}
    return [low | changes, big | changes]


# Virtual-clock runs that differ in what makes figures.
SCENARIOS = {
    # losses, jitter and one tensor at a time on air; the image comes from a device; blocks dropped, requests rejected
    "radio": {"links.medium": "radio", "links.latency": "2 ms", "links.jitter": "1 ms", "links.loss": 0.1, "links.efficiency": 0.9,
              "links.min": "1 Mbit/s", "links.max": "3 Mbit/s", "requests.source": "big", "requests.count": 5, "rounds.count": 4,
              "objective.residual": "paper", "fleet.devices": fleet()},
    # requests that come one by one and are tried again; planning takes time
    "spread": {"requests.arrivals": "spread", "requests.count": None, "requests.rate": 5, "rounds.period": "1 s", "rounds.count": 5,
               "requests.on_reject": "retry", "planner.charge": "30 ms", "fleet.devices": fleet()},
    # batteries that end while their devices work and idle
    "batteries": {"rounds.count": 8, "requests.count": 4, "rounds.period": "1.5 s", "requests.source": "low-1",
                  "fleet.devices": [device | {"battery": joules} for device, joules in zip(fleet(), ("6 J", "1000 MJ"))]},
    # two queues: many requests, slow links; measured block times; an endless battery beside others
    "queues": {"requests.count": 10, "rounds.count": 2, "links.min": "300 kbit/s", "links.max": "1 Mbit/s", "planner.name": "no-drop",
               "requests.source": "low-0",
               "fleet.devices": [device | {"macs_per_round": "110 MMAC", "compute_seconds": {"stem": "20 ms", "s3b1": "7 ms"}}
                                 for device in fleet()]},
    # requests that come while others are under way
    "stream": {"requests.arrivals": "spread", "requests.count": None, "requests.rate": 30, "rounds.period": "3 s", "rounds.count": 2,
               "links.min": "3 Mbit/s", "links.max": "9 Mbit/s", "requests.source": "low-0",
               "fleet.devices": [device | {"macs_per_round": "500 MMAC"} for device in fleet()]},
    # a stream that devices share: a stage each, in turns, in parts
    "shared": {"planner.name": "fixed", "requests.arrivals": "closed", "requests.in_flight": 6, "requests.count": 30, "rounds.count": 1,
               "links.min": "3 Mbit/s", "links.max": "9 Mbit/s", "requests.source": "big", "planner.stages": [
                   {"blocks": "stem..s2b3", "devices": ["low-0"]},
                   {"blocks": "s3b1..s4b3", "devices": ["low-1..2", "big"], "take": "turns"},
                   {"blocks": "head", "devices": ["low-0", "big"], "split": "outputs", "join": "low-1"}],
               "fleet.devices": [device | {"battery": "mains", "macs_per_round": "1 GMAC"} for device in fleet()]},
    "alone": ALONE | {"requests.count": 1, "rounds.count": 1},
    # nothing fits
    "rejected": {"fleet.devices": fleet(memory="1 kB"), "rounds.count": 2, "rounds.period": "1 s"},
    # rates of so many devices are not stored as a matrix
    "fleet": {"fleet.devices": [{"profile": "khan2023-low", "name": "d", "count": 257, "mac_rate": "100 MMAC/s",
                                 "macs_per_round": "25 MMAC", "power": POWER}], "rounds.count": 2},
}


class Walk:
    """Compares two values leaf by leaf, and remembers what was compared and what differs."""

    def __init__(self, relative=1e-9, absolute=1e-10):
        self.relative, self.absolute, self.leaves, self.wrong = relative, absolute, 0, []

    def compare(self, found, expected, place=""):
        if isinstance(found, dict) and isinstance(expected, dict):
            for name in found.keys() - expected.keys():
                self.wrong.append(f"{place}/{name}: {found[name]!r} is checked by nothing")
            for name, value in expected.items():
                if name in found:
                    self.compare(found[name], value, f"{place}/{name}")
                else:
                    self.wrong.append(f"{place}/{name}: is missing; expected {value!r}")
        elif isinstance(found, list) and isinstance(expected, list):
            if len(found) != len(expected):
                self.wrong.append(f"{place}: has {len(found)} rows, expected {len(expected)}")
            for i, pair in enumerate(zip(found, expected)):
                self.compare(*pair, f"{place}[{i}]")
        else:
            self.leaves += 1
            if not self.same(found, expected):
                self.wrong.append(f"{place}: {found!r}, expected {expected!r}")

    def same(self, found, expected):
        if isinstance(found, float) or isinstance(expected, float):
            if found is None or expected is None or isinstance(found, (str, bool)):
                return False
            return abs(found - expected) <= max(self.relative * abs(expected), self.absolute)
        return type(found) is type(expected) and found == expected


def summary(figures_of_trace):
    """The row that side-by-side comparisons show: figures of other tables again, and means over rounds."""
    totals, energy, rounds = (figures_of_trace[name] for name in ("requests", "energy", "rounds"))
    row = {name: totals[name] for name in (
        "requests", "done", "rejected", "failed", "latency_mean_s", "latency_p50_s", "latency_p90_s", "latency_p99_s", "latency_max_s",
        "latency_total_s", "path_compute_mean_s", "path_transfer_mean_s", "path_queue_mean_s", "throughput_per_s", "accuracy_planned",
        "accuracy_observed", "shared_bytes", "macs", "dropped_blocks")}
    row |= {name: energy[name] for name in ("energy_j", "compute_j", "transmit_j", "receive_j", "idle_j")}
    left = [device["battery_left_j"] for device in figures_of_trace["devices"] if device["battery_left_j"] is not None]
    row["lowest_battery_j"] = min(left, default=None)
    for name, column in (("objective_mean", "objective"), ("gap_mean", "gap"), ("plan_host_mean_s", "plan_host_s")):
        row[name] = figures.mean([known[column] for known in rounds if known[column] is not None])
    row |= {"rounds": len(rounds), "span_s": figures_of_trace["trace"]["span_s"],
            "overrun_share": figures_of_trace["fidelity"]["overrun_share"]}
    for leaving in figures_of_trace.get("leaving", []):
        row |= {"left_early_share": leaving["early_share"], "macs_saved": leaving["macs_saved"], "energy_saved": leaving["energy_saved"]}
    for stream in figures_of_trace.get("stream", []):
        row |= {"steady_throughput_per_s": stream["throughput_per_s"], "throughput_bound_per_s": stream["bound_per_s"],
                "throughput_gap": stream["gap"], "bottleneck_s": stream["bottleneck_s"],
                "steady_latency_p50_s": stream["latency_p50_s"]}
    return {name: None if value is None else float(value) for name, value in row.items()}


def make_stream(file):
    """Gives a trace the goal of throughput, and prices of devices and a link."""
    rounds = file["rounds"][:]
    rounds["goal"], rounds["throughput"], rounds["throughput_bound"] = 1, [3.5, 4.5], [40, 50]
    file["rounds"][:] = rounds
    resources = h5py.enum_dtype({"processor": 1, "link": 2, "radio": 3, "memory": 4}, "i4")
    kind = numpy.dtype([("round", "i4"), ("resource", resources), ("device", "i4"), ("peer", "i4"), ("price", "f8")], align=True)
    prices = numpy.array([(0, 1, 3, -1, 0.5), (0, 2, 3, 0, 0.25), (1, 1, 3, -1, 0.75), (1, 4, 0, -1, 1e-9)], kind)
    table = file.create_dataset("prices", data=prices)
    table.attrs["units"] = numpy.array([b"price=1/s"])


class FiguresCase(ProgramTest):
    def traced(self, name, *arguments, **options):
        path = self.path(f"{name}.h5")
        self.skipstone("run", self.scenario(SCENARIOS[name]), "-o", path, *arguments, **options)
        return path

    def analyze(self, *arguments, **options):
        return json.loads(self.skipstone("analyze", *arguments, "--json", **options).out)

    def assert_figures(self, path, *arguments, powers=None, notes=()):
        """Holds all figures of a trace against the independent ones; returns these."""
        found = self.analyze(path, *arguments)
        expected = figures.figures(skipstone.load(path), powers)
        self.assertEqual((found.pop("format"), found.pop("version")), ("skipstone-analysis", 1))
        self.assertEqual(found.pop("powers") == "trace", powers is None)
        for note, wanted in zip(found.pop("notes"), notes, strict=True):
            self.assertRegex(note, wanted)
        row = found.pop("summary")
        for figures_of_trace in (found, expected):
            figures_of_trace["rejections"].sort(key=lambda row: row["binding"])
        walk = Walk()
        walk.compare(found, expected)
        walk.compare(row, summary(expected), "summary")
        self.assertEqual(walk.wrong, [], f"{path}: {len(walk.wrong)} of {walk.leaves} figures")
        self.assert_printed(path, expected, *arguments)
        return expected

    def assert_printed(self, path, expected, *arguments):
        report = Report(self.skipstone("analyze", path, *arguments).out, expected)
        self.assertEqual(report.wrong, [], f"{path}: {len(report.wrong)} of {report.numbers} printed numbers")
        self.assertEqual("stream" in report.shown, "stream" in expected)
        return report


class OfATrace(FiguresCase):
    def test_radio(self):
        expected = self.assert_figures(self.traced("radio"))
        self.assertGreater(sum(link["retransmitted"] for link in expected["links"]), 0)
        self.assertGreater(max(link["queue_max_s"] for link in expected["links"]), 0)
        self.assertGreater(expected["requests"]["dropped_blocks"], 0)
        self.assertGreater(expected["requests"]["rejected"], 0)
        self.assertEqual(expected["blocks"][0]["name"], "image")
        self.assertGreater(expected["energy"]["receive_j"], 0)

    def test_spread_arrivals(self):
        expected = self.assert_figures(self.traced("spread"))
        totals = expected["requests"]
        self.assertGreater(totals["attempts"], totals["requests"])
        self.assertTrue(any(row["attempt"] > 1 and row["status"] == "done" for row in expected["request_paths"]))

    def test_batteries_that_end(self):
        expected = self.assert_figures(self.traced("batteries"))
        self.assertTrue(any(row["processor_off_s"] > 0 and row["radio_off_s"] > 0 for row in expected["devices"]))
        self.assertEqual(expected["devices"][0]["battery_left_j"], 0)

    def test_queues_and_measured_times(self):
        expected = self.assert_figures(self.traced("queues"))
        self.assertGreater(max(block["queue_mean_s"] for block in expected["blocks"] if block["runs"]), 0)
        self.assertGreater(max(link["queue_mean_s"] for link in expected["links"]), 0)
        for row in expected["deviations"]:
            self.assertGreater(row["count"], 0)

    def test_one_request_on_one_device(self):
        self.assert_figures(self.traced("alone"))

    def test_nothing_done(self):
        expected = self.assert_figures(self.traced("rejected"))
        self.assertEqual(expected["requests"]["done"], 0)
        self.assertGreater(expected["energy"]["idle_j"], 0)

    def test_a_large_fleet(self):
        self.assert_figures(self.traced("fleet"))

    def test_wall_clock(self):
        # So much faster than life that some of it must be late.
        path = self.traced("radio", "--clock", "wall", "--dilation", "0.002", "--rounds", "2", "--set", "planner.charge=true", ranks=5)
        expected = self.assert_figures(path)
        self.assertGreater(expected["fidelity"]["events"], 0)
        self.assertGreater(expected["fidelity"]["overruns"], 0)
        self.assertEqual([row["kind"] for row in expected["achievements"]], ["compute", "transmit", "hop"])

    def test_labelled_images(self):
        images = self.write("images.bin", cifar_batch([3, 5, 3, 3, 1, 3]))
        weights = write_weights(self.path("weights.h5"), favourite=3)
        totals = self.assert_figures(self.traced("queues", "--kernels", "on", "--images", images, "--weights", weights))["requests"]
        self.assertEqual(totals["labelled"], totals["done"])
        self.assertTrue(0 < totals["correct"] < totals["labelled"])

    def test_other_powers(self):
        path = self.traced("radio")
        folder = self.folder / "31" / "4 J"  # numbers in its path are none of the report
        folder.mkdir(parents=True)
        profile = self.write("31/4 J/powers.toml", '[powers]\n"low*" = {compute = "5 W", idle = "1 W"}\nbig = {receive = "7 W"}\n')
        powers = figures.Figures(skipstone.load(path)).own_powers
        for device in range(3):
            powers[device] = powers[device] | {"compute": 5.0, "idle": 1.0}
        powers[3] = powers[3] | {"receive": 7.0}
        expected = self.assert_figures(path, "--power", profile, powers=powers)
        self.assertNotEqual(expected["energy"]["energy_j"], expected["energy"]["ledger_j"])

    def test_a_run_that_was_killed(self):
        path = self.traced("spread")
        with h5py.File(path, "r+", libver="latest") as file:
            file["rounds"].resize((3,))  # what is of later rounds is not finished
            file.attrs["complete"] = 0
            file.attrs["ended"] = numpy.bytes_("running")
        expected = self.assert_figures(path, notes=["3 of 5 rounds"])
        self.assertEqual(expected["trace"]["rounds"], 3)

    def test_a_stream(self):
        """A trace whose goal was throughput, with prices: its steady state, stages, bottleneck and what one more device would give."""
        path = self.traced("stream")
        with h5py.File(path, "r+", libver="latest") as file:
            make_stream(file)
        expected = self.assert_figures(path)
        stream = expected["stream"][0]
        self.assertGreater(stream["counted"], 3)
        self.assertGreater(stream["throughput_error_per_s"], 0)
        self.assertLess(stream["gap"], 1)
        self.assertTrue(0 < stream["bottleneck_share"])
        self.assertGreater(len(expected["resources"]), 2)
        self.assertEqual([row["name"] for row in expected["gains"]], ["big", "low-0"])
        text = self.skipstone("analyze", path).out
        self.assertRegex(text, r"stream: [0-9.]+ requests/s in the steady state \(± [0-9.]+\)")
        self.assertIn(f"bottleneck {stream['bottleneck']}", " ".join(text.split()))
        self.assertIn("one more device like", text)
        self.skipstone("analyze", path, "--csv", self.path("stream"))
        with open(self.path("stream/gains.csv"), encoding="utf-8") as table:
            self.assertEqual([row["name"] for row in csv.DictReader(table)], ["big", "low-0"])
        other = self.traced("alone")
        both = self.analyze(path, other)
        row = next(row for row in both["comparison"] if row["figure"] == "steady_throughput_per_s")
        self.assertEqual(row["values"][1], None)
        self.assertFalse({"stream", "stages", "resources", "gains"} & set(both["traces"][1]))

    def test_a_stream_of_shared_work(self):
        """A block in parts, another whose requests take turns, over radio and over links; more resources than are printed."""
        for medium in ("radio", "links"):
            path = self.traced("shared", "--set", f"links.medium={medium}")
            expected, walk = figures.stream_figures(skipstone.load(path)), Walk()
            found = self.analyze(path)
            walk.compare({name: found[name] for name in expected}, expected)
            self.assertEqual(walk.wrong, [], f"{medium}: {len(walk.wrong)} of {walk.leaves} figures")
            self.assertEqual([row["split"] for row in expected["stages"]], ["", "", "outputs/2"])
            self.assertEqual([row["devices"] for row in expected["stages"]], [1, 3, 3])
            self.assertEqual({row["resource"] for row in expected["resources"]}, {"processor", "radio" if medium == "radio" else "link"})
            self.assertEqual(len(expected["resources"]) > 12, medium == "links")
            self.assertEqual(self.assert_printed(path, expected).shown, ["stream", "stages", "resources"])

    def test_failures(self):
        """A trace in which a device fails, a computation and a transmission are lost, and a request is planned again."""
        path = self.traced("radio")
        with h5py.File(path, "r+", libver="latest") as file:
            fail(file)
        expected = self.assert_figures(path, notes=["battery"])
        self.assertEqual(expected["trace"]["failed_events"], 2)
        self.assertGreater(expected["devices"][1]["processor_off_s"], 0)
        self.assertEqual(expected["requests"]["failed"], 1)
        self.assertGreater(expected["energy"]["ledger_error"], 1e-6)
        (latency,) = [row for row in expected["deviations"] if (row["level"], row["quantity"]) == ("request", "energy_j")]
        self.assertNotAlmostEqual(latency["planned_mean"], latency["emulated_mean"], 3)


class OfExits(FiguresCase):
    def test_requests_that_leave_early(self):
        """By a table, on devices that hand work on: where they leave, how right they are there, and what the whole network would take."""
        path = self.path("exits.h5")
        self.skipstone("run", self.scenario(exit_tables.changes(self) | {"links.latency": "2 ms", "objective.residual": "paper"}), "-o", path)
        expected = self.assert_figures(path)
        (leaving,), exits = expected["leaving"], expected["exits"]
        self.assertEqual([row["exit"] for row in exits][-1], -1)
        self.assertEqual(len(exits), 4)
        self.assertTrue(all(row["left"] > 0 for row in exits))
        self.assertEqual(sum(row["left"] for row in exits), leaving["done"])
        self.assertGreater(leaving["macs_saved"], 0.05)
        self.assertGreater(leaving["energy_saved"], 0.02)
        self.assertGreater(leaving["labelled"], 0)
        self.assertGreater(max(block["transfers"] for block in expected["blocks"]), 0)
        for row in exits:
            self.assertTrue(abs(row["left_share"] - row["expected_left"]) < 4 * math.sqrt(0.25 / leaving["done"]))
        text = self.skipstone("analyze", path).out
        self.assertIn("who left where", text)
        self.skipstone("analyze", path, "--csv", self.path("tables"))
        with open(self.path("tables/exits.csv"), encoding="utf-8") as table:
            self.assertEqual([row["name"] for row in csv.DictReader(table)], [row["name"] for row in exits])


def append(dataset, rows):
    size = len(dataset)
    dataset.resize((size + len(rows),))
    dataset[size:] = rows


def fail(file):
    """Makes a finished run into one with failures, in its last round."""
    events, requests, plans = (file[name][:] for name in ("events", "requests", "plans"))
    last = len(file["rounds"]) - 1
    end = file["rounds"]["end_s"][last]
    # Device 1 is out twice, at times that overlap; then for ever. A link's outage is none of a device.
    outages = numpy.zeros(4, file["outages"].dtype)
    outages["begin_s"], outages["end_s"] = [0.01, 0.03, end - 0.01, 0.0], [0.05, 0.08, numpy.nan, end]
    outages["device"], outages["peer"], outages["cause"] = [1, 1, 1, 0], [-1, -1, -1, 2], [b"failure"] * 3 + [b"link"]
    append(file["outages"], outages)
    rounds = file["rounds"][:]
    rounds["outages"][-1] += len(outages)  # rounds say how many are theirs
    file["rounds"][:] = rounds
    # A computation and a transmission that came to nothing.
    lost = numpy.concatenate([events[(events["kind"] == kind) & (events["round"] == last)][-1:] for kind in (1, 2)])
    lost["flags"] |= 4
    lost["begin_s"], lost["end_s"] = [end - 0.020, end - 0.015], [end - 0.017, end - 0.012]
    lost["host_begin_s"] = lost["host_end_s"] = numpy.nan
    working = events["device"][(events["kind"] == 1) & (events["end_s"] > end - 0.020) & (events["round"] == last)]
    lost["device"], lost["peer"] = [min(set(range(4)) - set(working)), 2], [-1, 3]
    append(file["events"], lost)
    events = file["events"][:]
    file["events"][:] = events[numpy.lexsort((events["begin_s"], events["round"]))]
    # The last request that was done has failed; the one before was planned twice, first for one device.
    done = numpy.flatnonzero(requests["status"] == 1)
    for column in ("finish_s", "latency_s"):
        requests[column][done[-1]] = numpy.nan
    requests["status"][done[-1]] = 3
    file["requests"][:] = requests
    again = (plans["round"] == last) & (plans["request"] == requests["request"][done[-2]])
    revised = plans[again].copy()
    revised["revision"] = 1
    plans["device"][again & (plans["device"] >= 0)] = 3
    file["plans"][:] = plans
    append(file["plans"], revised)


class SeveralTraces(FiguresCase):
    def test_side_by_side(self):
        paths = [self.traced("radio"), self.traced("rejected"), self.traced("queues")]
        found = self.analyze(*paths)
        self.assertEqual((found["format"], found["version"]), ("skipstone-analysis-comparison", 1))
        self.assertEqual(found.keys(), {"format", "version", "traces", "comparison"})
        self.assertEqual(found["traces"], [self.analyze(path) for path in paths])
        rows = [summary(figures.figures(skipstone.load(path))) for path in paths]
        expected = []
        for name, first in rows[0].items():
            values = [row[name] for row in rows]
            known = [first is not None and value is not None for value in values]
            differences = [value - first if both else None for value, both in zip(values, known)]
            relative = [difference / abs(first) if difference is not None and first else None for difference in differences]
            expected.append({"figure": name, "values": values, "differences": differences, "relative": relative})
        walk = Walk()
        walk.compare(found["comparison"], expected, "comparison")
        self.assertEqual(walk.wrong, [])
        self.assert_table(self.skipstone("analyze", *paths).out, expected)

    def assert_table(self, text, expected):
        """The printed comparison: value; then value, difference and per cent of each other trace."""
        lines = text.rstrip().split("\n\n")[-1].splitlines()
        rule = next(i for i, line in enumerate(lines) if set(line.strip()) == {"-"})
        heading, *rows = columns_of([lines[rule - 1], *lines[rule + 1:]])
        self.assertEqual(heading, ["figure", "[1]", "[2]", "− [1]", "%", "[3]", "− [1]", "%"])
        self.assertEqual([row[0] for row in rows], [row["figure"] for row in expected])
        for cells, row in zip(rows, expected):
            values, differences, relative = row["values"], row["differences"], row["relative"]
            wanted = [values[0], values[1], differences[1], relative[1] and 100 * relative[1], values[2], differences[2],
                      relative[2] and 100 * relative[2]]
            for cell, value in zip(cells[1:], wanted):
                if value is None:
                    self.assertEqual(cell, "–", row)
                else:
                    self.assertTrue(math.isclose(float(cell), value, rel_tol=6e-6, abs_tol=0.00501), (cell, value, row))

    def test_tables_as_files(self):
        paths = [self.traced("radio"), self.traced("batteries")]
        for chosen in (paths[:1], paths):
            folder = self.folder / f"tables-{len(chosen)}"
            self.skipstone("analyze", *chosen, "--csv", folder)
            traces = [self.analyze(path) for path in chosen]
            files = {path.stem: list(csv.reader(path.read_text().splitlines())) for path in folder.iterdir()}
            expected = {name: table for name, table in traces[0].items() if name not in ("format", "version", "powers", "notes")}
            self.assertEqual(files.keys() - {"comparison"}, expected.keys())
            for name, table in expected.items():
                with self.subTest(table=name, traces=len(chosen)):
                    self.assert_file(files[name], [trace[name] for trace in traces], chosen, name)
        heading, *rows = files["comparison"]
        self.assertEqual(heading, ["figure", "trace", "value", "difference", "relative"])
        walk = Walk()
        for row, (figure, i) in zip(rows, [(figure, i) for figure in self.analyze(*paths)["comparison"] for i in range(2)], strict=True):
            self.assertEqual(row[:2], [figure["figure"], paths[i]])
            walk.compare([number(cell) for cell in row[2:]], [figure[name][i] for name in ("values", "differences", "relative")])
        self.assertEqual(walk.wrong, [])

    def assert_file(self, lines, tables, paths, name):
        heading, *rows = lines
        expected = []
        for path, table in zip(paths, tables):
            if name == "summary":
                table = [{"figure": figure, "value": value} for figure, value in table.items()]
            for row in table if isinstance(table, list) else [table]:
                expected.append(({"trace": path} if len(paths) > 1 else {}) | row)
        if expected:
            self.assertEqual(heading, list(expected[0]))
        self.assertEqual(len(rows), len(expected))
        for row, values in zip(rows, expected):
            for cell, value in zip(row, values.values(), strict=True):
                if isinstance(value, str):
                    self.assertEqual(cell, value)
                elif value is None:  # JSON has no infinity
                    self.assertIn(cell, ("", "inf"))
                else:
                    self.assertEqual(float(cell), value)


def number(cell):
    return float(cell) if cell else None


class OfTheTest(unittest.TestCase):
    """What this test is worth: it finds every kind of disagreement."""

    def test_finds_what_differs(self):
        right = {"a": 1, "b": [{"c": 0.5, "d": None, "e": "x"}]}
        for found, says in (({"a": 1, "b": [{"c": 0.5, "d": None, "e": "x", "f": 7}]}, "is checked by nothing"),
                            ({"b": right["b"]}, "/a: is missing"), ({"a": 2, "b": right["b"]}, "/a: 2, expected 1"),
                            ({"a": 1, "b": []}, "has 0 rows, expected 1"),
                            ({"a": 1, "b": [{"c": 0.5 + 1e-8, "d": None, "e": "x"}]}, "/c: 0.50000001"),
                            ({"a": 1, "b": [{"c": None, "d": None, "e": "x"}]}, "/c: None"),
                            ({"a": 1, "b": [{"c": 0.5, "d": 0.0, "e": "x"}]}, "/d: 0.0"),
                            ({"a": True, "b": right["b"]}, "/a: True")):
            walk = Walk()
            walk.compare(found, right)
            self.assertEqual(len(walk.wrong), 1, walk.wrong)
            self.assertIn(says, walk.wrong[0])
        walk = Walk()
        walk.compare(right, right)
        self.assertEqual((walk.wrong, walk.leaves), ([], 4))


if __name__ == "__main__":
    unittest.main()
