#!/usr/bin/env python3
"""Devices that are empty or down, and what is planned after a failure, held against an independent recomputation."""

import pathlib
import sys
import unittest

sys.path.append(str(pathlib.Path(__file__).resolve().parents[1] / "cli"))

from support import DONE, REJECTED, ProgramTest, Trace, where

import recompute
import scenarios

POWER = {"compute": "8 W", "transmit": "10 W"}


def scenario(devices, **sections):
    """ResNet-50 with the paper's table and links; greedy, unless told otherwise."""
    base = {"": {"seed": 1}, "network": {"profile": "resnet50"}, "accuracy": {"table": "khan2023-table2"}, "fleet": {"devices": devices},
            "links": {"profile": "khan2023"}, "requests": {}, "rounds": {}, "objective": {}, "planner": {"name": "greedy"},
            "emulation": {"clock": "virtual", "kernels": False}}
    for section, keys in sections.items():
        base[section] = base.get(section, {}) | keys
    return base


def devices(count, name="d", **keys):
    return {"name": name, "count": count, "mac_rate": "2.8 GMAC/s", "memory": "100 MB", "macs_per_round": "2.8 GMAC", "battery": "1 kJ",
            "power": POWER} | keys


class Recovery(ProgramTest):
    def run_right(self, given):
        """Runs a scenario whose trace must be right, by `check` and by the recomputation."""
        output = self.new_path(".h5")
        self.skipstone("run", self.write(pathlib.Path(self.new_path(".toml")).name, scenarios.text(given)), "-o", output)
        self.skipstone("check", output)
        self.assertEqual(recompute.findings(given, output), [])
        return Trace(output)

    def from_source(self, battery, power=None, **sections):
        """Four requests a round whose images are on a device that sends for nothing, but not when it is empty."""
        source = devices(1, "src", mac_rate="1.4 GMAC/s", battery=battery,
                         power=power or {"compute": "8 W", "transmit": "0 W", "receive": "0 W", "idle": "2 W"})
        sections["requests"] = {"count": 4, "source": "src-0"} | sections.get("requests", {})
        return self.run_right(scenario([source, devices(3, macs_per_round="16 GMAC")], **sections))

    def test_an_empty_source_lets_nothing_in(self):
        for planner in ("exact", "contention", "greedy", "no-drop", "single-device"):  # the others take long, or find nothing
            with self.subTest(planner=planner):
                trace = self.from_source("1.2 J", rounds={"count": 4}, planner={"name": planner})
                off = trace.outages[0]["begin_s"]
                self.assertGreaterEqual(off, 0.6)  # 1.2 J last so long at 2 W, and longer while it sends for nothing
                self.assertLess(off, 2)
                late = [r for r in trace.rounds if r["start_s"] >= off]
                self.assertTrue(late)
                for row in late:
                    self.assertEqual((row["admitted"], row["binding"]), (0, b"energy"))

    def test_a_source_that_empties_before_its_images_are_there_lets_nothing_in(self):
        trace = self.from_source("5 J", requests={"arrivals": "spread"}, rounds={"count": 4, "period": "10 s"})
        self.assertEqual(set(trace.rounds["binding"]), {b"energy"})
        self.assert_close(trace.outages[0]["begin_s"], 2.5)

    def test_a_source_without_a_battery_lets_nothing_in_though_it_spends_nothing(self):
        trace = self.from_source("0 J", {"compute": "0 W", "transmit": "0 W"}, rounds={"count": 2})
        self.assertEqual(set(trace.requests["status"]), {REJECTED})

    def test_an_empty_fleet_rejects_for_energy(self):
        idle = POWER | {"idle": "5 W"}
        trace = self.run_right(scenario([devices(2, battery="30 J", power=idle)], requests={"count": 1}, rounds={"count": 6, "period": "2 s"}))
        self.assertEqual(trace.rounds[-1]["binding"], b"energy")
        self.assertEqual(set(trace.battery[-2:]["remaining_j"]), {0})

    # ---- outages

    def waits(self, faults, **sections):
        """Rounds of two requests in a fleet of four that meets this outage; where rounds that reject everything are."""
        sections["requests"] = {"count": 2, "on_reject": "retry"} | sections.get("requests", {})
        trace = self.run_right(scenario([devices(4)], rounds={"count": 12}, faults=faults, **sections))
        return trace, where(trace.rounds, admitted=0)

    def test_the_next_round_waits_for_the_end_of_an_outage_that_keeps_everything_out(self):
        outage = {"begin": "2 s", "end": "6 s"}
        cases = {"the source": ({"outages": [{"device": "d-0"} | outage]}, {"requests": {"source": "d-0"}}),
                 "all devices": ({"outages": [{"device": f"d-{i}"} | outage for i in range(4)]}, {}),
                 "all links": ({"outages": [{"device": f"d-{i}", "peer": f"d-{k}"} | outage for i in range(4) for k in range(i)]}, {})}
        for name, (faults, sections) in cases.items():
            with self.subTest(name):
                trace, rejecting = self.waits(faults, **sections)
                self.assertEqual(len(rejecting), 1)
                self.assertEqual(rejecting[0]["binding"], b"outage")
                following = trace.rounds[rejecting[0]["round"] + 1]
                self.assertEqual(following["start_s"], 6)
                self.assertGreater(following["admitted"], 0)

    def test_with_a_period_rounds_go_on_in_it(self):
        faults = {"outages": [{"device": "d-0", "begin": "2 s", "end": "6 s"}]}
        trace = self.run_right(scenario([devices(4)], requests={"count": 1, "source": "d-0"}, rounds={"count": 12, "period": "3 s"},
                                        faults=faults))
        self.assertEqual(list(trace.rounds["start_s"]), [3.0 * i for i in range(12)])
        self.assertEqual(trace.rounds[1]["binding"], b"outage")

    def test_an_outage_for_good_stops_no_run(self):
        faults = {"outages": [{"device": f"d-{i}", "begin": "0 s"} for i in range(4)]}
        trace, rejecting = self.waits(faults)
        self.assertEqual(len(rejecting), 12)
        self.assertEqual(set(rejecting["binding"]), {b"outage"})

    # ---- after a failure

    def test_weights_of_other_requests_and_of_what_was_kept_count_when_planning_anew(self):
        revised = 0
        for seed in range(1, 5):
            given = scenario([devices(6, memory="70 MB", macs_per_round="6 GMAC")], requests={"count": 5}, rounds={"count": 12},
                             objective={"memory": "resident", "accuracy_threshold": 0.94}, faults={"survival": [0.7], "remedies": ["replan"]})
            given[""] = {"seed": seed}
            revised += (self.run_right(given).plans["revision"] > 0).sum()
        self.assertGreater(revised, 100)

    def test_what_was_computed_in_vain_counts_when_planning_anew(self):
        given = scenario([devices(6)], requests={"count": 3}, rounds={"count": 60},
                         faults={"devices": {"mean_time_to_failure": "2 s", "mean_time_to_repair": "0.2 s"}, "remedies": ["skip", "replan"]})
        given[""] = {"seed": 3}
        trace = self.run_right(given)
        self.assertGreater((trace.plans["revision"] > 0).sum(), 100)
        self.assertGreater((trace.requests["status"] == DONE).sum(), 100)

    def test_a_device_that_is_back_is_planned_with_again(self):
        # One of two devices is down when the round begins, and back when the other one fails.
        faults = {"outages": [{"device": "d-1", "begin": "0 s", "end": "0.5 s"}, {"device": "d-0", "begin": "1 s"}], "remedies": ["replan"]}
        trace = self.run_right(scenario([devices(2, macs_per_round="8 GMAC")], requests={"count": 1}, rounds={"count": 1},
                                        objective={"accuracy_threshold": 0.94}, faults=faults))
        self.assertEqual(list(trace.requests["status"]), [DONE])
        self.assertEqual(set(trace.plans[trace.plans["revision"] == 1]["device"]), {1})

    def test_check_finds_plans_that_need_more_than_a_device_has(self):
        import h5py
        given = scenario([devices(2, macs_per_round="8 GMAC")], requests={"count": 1}, rounds={"count": 1})
        output = self.run_right(given).path
        with h5py.File(output, "r+") as file:
            rows = file["devices"][:]
            rows["macs_per_round"] = 1_000_000
            file["devices"][:] = rows
        result = self.skipstone("check", output, code=2)
        self.assertIn("plans need more macs than a device has (Eq. 14)", result.out + result.err)


if __name__ == "__main__":
    unittest.main()
