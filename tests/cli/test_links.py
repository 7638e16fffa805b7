#!/usr/bin/env python3
"""Links of one's own (links.pair, links.file): what they do to plans, times, energies and traces."""

import csv
import json
import pathlib
import shutil
import unittest

from support import DONE, RETRANSMITTED, TRANSMIT, ProgramTest, Trace, numpy, scenario_text, where

NAMES = ("low-0", "low-1", "low-2", "big")
PLANNERS = "exact,contention,milp,ga,greedy,no-drop,single-device"


def pair(start, end, **keys):
    return {"from": start, "to": end, **keys}


class TwoDevices(ProgramTest):
    """The first four blocks run on `near`, the rest on `far`."""

    def setUp(self):
        super().setUp()
        blocks = self.run_scenario({"rounds.count": 1}).blocks
        macs = [int(m) for m in blocks["macs"]]
        self.near_s, self.far_s = sum(macs[:4]) / 1e9, sum(macs[4:]) / 100e6
        self.bits = 8 * int(blocks["output_bytes"][3])
        power = {"compute": "8 W", "transmit": "10 W", "receive": "2 W"}
        fleet = [{"profile": "khan2023-low", "name": "near", "mac_rate": "1 GMAC/s", "macs_per_round": f"{sum(macs[:4])} MAC", "power": power},
                 {"profile": "khan2023-low", "name": "far", "mac_rate": "100 MMAC/s", "macs_per_round": f"{sum(macs[4:])} MAC", "power": power}]
        self.changes = {"fleet.devices": fleet, "requests.count": 1, "rounds.count": 1, "planner.name": "exact", "links.latency": "7 ms",
                        "objective.accuracy_threshold": 0.9}

    def run_pairs(self, *pairs, **changes):
        trace = self.run_scenario(self.changes | {"links.pair": list(pairs)} | changes)
        self.assertEqual(self.skipstone("check", trace.path).code, 0)
        return trace

    def test_latency_and_energy_are_those_of_the_pair(self):
        trace = self.run_pairs(pair("near", "far", rate="16 Mbit/s", latency="30 ms", efficiency=0.5))
        hop = self.bits / 8e6
        self.assert_close(trace.requests["latency_s"], self.near_s + hop + 0.030 + self.far_s)
        self.assert_close(trace.requests["predicted_latency_s"], self.near_s + hop + 0.030 + self.far_s)
        self.assert_close(800 - trace.battery["remaining_j"], [8 * self.near_s + 10 * hop, 8 * self.far_s + 2 * hop])
        self.assertEqual(trace.rates[0, 0, 1], 16e6)
        self.assertTrue(7.2e6 <= trace.rates[0, 1, 0] <= 72.2e6)

    def test_the_two_directions_differ(self):
        image = 8 * 3 * 32 * 32 * 4
        trace = self.run_pairs(pair("near", "far", rate="16 Mbit/s"), pair("far", "near", rate="1 Mbit/s", latency="0 s"),
                               **{"requests.source": "far"})
        self.assert_close(trace.requests["latency_s"], image / 1e6 + self.near_s + self.bits / 16e6 + 0.007 + self.far_s)
        both = self.run_pairs(pair("near", "far", rate="16 Mbit/s", latency="1 ms", symmetric=True), **{"requests.source": "far"})
        self.assert_close(both.requests["latency_s"], image / 16e6 + 0.001 + self.near_s + self.bits / 16e6 + 0.001 + self.far_s)

    def test_without_a_link_nothing_gets_there(self):
        for changes in ({"links.pair": [pair("near", "far", rate="none")], "requests.source": "near"}, {"links.pair": [pair("*", "*", rate="none")]}):
            trace = self.run_scenario(self.changes | changes)
            self.assertEqual(trace.rounds["admitted"][0], 0)
            self.assertEqual(trace.rates[0, 0, 1], 0)

    def test_what_analyze_plans_is_what_the_pair_costs(self):
        trace = self.run_pairs(pair("near", "far", rate="16 Mbit/s", latency="30 ms", efficiency=0.5, loss=0.3))
        figures = json.loads(self.skipstone("analyze", trace.path, "--json").out)
        link, request = figures["links"][0], figures["request_paths"][0]
        self.assert_close(link["planned_mean_s"], self.bits / 8e6 / 0.7 + 0.030)
        self.assert_close(request["planned_energy_j"], 8 * (self.near_s + self.far_s) + 12 * self.bits / 8e6 / 0.7)
        self.assert_close(request["predicted_latency_s"], self.near_s + self.bits / 8e6 / 0.7 + 0.030 + self.far_s)


