#!/usr/bin/env python3
"""Exports for other programs, held against the trace that they were made from."""

import collections
import csv
import json
import os
import pathlib
import signal
import time
import unittest

import exit_tables
from support import COMPUTE, RECEIVE, TRANSMIT, WAIT, ProgramTest, Trace, h5py, numpy

# Losses, delays, jitter, several transfers of a device at a time: all that makes transfers overlap.
LINKS = {"links.latency": "3 ms", "links.jitter": "2 ms", "links.loss": 0.1, "links.min": "1 Mbit/s", "links.max": "3 Mbit/s",
         "requests.count": 4}
# The head in two parts, which a third device joins.
IN_PARTS = {"planner.name": "fixed", "requests.count": 6, "rounds.count": 1, "planner.stages": [
    {"blocks": "stem..s4b3", "devices": ["low-0"]}, {"blocks": "head", "devices": ["low-1", "big"], "split": "outputs", "join": "low-2"}],
    "fleet.devices": [{"profile": "khan2023-low", "name": "low", "count": 3, "mac_rate": "100 MMAC/s", "battery": "mains", "macs_per_round": "1 GMAC"},
                      {"profile": "khan2023-high", "name": "big", "mac_rate": "200 MMAC/s", "battery": "mains", "macs_per_round": "1 GMAC"}]}
KINDS = {COMPUTE: "compute", TRANSMIT: "transmit", RECEIVE: "receive", WAIT: "wait"}
UNSAID = 1e-3 + 1e-6  # a nanosecond, in microseconds


