#!/usr/bin/env python3
"""Devices and links that fail: every key of [faults] has its effect, and what is promised of runs holds with faults on."""

import time
import unittest

from support import COMPUTE, DONE, TRANSMIT, ProgramTest, Trace, numpy, where, write_weights

FAILED, FLAG_FAILED = 3, 4
STORM = {"faults.devices": {"mean_time_to_failure": "300 ms", "mean_time_to_repair": "100 ms"},
         "faults.links": {"mean_time_to_failure": "1 s", "mean_time_to_repair": "200 ms"},
         "requests.count": None, "requests.rate": 4, "rounds.count": 12, "links.medium": "radio"}

IDLING = [{"profile": "khan2023-low", "name": "low", "count": 3, "mac_rate": "100 MMAC/s", "power": {"idle": "1 W"}, "battery": "1 MJ"}]


class FaultTest(ProgramTest):
    def run_checked(self, changes, *arguments):
        trace = self.run_scenario(changes, *arguments)
        self.assertEqual(self.skipstone("check", trace.path).code, 0)
        return trace


class Keys(FaultTest):
    def causes(self, trace):
        return {row["cause"].decode() for row in trace.outages}

    def test_devices_fail_and_come_back(self):
        trace = self.run_checked({"faults.devices": STORM["faults.devices"], "rounds.count": 10})
        self.assertEqual(self.causes(trace), {"failure"})
        own = trace.outages[trace.outages["peer"] == -1]
        self.assertEqual(len(own), len(trace.outages))
        lengths = own["end_s"] - own["begin_s"]
        self.assertTrue((lengths > 0).all())
        self.assertGreater(len(own), 5)

    def test_links_fail(self):
        trace = self.run_checked({"faults.links": {"mean_time_to_failure": "200 ms", "mean_time_to_repair": "200 ms"}})
        self.assertTrue((trace.outages["peer"] > trace.outages["device"]).all())
        self.assertGreater(len(trace.outages), 0)

    def test_survival(self):
        trace = self.run_checked({"faults.survival": [1.0, 0.0], "rounds.count": 4})
        self.assertEqual(self.causes(trace), {"survival"})
        self.assertEqual(set(trace.outages["device"] % 2), {1})
        working = trace.events[(trace.events["kind"] == COMPUTE)]
        self.assertEqual(set(working["device"] % 2), {0})

    def test_survival_profiles(self):
        shares = {}
        for name in ("normal", "poor", "hazardous"):
            trace = self.run_checked({"faults.profile": f"survival-{name}", "rounds.count": 60, "requests.count": 1})
            shares[name] = len(trace.outages) / (60 * len(trace.devices))
        self.assertLess(shares["normal"], shares["poor"])
        self.assertLess(shares["poor"], shares["hazardous"])

    def test_a_key_beside_a_profile_overrides_it(self):
        trace = self.run_scenario({"faults.profile": "survival-hazardous", "faults.survival": 1.0})
        self.assertEqual(len(trace.outages), 0)

    def test_outages(self):
        names = self.run_scenario().names("devices")
        trace = self.run_checked({"faults.outages": [{"device": names[1], "begin": "0 s"}, {"device": names[0], "peer": names[2], "begin": "1 ms", "end": "3 s"}]})
        self.assertEqual(self.causes(trace), {"schedule"})
        self.assertEqual(len(where(trace.events, device=1)), 0)
        self.assertTrue(numpy.isnan(where(trace.outages, device=1)["end_s"][0]))
        link = trace.outages[trace.outages["peer"] == 2][0]
        self.assertEqual((link["device"], link["begin_s"], link["end_s"]), (0, 0.001, 3))

    def first_loss(self):
        """A device that computes in the first round, and when."""
        event = where(self.run_scenario().events, round=0, kind=COMPUTE)[3]
        return int(event["device"]), (event["begin_s"] + event["end_s"]) / 2

    def lossy(self, **keys):
        device, when = self.first_loss()
        name = self.run_scenario().names("devices")[device]
        return self.run_checked({"faults.outages": [{"device": name, "begin": f"{when} s", "end": f"{when + 30} s"}], "rounds.count": 1,
                                 **{f"faults.{key}": value for key, value in keys.items()}})

    def test_remedies(self):
        nothing, anew = self.lossy(remedies=[]), self.lossy(remedies=["replan"])
        self.assertIn(FAILED, nothing.requests["status"])
        self.assertEqual(set(nothing.plans["revision"]), {0})
        lost = nothing.requests["status"] == FAILED
        self.assertTrue((anew.requests["status"][lost] == DONE).any())
        self.assertIn(1, anew.plans["revision"])
        for trace in (nothing, anew):
            flagged = trace.events[trace.events["flags"] & FLAG_FAILED != 0]
            self.assertGreater(len(flagged), 0)
            self.assertTrue(numpy.isnan(flagged["host_end_s"]).all())

    def test_skip_is_tried_where_it_comes_first(self):
        def dropped(trace):
            rows = trace.plans[(trace.plans["revision"] > 0) & (trace.plans["mode"] == 2)]
            return len(rows)
        table = {"format": "skipstone-accuracy", "version": 1, "network": "resnet20-cifar",
                 "row": [{"dropped": [], "accuracy": 0.9}] + [{"dropped": [f"s{s}b{b}"], "accuracy": 0.89} for s in (2, 3, 4) for b in (2, 3)]}
        # A device has room for one block, so that one that fails takes one block with it.
        fleet = [{"profile": "khan2023-low", "name": "small", "count": 16, "mac_rate": "100 MMAC/s", "macs_per_round": "6 MMAC"}]
        changes = {"accuracy.table": table, "fleet.devices": fleet, "faults.survival": 0.9, "rounds.count": 30, "requests.count": 1,
                   "planner.name": "no-drop"}
        skipped, planned = (self.run_checked(changes | {"faults.remedies": remedies}) for remedies in (["skip", "replan"], ["replan"]))
        self.assertGreater(dropped(skipped), dropped(planned))

    def test_detection(self):
        at_once, late = self.lossy(remedies=["replan"]), self.lossy(remedies=["replan"], detection="400 ms")
        self.assertAlmostEqual((late.rounds["end_s"] - late.rounds["start_s"])[0] - (at_once.rounds["end_s"] - at_once.rounds["start_s"])[0], 0.4, delta=0.2)