class FourDevices(ProgramTest):
    def test_loss_and_jitter_of_one_pair_touch_no_other(self):
        pairs = [pair("*", "*", rate="10 Mbit/s")]
        plain = self.run_scenario({"links.pair": pairs})
        start, end = next((int(e["device"]), int(e["peer"])) for e in plain.kind(TRANSMIT))
        # Fast enough to be used in spite of what it loses.
        own = pair(NAMES[start], NAMES[end], rate="40 Mbit/s", loss=0.3, jitter="5 ms")
        changed = self.run_scenario({"rounds.count": 12, "links.pair": [*pairs, own]})
        touched = untouched = 0
        for sent, received in changed.transfers():
            on_it = (sent["device"], sent["peer"]) == (start, end)
            factor = (sent["end_s"] - sent["begin_s"]) / (8 * sent["bytes"] / (40e6 if on_it else 10e6))
            delay = received["end_s"] - sent["end_s"]
            self.assertEqual(factor > 1 + 1e-6, bool(sent["flags"] & RETRANSMITTED))
            if on_it:
                touched += factor > 1 + 1e-6 and delay > 0
                continue
            untouched += 1
            self.assert_close(factor, 1)
            self.assert_close(delay, 0)
        self.assertGreater(touched, 3)
        self.assertGreater(untouched, 3)
        self.assertEqual(self.skipstone("check", changed.path).code, 0)

    def test_links_without_an_entry_are_drawn_as_ever(self):
        plain, own = self.run_scenario(), self.run_scenario({"links.pair": [pair("low-0", "big", rate="3 Mbit/s")]})
        differ = plain.rates != own.rates
        differ[:, range(4), range(4)] = False
        self.assertEqual({tuple(place[1:]) for place in numpy.argwhere(differ)}, {(0, 3)})
        self.assertEqual(set(own.rates[:, 0, 3]), {3e6})

    def test_every_planner_knows_the_links(self):
        pairs = [pair("low-0", "*", rate="4 Mbit/s", latency="40 ms", symmetric=True), pair("low-1", "low-2", rate="none", symmetric=True),
                 pair("big", "low-1", loss=0.4)]
        dump = self.path("i.json")
        results = json.loads(self.skipstone("plan", self.scenario({"links.pair": pairs, "requests.count": 2}), "--planner", PLANNERS, "--json",
                                            "--dump-instance", dump).out)
        instance = json.loads(pathlib.Path(dump).read_text())
        rates, latencies = instance["rate_bit_s"], instance["latency_s"]
        self.assertEqual([latencies[0][1], latencies[3][0], latencies[1][3]], [0.04, 0.04, 0])
        self.assertIsNone(rates[1][2])
        self.assertIsNone(rates[2][1])
        self.assertEqual(rates[0][1:], [4e6] * 3)
        by_name = {result["planner"]: result for result in results}
        self.assert_close(by_name["exact"]["objective"], by_name["milp"]["objective"], relative=2e-3)
        sizes = {block["name"]: block["output_bytes"] for block in instance["blocks"]}
        macs = {block["name"]: block["macs"] for block in instance["blocks"]}
        for result in results:
            for request in result["requests"]:
                if not request["admitted"]:
                    continue
                way = [(block, NAMES.index(device)) for block, device in request["devices"].items() if device]
                latency = sum(macs[block] / instance["devices"][device]["mac_rate"] for block, device in way)
                for (block, start), (_, end) in zip(way, way[1:]):
                    if start != end:
                        self.assertIsNotNone(rates[start][end], result["planner"])
                        latency += 8 * sizes[block] / rates[start][end] + latencies[start][end]
                self.assert_close(request["latency_s"], latency)

    def test_the_wall_clock_does_what_the_virtual_clock_does(self):
        changes = {"rounds.count": 2, "links.pair": [pair("big", "*", rate="20 Mbit/s", latency="10 ms", jitter="2 ms", symmetric=True),
                                                     pair("low-0", "low-1", rate="none", symmetric=True), pair("low-2", "big", loss=0.2)]}
        virtual = self.run_scenario(changes)
        wall = self.run_scenario(changes | {"emulation.clock": "wall", "emulation.dilation": 1}, ranks=5)
        self.assertEqual(self.digest(virtual.path), self.digest(wall.path))
        pairs = {(int(e["device"]), int(e["peer"])) for e in wall.kind(TRANSMIT)}
        self.assertFalse(pairs & {(0, 1), (1, 0)})
        for sent, received in ((s, r) for s, r in wall.transfers() if s["device"] == 3):
            self.assertGreaterEqual(received["host_end_s"] - sent["host_begin_s"], 0.9 * (received["end_s"] - sent["begin_s"]))

    def test_radio(self):
        trace = self.run_scenario({"links.medium": "radio", "links.pair": [pair("*", "*", rate="2 Mbit/s", latency="3 ms")]})
        for sent, received in trace.transfers():
            self.assert_close([sent["end_s"] - sent["begin_s"], received["end_s"] - sent["end_s"]], [8 * sent["bytes"] / 2e6, 0.003])
        self.assertGreater(len(trace.transfers()), 0)

    def test_outages_come_on_top(self):
        storm = {"faults.devices": {"mean_time_to_failure": "300 ms", "mean_time_to_repair": "100 ms"},
                 "faults.links": {"mean_time_to_failure": "300 ms", "mean_time_to_repair": "100 ms"}, "rounds.count": 20}
        pairs = [pair("low-0", "low-1", rate="none", symmetric=True), pair("big", "low-2", rate="none"), pair("low-2", "*", latency="4 ms")]
        for planner in ("greedy", "exact", "contention"):
            trace = self.run_scenario(storm | {"links.pair": pairs, "planner.name": planner})
            self.assertEqual(self.skipstone("check", trace.path).code, 0)
            moved = {(int(e["device"]), int(e["peer"])) for e in trace.kind(TRANSMIT)}
            self.assertFalse(moved & {(0, 1), (1, 0), (3, 2)})
            self.assertTrue((trace.rates[:, 3, 2] == 0).all())
            self.assertGreater(len(trace.outages), 5)

    def test_the_resolved_scenario_makes_the_same_trace(self):
        self.write("links.csv", "from,to,rate_mbit_s,latency_ms\nbig,*,9,2\n*,big,8,1\n")
        scenario = self.scenario({"links.file": "links.csv", "links.pair": [pair("big", "low-0", rate="1 Mbit/s")]})
        resolved = self.write("resolved.toml", self.skipstone("run", scenario, "--print-config").out)
        (self.folder / "links.csv").rename(self.folder / "gone.csv")
        self.skipstone("run", resolved, "-o", "again.h5")
        (self.folder / "gone.csv").rename(self.folder / "links.csv")
        self.skipstone("run", scenario, "-o", "first.h5")
        self.assertEqual(self.digest("first.h5"), self.digest("again.h5"))

    def test_ranks_need_no_file(self):
        self.write("links.csv", "from,to,rate_mbit_s\n*,*,5\n")
        scenario = self.scenario({"links.file": "links.csv"})
        self.skipstone("run", scenario, "-o", "alone.h5")
        self.skipstone("run", scenario, "-o", "ranks.h5", ranks=3)
        self.assertEqual(self.digest("alone.h5"), self.digest("ranks.h5"))

    def test_set_reaches_a_pair(self):
        scenario = self.scenario({"links.pair": [pair("*", "*", rate="3 Mbit/s")]})
        out = self.skipstone("run", scenario, "--set", "links.pair[0].rate=6 Mbit/s", "--print-config").out
        self.assertIn('{from = "*", to = "*", rate = "6 Mbit/s"}', out)

    def test_what_is_wrong_is_said_with_file_and_line(self):
        scenario = self.scenario({"links.pair": [pair("low", "big", rate="3 Mbit/s")]})
        said = self.skipstone("run", scenario, "-o", "t.h5", code=2).err
        for piece in (f"{scenario}:", "links.pair[0].from", '"low-0" to "low-2"'):
            self.assertIn(piece, said)
        table = self.write("links.csv", "from,to,rate_mbit_s\nlow-0,bik,5\n")
        said = self.skipstone("run", self.scenario({"links.file": "links.csv"}), "-o", "t.h5", code=2).err
        for piece in (f"{table}:2: to: ", '"bik"', 'nearest: "big"'):
            self.assertIn(piece, said)