class Perfetto(ProgramTest):
    def export(self, changes, *arguments):
        trace = self.run_scenario(changes, *arguments)
        source = sorted(self.folder.glob("*.h5"))[-1]
        self.skipstone("export", source, "--to", "perfetto", "-o", "trace.json")
        with open(self.path("trace.json"), encoding="utf-8") as file:
            document = json.load(file)
        return trace, document["traceEvents"]

    def names(self, events, kind):
        return {(e["pid"], e["tid"]): e["args"]["name"] for e in events if e["ph"] == "M" and e["name"] == kind}

    def test_every_event_is_a_slice(self):
        for medium in ("links", "radio"):
            trace, events = self.export(LINKS | {"links.medium": medium})
            processes = {pid: name for (pid, _), name in self.names(events, "process_name").items()}
            tracks = self.names(events, "thread_name")
            devices, blocks = trace.names("devices"), trace.names("blocks")
            self.assertEqual(list(processes.values()), ["cluster"] + devices)

            found = collections.Counter()
            for e in events:
                if e["ph"] != "X" or processes[e["pid"]] == "cluster":
                    continue
                args = e["args"]
                track = tracks[e["pid"], e["tid"]].split(" (")[0]
                self.assertEqual(track, "radio" if e["cat"] in ("transmit", "receive") else "processor")
                found[processes[e["pid"]], args.get("peer"), args["round"], args["request"], args["block"], e["cat"],
                      args.get("bytes", 0), args.get("macs", 0), round(e["ts"], 3), round(e["ts"] + e["dur"], 3)] += 1
            expected = collections.Counter(
                (devices[e["device"]], devices[e["peer"]] if e["peer"] >= 0 else None, e["round"], e["request"],
                 blocks[e["block"]] if e["block"] >= 0 else "image", KINDS[e["kind"]], e["bytes"], e["macs"],
                 round(1e6 * e["begin_s"], 3), round(1e6 * e["end_s"], 3))
                for e in trace.events)
            self.assertEqual(sum(found.values()), len(trace.events))
            # Rounding to nanoseconds may go either way, and a slice may begin a nanosecond later than it should.
            for one, other in zip(sorted(found.elements(), key=str), sorted(expected.elements(), key=str)):
                self.assertEqual(one[:8], other[:8])
                self.assertLessEqual(max(abs(a - b) for a, b in zip(one[8:], other[8:])), UNSAID)

    def test_slices_of_a_track_do_not_overlap(self):
        for medium in ("links", "radio"):
            trace, events = self.export(LINKS | {"links.medium": medium})
            tracks = collections.defaultdict(list)
            for e in events:
                if e["ph"] == "X":
                    self.assertGreaterEqual(e["dur"], 0)
                    tracks[e["pid"], e["tid"]].append((e["ts"], e["ts"] + e["dur"]))
            for slices in tracks.values():
                slices.sort()
                for before, after in zip(slices, slices[1:]):
                    self.assertGreaterEqual(after[0] - before[1], -1e-4)

            def overlaps(device):
                on_air = trace.events[(trace.events["device"] == device) & numpy.isin(trace.events["kind"], (TRANSMIT, RECEIVE))]
                on_air = on_air[numpy.argsort(on_air["begin_s"])]
                return bool((on_air["begin_s"][1:] + 1e-8 < numpy.maximum.accumulate(on_air["end_s"])[:-1]).any())

            second = sum(name == "radio (2)" for name in self.names(events, "thread_name").values())
            self.assertEqual(second, sum(overlaps(device) for device in range(len(trace.devices))))
            self.assertTrue(second or medium == "radio", "links that are independent are used at a time")

    def test_an_arrow_leads_from_every_transmission_to_its_reception(self):
        trace, events = self.export(LINKS)
        slices = [e for e in events if e["ph"] == "X"]

        def around(flow):
            found = [s for s in slices if (s["pid"], s["tid"]) == (flow["pid"], flow["tid"]) and s["ts"] <= flow["ts"] <= s["ts"] + s["dur"]]
            self.assertEqual(len(found), 1, flow)
            return found[0]

        starts = {e["id"]: e for e in events if e["ph"] == "s"}
        ends = {e["id"]: e for e in events if e["ph"] == "f"}
        self.assertEqual(len(starts) + len(ends), sum(e["ph"] in "sf" for e in events), "an id is used once")
        self.assertEqual(starts.keys(), ends.keys())
        self.assertEqual(len(starts), len(trace.kind(TRANSMIT)))
        self.assertGreater(len(starts), 5)
        for number, start in starts.items():
            end = ends[number]
            sent, received = around(start), around(end)
            self.assertEqual((sent["cat"], received["cat"], end["bp"]), ("transmit", "receive", "e"))
            self.assertLessEqual(start["ts"], end["ts"])
            self.assertEqual((start["cat"], start["name"]), (end["cat"], end["name"]))
            for key in ("round", "request", "block", "bytes"):
                self.assertEqual(sent["args"][key], received["args"][key])

    def test_batteries_rounds_and_requests(self):
        trace, events = self.export({})
        processes = {pid: name for (pid, _), name in self.names(events, "process_name").items()}
        devices = trace.names("devices")
        counters = collections.defaultdict(list)
        for e in events:
            if e["ph"] == "C":
                counters[processes[e["pid"]]].append((e["ts"], e["args"]["J"]))
        starts = list(1e6 * trace.rounds["start_s"][1:]) + [1e6 * trace.rounds["end_s"][-1]]
        for row in trace.devices:
            times, joules = zip(*counters[devices[row["device"]]])
            self.assert_close(joules, [row["battery_j"]] + list(trace.battery["remaining_j"][trace.battery["device"] == row["device"]]))
            numpy.testing.assert_allclose(times, [0] + starts, atol=1e-3)
        tracks = self.names(events, "thread_name")
        cluster = [e for e in events if e["ph"] == "X" and processes[e["pid"]] == "cluster"]
        rounds = [e for e in cluster if tracks[e["pid"], e["tid"]] == "rounds"]
        numpy.testing.assert_allclose([[e["ts"], e["ts"] + e["dur"]] for e in rounds],
                                      1e6 * numpy.stack([trace.rounds["start_s"], trace.rounds["end_s"]], 1), atol=2e-3)
        requests = [e for e in cluster if tracks[e["pid"], e["tid"]].startswith("requests")]
        self.assertEqual(sorted((e["args"]["round"], e["args"]["request"]) for e in requests),
                         sorted((r["round"], r["request"]) for r in trace.requests))
        done = {(r["round"], r["request"]): r["latency_s"] for r in trace.requests if r["status"] == 1}
        for e in requests:
            if e["args"]["status"] == "done":
                self.assertAlmostEqual(e["dur"], 1e6 * done[e["args"]["round"], e["args"]["request"]], delta=2e-3)

    def test_heads_of_exits_and_who_leaves(self):
        trace, events = self.export(exit_tables.changes(self, requests=20, rounds=2))
        blocks, heads = trace.names("blocks"), {e["block"]: e["after"] for e in trace.blocks if e["after"] >= 0}
        left = {(r["round"], r["request"]): r["exit"] for r in trace.requests if r["status"] == 1}
        found, expected = collections.Counter(), collections.Counter()
        for e in trace.kind(COMPUTE):
            if e["block"] in heads:
                leaves = left.get((e["round"], e["request"])) == heads[e["block"]]
                expected["leaves" if leaves else "compute", blocks[e["block"]] + (": leaves" if leaves else ""), e["request"], leaves] += 1
        for e in events:
            if e["ph"] == "X" and e.get("args", {}).get("block") in [blocks[head] for head in heads]:
                found[e["cat"], e["name"], e["args"]["request"], e["args"]["left"]] += 1
        self.assertEqual(found, expected)
        marks = [e for e in events if e["ph"] == "i" and e["cat"] == "leaves"]
        self.assertEqual(len(marks), sum(leaves for *_, leaves in expected.elements()))
        self.assertGreater(len(marks), 3)
        ends = {(e["pid"], e["tid"], round(e["ts"] + e["dur"], 3)) for e in events if e["ph"] == "X" and e["cat"] == "leaves"}
        self.assertEqual(ends, {(e["pid"], e["tid"], round(e["ts"], 3)) for e in marks})
        said = {e["args"]["left"] for e in events if e["ph"] == "X" and e["cat"] == "request" and e["args"]["status"] == "done"}
        self.assertEqual(said, {"at the end", *("behind " + blocks[exit] for exit in left.values() if exit >= 0)})

    def test_parts_and_what_joins_them(self):
        trace, events = self.export(IN_PARTS)
        blocks, found = trace.names("blocks"), collections.Counter()
        for e in events:
            if e["ph"] == "X" and e["cat"] in ("compute", "join"):
                found[e["cat"], e["name"], e["args"]["request"]] += 1
        head = blocks.index("head")
        expected = collections.Counter()
        for e in trace.kind(COMPUTE):
            block = blocks[e["block"]]
            if e["block"] != head:
                expected["compute", block, e["request"]] += 1
            elif e["part"] < 0:
                expected["join", "join the parts of head", e["request"]] += 1
            else:
                expected["compute", f"head, part {e['part'] + 1}", e["request"]] += 1
        self.assertEqual(found, expected)
        self.assertEqual(sum(count for (cat, *_), count in found.items() if cat == "join"), len(trace.requests))

    def test_names_need_no_good_manners(self):
        name = 'a"b\\c </script> é'
        trace, events = self.export({"fleet.devices": [{"profile": "khan2023-low", "name": name, "mac_rate": "100 MMAC/s"}]})
        self.assertIn(name, self.names(events, "process_name").values())


