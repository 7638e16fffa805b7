#!/usr/bin/env python3
"""Keys of work that devices share and of streams have the effect that they should have; `plan` tells throughput."""

import json
import unittest

from support import DONE, ProgramTest, Trace, numpy, where

MAINS = {"battery": "mains", "macs_per_round": "1 GMAC"}
FLEET = [{"profile": "khan2023-low", "name": "low", "count": 3, "mac_rate": "100 MMAC/s", **MAINS},
         {"profile": "khan2023-high", "name": "big", "mac_rate": "200 MMAC/s", **MAINS}]
STAGES = [{"blocks": "stem..s2b3", "devices": ["low-0"]},
          {"blocks": "s3b1..s4b3", "devices": ["low-1..2", "big"], "take": "turns"},
          {"blocks": "head", "devices": ["low-0", "big"], "split": "outputs", "join": "low-1"}]
BY_HAND = {"planner.name": "fixed", "planner.stages": STAGES, "fleet.devices": FLEET, "requests.count": 6}


class Keys(ProgramTest):
    def instance(self, changes):
        path = self.new_path(".json")
        self.skipstone("plan", self.scenario(changes), "--dump-instance", path, code=None)
        with open(path) as file:
            return json.load(file)

    def test_splits_and_most_parts(self):
        whole = self.instance({})
        self.assertFalse(any("splits" in block for block in whole["blocks"]))
        some = self.instance({"collaboration.splits": ["outputs", "rows"], "collaboration.most_parts": 3})
        ways = {way["split"] for block in some["blocks"] for way in block.get("splits", [])}
        self.assertEqual(ways, {"outputs/2", "outputs/3", "rows/2", "rows/3"})
        every = self.instance({"collaboration.splits": "auto"})
        kinds = {way["split"].split("/")[0] for block in every["blocks"] for way in block.get("splits", [])}
        self.assertEqual(kinds, {"outputs", "inputs", "rows", "tiles"})
        self.assertEqual(max(len(way["parts"]) for block in every["blocks"] for way in block.get("splits", [])), 4)

    def test_measured_times_of_parts(self):
        fleet = [dict(FLEET[0], compute_seconds={"head": "6 ms", "head:outputs/2": "4 ms"}), FLEET[1]]
        instance = self.instance({"collaboration.splits": ["outputs"], "fleet.devices": fleet})
        self.assertEqual(instance["devices"][0]["part_compute_s"], {"head:outputs/2": 0.004})
        self.assertNotIn("part_compute_s", instance["devices"][3])

    def test_goal(self):
        self.assertNotIn("goal", self.instance({}))
        instance = self.instance({"objective.goal": "throughput", "planner.name": "pipeline", "fleet.devices": FLEET})
        self.assertEqual((instance["goal"], instance["memory"]), ("throughput", "resident"))

    def test_stages(self):
        trace = self.run_scenario(BY_HAND)
        names, blocks = trace.names("devices"), trace.names("blocks")
        self.assertEqual(set(trace.requests["status"]), {DONE})
        for request in range(6):
            plan = where(trace.plans, round=0, request=request)
            devices = {blocks[row["block"]]: names[row["device"]] for row in plan if row["part"] < 0}
            turn = ["low-1", "low-2", "big"][request % 3]
            self.assertEqual(devices, {block: "low-0" if block < "s3" or block == "stem" else turn for block in blocks[:-1]} | {"head": "low-1"})
            parts = [names[row["device"]] for row in plan if row["part"] >= 0]
            self.assertEqual(parts, ["low-0", "big"])

    def test_in_flight(self):
        trace = self.run_scenario(BY_HAND | {"requests.arrivals": "closed", "requests.in_flight": 2})
        requests = where(trace.requests, round=0)
        arrivals, finishes = numpy.sort(requests["arrival_s"]), numpy.sort(requests["finish_s"])
        self.assert_close(arrivals[:2], trace.rounds["start_s"][0])
        self.assert_close(arrivals[2:], finishes[:-2])

    def test_interval(self):
        trace = self.run_scenario({"requests.arrivals": "every", "requests.interval": "30 ms", "requests.count": 4})
        offsets = trace.requests["arrival_s"] - trace.rounds["start_s"][trace.requests["round"]]
        self.assert_close(offsets, 0.03 * trace.requests["request"])