class Sweeps(ProgramTest):
    def points(self, file):
        self.skipstone("sweep", "run", file, "-o", self.path("out"))
        self.skipstone("sweep", "collect", file, "--folder", self.path("out"), "-o", self.path("table"))
        return list(csv.DictReader((self.folder / "table.csv").read_text().splitlines()))

    def test_a_pair_s_rate_is_an_axis(self):
        self.write("base.toml", scenario_text({"links.pair": [pair("*", "*", rate="3 Mbit/s")], "rounds.count": 1}))
        file = self.write("sweep.toml", 'format = "skipstone-sweep"\nversion = 1\nscenario = "base.toml"\n[grid]\n'
                                        '"links.pair[0].rate" = ["1 Mbit/s", "4 Mbit/s", "50 Mbit/s"]\n')
        rows = self.points(file)
        latencies = [float(row["latency_mean_s"]) for row in rows]
        self.assertEqual(len(set(latencies)), 3)
        self.assertEqual(latencies, sorted(latencies, reverse=True))

    def test_another_table_of_links_makes_other_points(self):
        self.write("base.toml", scenario_text({"links.file": "links.csv", "rounds.count": 1}))
        file = self.write("sweep.toml", 'format = "skipstone-sweep"\nversion = 1\nscenario = "base.toml"\nrepetitions = 2\n')
        ids = []
        for rate in (3, 4, 3):
            self.write("links.csv", f"from,to,rate_mbit_s\n*,*,{rate}\n")
            self.skipstone("sweep", "expand", file, "-o", self.path(f"out{len(ids)}"), "--no-estimate")
            manifest = (self.folder / f"out{len(ids)}").read_text()
            ids.append({row["id"] for row in csv.DictReader(manifest.splitlines())})
        self.assertEqual(ids[0], ids[2])
        self.assertFalse(ids[0] & ids[1])


class Workshop(ProgramTest):
    """tests/cli/workshop: four devices of one's own, two of them on mains supply, latency alone."""

    def setUp(self):
        super().setUp()
        shutil.copytree(pathlib.Path(__file__).parent / "workshop", self.folder / "workshop")

    def test_runs_as_it_stands(self):
        self.skipstone("run", "workshop/workshop.toml", "-o", "t.h5")
        self.assertEqual(self.skipstone("check", "workshop/workshop.toml", "t.h5").code, 0)
        trace = Trace(self.path("t.h5"))
        self.assertEqual(list(trace.requests["status"]), [DONE] * 6)
        self.assertTrue(numpy.isnan(trace.requests["accuracy"]).all())
        moved = {(int(e["device"]), int(e["peer"])) for e in trace.kind(TRANSMIT)}
        self.assertLessEqual(moved, {(0, 2), (1, 2), (2, 0), (2, 1), (2, 3), (3, 2)})
        self.assertIn((0, 2), moved)
        self.assertTrue(numpy.isinf(where(trace.battery, device=3)["remaining_j"]).all())
        self.assertTrue((where(trace.battery, device=0)["remaining_j"] < 40 * 3600).all())


if __name__ == "__main__":
    unittest.main()