class Csv(ProgramTest):
    TABLES = ("devices", "blocks", "rounds", "plans", "requests", "events", "battery", "clocks", "outages")

    def read(self, name):
        with open(self.path(name), newline="", encoding="utf-8") as file:
            heading, *rows = csv.reader(file)
        return heading, rows

    def test_every_table_says_what_the_trace_says(self):
        trace = self.run_scenario(LINKS | {"requests.count": 9, "fleet.devices": [
            {"profile": "khan2023-low", "name": 'a, "b"', "count": 3, "mac_rate": "100 MMAC/s", "macs_per_round": "30 MMAC"}]})
        source = next(self.folder.glob("*.h5"))
        self.skipstone("export", source, "--to", "csv", "-o", "new/tables/")
        self.assertEqual({p.stem for p in (self.folder / "new/tables").iterdir()}, {*self.TABLES, "links"})
        codes = {("events", "kind"): KINDS, ("plans", "mode"): {1: "full", 2: "skip", 3: "direct"},
                 ("requests", "status"): {1: "done", 2: "rejected", 3: "failed"},
                 ("plans", "split"): {0: "whole"}, ("rounds", "goal"): {0: "latency"}}
        for table in self.TABLES:
            heading, rows = self.read(f"new/tables/{table}.csv")
            columns = getattr(trace, table)
            self.assertEqual([h.split(" [")[0] for h in heading], list(columns.dtype.names))
            self.assertEqual(len(rows), len(columns))
            for h, cells in zip(heading, zip(*rows)):
                name = h.split(" [")[0]
                values = columns[name]
                if (table, name) in codes:
                    self.assertEqual(list(cells), [codes[table, name][v] for v in values])
                elif values.dtype.kind == "S":
                    self.assertEqual(list(cells), [v.decode() for v in values])
                else:
                    numpy.testing.assert_array_equal([float(c) if c else numpy.nan for c in cells], values)  # all digits
        self.assertEqual(self.read("new/tables/devices.csv")[0][:3], ["device", "name", "mac_rate [MAC/s]"])
        self.assertEqual(self.read("new/tables/requests.csv")[0][6:8], ["accuracy", "shared_bytes [B]"])
        heading, rows = self.read("new/tables/requests.csv")
        self.assertIn("rejected", {row[heading.index("status")] for row in rows})
        heading, rows = self.read("new/tables/links.csv")
        self.assertEqual(heading, ["round", "device", "peer", "rate_bit_s [bit/s]"])
        self.assertEqual(len(rows), len(trace.rounds) * 3 * 2)
        for r, i, k, rate in rows:
            self.assertEqual(float(rate), trace.rates[int(r), int(i), int(k)])

    def test_what_exits_say_is_a_table_of_its_own(self):
        trace = self.run_scenario(exit_tables.changes(self, requests=10, rounds=2))
        source = next(self.folder.glob("*.h5"))
        self.skipstone("export", source, "--to", "csv", "-o", "tables/")
        heading, rows = self.read("tables/exits.csv")
        self.assertEqual(heading, ["round", "request", "exit", "predicted", "confidence", "left"])
        with h5py.File(source) as file:
            exits = file["exits"][:]
        self.assertGreater(len(rows), 10)
        self.assertEqual([(int(r), int(q), int(e), int(p), float(c), left) for r, q, e, p, c, left in rows],
                         [(r, q, e, p, c, ("no", "yes")[left]) for r, q, e, p, c, left in exits.tolist()])
        heading, rows = self.read("tables/requests.csv")
        for name in ("exit", "confidence", "verdict"):
            place = heading.index(name)
            numpy.testing.assert_array_equal([float(row[place] or "nan") for row in rows], trace.requests[name])

    def test_prices_are_there_in_a_stream_only(self):
        fleet = {"fleet.devices": IN_PARTS["fleet.devices"]}
        self.run_scenario(fleet | {"objective.goal": "throughput", "planner.name": "pipeline", "requests.count": 12, "rounds.count": 2})
        source = next(self.folder.glob("*.h5"))
        self.skipstone("export", source, "--to", "csv", "-o", "stream/")
        self.assertEqual({p.stem for p in (self.folder / "stream").iterdir()}, {*self.TABLES, "links", "prices"})
        heading, rows = self.read("stream/prices.csv")
        self.assertEqual(heading, ["round", "resource", "device", "peer", "price [1/s]"])
        with h5py.File(source) as file:
            prices = file["prices"][:]
        names = {1: "processor", 2: "link", 3: "radio", 4: "memory"}
        self.assertGreater(len(rows), 1)
        self.assertEqual([(int(r), kind, int(d), int(p), float(price)) for r, kind, d, p, price in rows],
                         [(r, names[kind], d, p, price) for r, kind, d, p, price in prices.tolist()])
        self.skipstone("export", source, "--to", "csv", "--table", "prices", "-o", "prices.csv")
        self.assertEqual(self.read("prices.csv"), (heading, rows))
        self.skipstone("run", self.scenario(), "-o", "other.h5")
        refused = self.skipstone("export", "other.h5", "--to", "csv", "--table", "prices", "-o", "none.csv", code=2)
        self.assertIn('other.h5: has no table "prices"', refused.err)
        self.assertFalse((self.folder / "none.csv").exists())

    def test_one_table_into_a_file_or_an_existing_folder(self):
        trace = self.run_scenario()
        source = next(self.folder.glob("*.h5"))
        self.skipstone("export", source, "--to", "csv", "-o", "e.csv")
        self.assertEqual(len(self.read("e.csv")[1]), len(trace.events))
        self.skipstone("export", source, "--to", "csv", "--table", "requests", "-o", "r.csv")
        self.assertEqual(len(self.read("r.csv")[1]), len(trace.requests))
        (self.folder / "there").mkdir()
        self.skipstone("export", source, "--to", "csv", "--table", "rounds", "-o", "there")
        self.assertEqual([p.name for p in (self.folder / "there").iterdir()], ["rounds.csv"])