class Plan(ProgramTest):
    THROUGHPUT = {"objective.goal": "throughput", "planner.name": "pipeline", "fleet.devices": FLEET, "requests.count": 12}

    def plan(self, changes, *arguments):
        return json.loads(self.skipstone("plan", self.scenario(changes), "--json", *arguments).out)

    def test_throughput_is_told_with_its_bound(self):
        result = self.plan(self.THROUGHPUT)
        self.assertGreater(result["throughput"], 0)
        self.assertLessEqual(result["throughput"], result["throughput_bound"] * (1 + 1e-9))
        self.assert_close(result["period_s"] * result["throughput"], 1)
        self.assert_close(result["gap"], 1 - result["throughput"] / result["throughput_bound"])
        self.assertTrue(result["prices"])
        self.assertEqual(result["prices"], sorted(result["prices"], key=lambda price: -price["price"]))

    def test_the_goal_is_an_option(self):
        chosen = self.plan({"fleet.devices": FLEET, "requests.count": 12}, "--goal", "throughput")
        self.assertEqual(chosen["planner"], "pipeline")
        self.assert_close(chosen["throughput"], self.plan(self.THROUGHPUT)["throughput"])
        self.assertNotIn("throughput", self.plan(self.THROUGHPUT, "--goal", "latency"))
        refused = self.skipstone("plan", self.scenario(), "--goal", "speed", code=2)
        self.assertIn("--goal speed: must be \"latency\" or \"throughput\"", refused.err)
        refused = self.skipstone("plan", self.scenario({"planner.name": "greedy"}), "--goal", "throughput", "--planner", "greedy", code=2)
        self.assertIn("pipeline", refused.err)
        scenario = self.scenario({"objective.goal": "throughput", "planner.name": "exact"})
        for command in ("plan", "run"):
            refused = self.skipstone(command, scenario, code=2)
            self.assertRegex(refused.err, r"\.toml:\d+: objective\.goal: is \"throughput\", but planner \"exact\" plans for latency")

    def test_tables_compare_planners(self):
        changes = {**self.THROUGHPUT, "planner.stages": STAGES}
        out = self.skipstone("plan", self.scenario(changes), "--planner", "pipeline,balanced,fixed", environment={"COLUMNS": "200"}).out
        for words in ("images/s", "bound", "gap", "bottleneck", "processor of", "Stages of pipeline", "Stages of balanced", "Stages of fixed",
                      "low-1, low-2, big in turn", "outputs/2", "low-0, big; joined on low-1", "What more of it would add"):
            self.assertIn(words, out)

    def test_an_instance_remembers_goal_and_splits(self):
        path = self.new_path(".json")
        changes = {**self.THROUGHPUT, "collaboration.splits": "auto"}
        first = json.loads(self.skipstone("plan", self.scenario(changes), "--json", "--dump-instance", path).out)
        second = json.loads(self.skipstone("plan", "--instance", path, "--json").out)
        self.assertEqual(second["planner"], "pipeline")
        self.assert_close(first["throughput"], second["throughput"])
        self.assertEqual(first["requests"], second["requests"])