class Promises(FaultTest):
    def test_the_number_of_ranks_does_not_matter(self):
        weights = write_weights(self.path("weights.h5"))
        changed = self.scenario(STORM)
        digests = set()
        for ranks in (None, 1, 3, 5):
            output = self.new_path(".h5")
            self.skipstone("run", changed, "-o", output, "--kernels", "on", "--weights", weights, **({"ranks": ranks} if ranks else {}))
            digests.add(self.digest(output))
            self.assertEqual(self.skipstone("check", output).code, 0)
        self.assertEqual(len(digests), 1)

    def test_batteries_and_outages_agree_whenever_the_last_round_ends(self):
        failing = {"faults.devices": {"mean_time_to_failure": "10 s", "mean_time_to_repair": "3 s"}, "rounds.period": "10 s",
                   "rounds.count": 2, "fleet.devices": IDLING}
        for seed in range(1, 25):
            self.run_checked(failing | {"seed": seed})
        # Nothing that idles is left when the last round ends.
        sensor = {"profile": "khan2023-low", "name": "sensor", "battery": "5 J", "power": {"idle": "1 W"}}
        hub = {"profile": "khan2023-high", "name": "hub", "count": 3}
        self.run_checked({"fleet.devices": [sensor, hub], "rounds.period": "10 s", "rounds.count": 1, "requests.count": 1})

    def test_the_finished_rounds_of_a_killed_run_agree(self):
        failing = {"faults.devices": {"mean_time_to_failure": "3 s", "mean_time_to_repair": "1 s"}, "rounds.period": "10 s",
                   "rounds.count": 100000, "fleet.devices": IDLING}
        trace = self.path("t.h5")
        process = self.start("run", self.scenario(failing), "-o", trace)
        deadline = time.monotonic() + 60
        while self.rounds_of(trace) < 5 and time.monotonic() < deadline:
            time.sleep(0.01)
        going_on = self.skipstone("check", trace, code=2).err
        process.kill()
        process.wait()
        for said in (going_on, self.skipstone("check", trace, code=2).err):
            self.assertIn("the trace is not complete", said)
            self.assertEqual(len(said.splitlines()), 1, said)
        self.assertNotIn("DISAGREE", self.skipstone("analyze", trace).out)

    @staticmethod
    def rounds_of(trace):
        try:
            return len(Trace(trace).rounds)
        except (OSError, KeyError):
            return 0

    def test_a_storm_is_one(self):
        trace = self.run_scenario(STORM)
        self.assertGreater((trace.events["flags"] & FLAG_FAILED != 0).sum(), 10)
        self.assertGreater(len(where(trace.requests, status=DONE)), 0)
        self.assertTrue((trace.events[trace.events["kind"] == TRANSMIT]["bytes"] >= 0).all())

    def test_the_wall_clock_keeps_to_it(self):
        scenario = self.scenario(STORM | {"rounds.count": 3, "emulation.clock": "wall", "emulation.dilation": 1.0})
        ranks = len(self.run_scenario(STORM | {"rounds.count": 1}).devices) + 1
        wall = self.new_path(".h5")
        self.skipstone("run", scenario, "-o", wall, ranks=ranks)
        self.assertEqual(self.skipstone("check", wall).code, 0)
        virtual = self.new_path(".h5")
        self.skipstone("run", scenario, "-o", virtual, "--clock", "virtual")
        self.assertEqual(self.digest(wall), self.digest(virtual))


if __name__ == "__main__":
    unittest.main()