class Mistakes(ProgramTest):
    def setUp(self):
        super().setUp()
        self.run_scenario()
        self.source = next(self.folder.glob("*.h5"))

    def refused(self, *arguments):
        result = self.skipstone("export", *arguments, code=2)
        return result.out + result.err

    def test_what_is_wrong_is_said(self):
        text = self.write("text.h5", "no trace")
        out = ("-o", self.path("x"))
        self.assertIn("it is text", self.refused(text, "--to", "csv", *out))
        self.assertIn("cannot be opened", self.refused(self.path("none.h5"), "--to", "csv", *out))
        self.assertIn('nearest is "events"', self.refused(self.source, "--to", "csv", "--table", "event", *out))
        self.assertIn("--table goes with --to csv", self.refused(self.source, "--to", "perfetto", "--table", "events", *out))
        self.assertIn("csv", self.refused(self.source, "--to", "xml", *out))
        self.assertIn("is an input of this very command", self.refused(self.source, "--to", "csv", "-o", self.source))
        self.assertIn("it is a folder", self.refused(self.source, "--to", "perfetto", "-o", self.folder))
        self.assertIn("cannot be written", self.refused(self.source, "--to", "perfetto", "-o", self.path("no/folder/x.json")))
        self.assertEqual(sorted(p.name for p in self.folder.iterdir() if p.suffix not in (".h5", ".toml")), [])

    def test_a_full_disk(self):
        if not pathlib.Path("/dev/full").exists():
            self.skipTest("skipped: there is no /dev/full")
        for to in ("csv", "perfetto"):
            result = self.skipstone("export", self.source, "--to", to, "-o", "/dev/full", code=1)
            self.assertIn("No space left", result.err)

    def test_an_unfinished_trace_gives_its_finished_rounds(self):
        path = self.path("long.h5")
        process = self.start("run", self.scenario({"rounds.count": 1_000_000}), "-o", path)
        while not pathlib.Path(path).exists():
            time.sleep(0.01)
        time.sleep(0.3)
        process.kill()
        self.wait(process)
        result = self.skipstone("export", path, "--to", "csv", "--table", "rounds", "-o", "rounds.csv")
        rounds = len((self.folder / "rounds.csv").read_text().splitlines()) - 1
        self.assertIn(f"is not complete; exported: its {rounds} finished rounds", result.err)
        self.assertEqual(rounds, len(Trace(path).rounds))

    def writes(self, process):
        """Whether it has a file of our folder open that is no trace; it may have no name yet."""
        places = []
        for entry in pathlib.Path(f"/proc/{process.pid}/fd").iterdir():
            try:
                places.append(os.readlink(entry))
            except OSError:
                pass
        return any(place.startswith(f"{self.folder}/") and not place.endswith(".h5") for place in places)

    def test_an_interrupted_export_leaves_nothing(self):
        self.skipstone("run", self.scenario({"rounds.count": 4000}), "-o", "big.h5")
        process = self.start("export", "big.h5", "--to", "perfetto", "-o", "big.json")
        while not self.writes(process):
            self.assertIsNone(process.poll(), "ended too early")
            time.sleep(0.001)
        process.send_signal(signal.SIGINT)
        self.assertEqual(self.wait(process).code, 130)
        self.assertEqual(list(self.folder.glob("*big.json*")), [])


if __name__ == "__main__":
    unittest.main()