class RealKernels(ProgramTest):
    """Parts are computed by kernels, and what they make together is what one device makes alone."""

    STAGES = [{"blocks": "stem", "devices": ["low-0", "low-1", "big"], "split": "outputs", "join": "low-2"},
              {"blocks": "s2b1", "devices": ["low-0..2", "big"], "split": "tiles", "join": "big"},
              {"blocks": "s2b2..s3b3", "devices": ["low-0..2"], "take": "turns"},
              {"blocks": "s4b1", "devices": ["low-0", "low-1", "big"], "split": "rows", "join": "low-1"},
              {"blocks": "s4b2..s4b3", "devices": ["low-2"]},
              {"blocks": "head", "devices": ["low-0", "big"], "split": "inputs"}]
    RUN = {"accuracy.table": "none", "fleet.devices": FLEET, "requests.count": 8, "rounds.count": 2, "emulation.kernels": True}
    # Devices that can do much; and all that is split of two other networks at 32 x 32 pixels.
    LARGE = [dict(device, mac_rate="2 GMAC/s", macs_per_round="100 GMAC", memory="2 GB") for device in FLEET]
    VGG = [{"blocks": "conv1_1", "devices": ["low-0..2", "big"], "split": "tiles"},
           {"blocks": "conv1_2", "devices": ["low-0..2", "big"], "split": "rows", "join": "low-1"},
           {"blocks": "conv2_1..conv2_2", "devices": ["low-1"]},
           {"blocks": "conv3_1", "devices": ["low-0..2"], "split": "outputs", "join": "big"},
           {"blocks": "conv3_2", "devices": ["low-2", "big"], "split": "inputs"},
           {"blocks": "conv3_3..conv5_3", "devices": ["low-0..1"], "take": "turns"},
           {"blocks": "fc6", "devices": ["low-1", "low-2", "big"], "split": "outputs", "join": "low-0"},
           {"blocks": "fc7", "devices": ["low-1", "low-2"], "split": "inputs", "join": "low-0"},
           {"blocks": "fc8", "devices": ["low-0"]}]
    MOBILENET = [{"blocks": "conv1", "devices": ["low-0", "big"], "split": "rows"},
                 {"blocks": "conv_dw_1", "devices": ["low-0..2"], "split": "outputs", "join": "big"},
                 {"blocks": "conv_pw_1", "devices": ["low-1", "big"], "split": "inputs"},
                 {"blocks": "conv_dw_2", "devices": ["low-0..2", "big"], "split": "tiles"},
                 {"blocks": "conv_pw_2..conv_pw_12", "devices": ["low-2", "big"], "take": "turns"},
                 {"blocks": "conv_dw_13", "devices": ["low-0", "low-1"], "split": "outputs"},
                 {"blocks": "conv_pw_13", "devices": ["low-0", "low-1", "low-2"], "split": "outputs"},
                 {"blocks": "conv_preds", "devices": ["big"]}]

    def classes_of(self, changes, *arguments, **options):
        output = self.new_path(".h5")
        self.skipstone("run", self.scenario(self.RUN | changes), "-o", output, *arguments, **options)
        self.skipstone("check", output)
        return list(Trace(output).requests["predicted_class"]), self.digest(output)

    def assert_shared(self, changes, stages, wall=True):
        """Parts make what one device makes: in one process, a rank per device, fewer ranks, and in real time."""
        alone, _ = self.classes_of(changes | {"planner.name": "single-device"})
        shared = changes | {"planner.name": "fixed", "planner.stages": stages}
        together, digest = self.classes_of(shared)
        self.assertEqual(together, alone)
        self.assertEqual(self.classes_of(shared, ranks=3), (alone, digest))
        self.assertEqual(self.classes_of(shared, ranks=5), (alone, digest))
        if wall:
            self.assertEqual(self.classes_of(shared, "--clock", "wall", "--dilation", "1", ranks=5), (alone, digest))
        self.assertNotIn(-1, alone)
        return set(alone)

    def test_resnet_in_three_precisions(self):
        seen = set()
        for seed, precision in ((1, "float32"), (2, "bfloat16"), (3, "float32"), (4, "int8")):
            seen |= self.assert_shared({"seed": seed, "network.precision": precision}, self.STAGES)
        self.assertGreater(len(seen), 1)

    def test_vgg(self):
        changes = {"network.profile": "vgg16", "network.input": 32, "network.classes": 10, "fleet.devices": self.LARGE, "requests.count": 2}
        self.assert_shared(changes, self.VGG, wall=False)

    def test_mobilenet(self):
        changes = {"network.profile": "mobilenet-v1", "network.input": 32, "network.classes": 10, "fleet.devices": self.LARGE, "requests.count": 4}
        for precision in ("float32", "int8"):
            self.assert_shared(changes | {"network.precision": precision}, self.MOBILENET, wall=precision == "float32")


if __name__ == "__main__":
    unittest.main()
