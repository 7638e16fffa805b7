#!/usr/bin/env python3
"""`skipstone plan`: its table, its JSON, instances there and back, its options and exit statuses."""

import json
import time
import unittest

from support import ProgramTest, numpy, where

FIELDS = {"planner", "status", "objective", "bound", "gap", "seconds", "requested", "admitted", "admitted_bound", "binding",
          "mean_latency_s", "mean_accuracy", "shared_bytes", "energy_j", "requests"}


class Plan(ProgramTest):
    def plan(self, *arguments, **options):
        return json.loads(self.skipstone("plan", *arguments, "--json", **options).out)

    def without_time(self, result):
        return {key: value for key, value in result.items() if key != "seconds"}

    def test_table_has_a_line_per_planner(self):
        out = self.skipstone("plan", self.scenario(), "--planner", "greedy,no-drop,exact").out
        self.assertIn("3 requests, 4 devices, 11 blocks", out)
        rows = {line.split()[0]: line.split() for line in out.splitlines()[1:] if line.split()}
        for planner in ("greedy", "no-drop", "exact"):
            self.assertIn("3/3", rows[planner])
            result = self.plan(self.scenario(), "--planner", planner)
            self.assertIn(f"{result['objective']:.6f}", rows[planner])
            self.assertIn(f"{result['mean_latency_s']:.4f}", rows[planner])

    def test_json_is_one_object_or_a_list(self):
        one = self.plan(self.scenario())
        self.assertEqual(set(one), FIELDS)
        self.assertEqual(one["planner"], "greedy")
        several = self.plan(self.scenario(), "--planner", "greedy,single-device,exact")
        self.assertEqual([result["planner"] for result in several], ["greedy", "single-device", "exact"])
        self.assertEqual(self.without_time(several[0]), self.without_time(one))

    def test_json_says_where_every_block_runs(self):
        result = self.plan(self.scenario(), "--planner", "exact")
        self.assertEqual((result["requested"], result["admitted"], len(result["requests"])), (3, 3, 3))
        self.assertEqual(len(result["energy_j"]), 4)
        for request in result["requests"]:
            self.assertTrue(request["admitted"])
            self.assertEqual(len(request["devices"]), 11)
            for block, device in request["devices"].items():
                self.assertEqual(device is None, block in request["dropped"])
                self.assertIn(device, [None, "low-0", "low-1", "low-2", "big"])
        self.assertAlmostEqual(result["mean_latency_s"], numpy.mean([request["latency_s"] for request in result["requests"]]))
        self.assertAlmostEqual(result["gap"], (result["objective"] - result["bound"]) / result["objective"], places=9)

    def test_objective_is_that_of_the_design(self):
        result = self.plan(self.scenario({"objective.latency_reference": "2 s", "objective.alpha": 0.3}), "--planner", "exact")
        self.assertAlmostEqual(result["objective"], 0.3 * result["mean_latency_s"] / 2 + 0.7 * (1 - result["mean_accuracy"]), places=12)

    def test_plans_are_those_of_the_run(self):
        changes = {"requests.count": None, "requests.rate": 2}
        trace = self.run_scenario(changes)
        for number in range(3):
            result = self.plan(self.scenario(changes), "--round", number, code=None)
            row = trace.rounds[number]
            self.assertEqual((result["requested"], result["admitted"]), (row["requests"], row["admitted"]))
            self.assertEqual(result["objective"] or 0, numpy.nan_to_num(row["objective"]))
            for r, request in enumerate(result["requests"]):
                planned = where(trace.plans, round=number, request=r)["device"]
                names = trace.names("devices")
                self.assertEqual([names[d] if d >= 0 else None for d in planned], list(request["devices"].values()))

    def test_a_dumped_instance_gives_the_same_plans(self):
        for changes in ({}, {"links.latency": "12 ms", "objective.residual": "paper", "objective.memory": "resident", "requests.source": "big",
                             "links.symmetric": False, "links.loss": 0.05}):
            dumped, again = self.new_path(".json"), self.new_path(".json")
            planners = ["--planner", "greedy,exact"]
            first = self.plan(self.scenario(changes), *planners, "--dump-instance", dumped)
            second = self.plan("--instance", dumped, *planners, "--dump-instance", again)
            self.assertEqual([self.without_time(r) for r in first], [self.without_time(r) for r in second])
            with open(dumped) as one, open(again) as other:
                text = one.read()
                self.assertEqual(text, other.read())
            instance = json.loads(text)
            self.assertEqual((instance["format"], instance["version"], instance["requests"]), ("skipstone-instance", 1, 3))
            self.assertEqual(len(instance["blocks"]), 11)
            self.assertIsNone(instance["rate_bit_s"][1][1])

    def test_round_draws_other_links_and_drains_batteries(self):
        instances = []
        for number in (0, 2):
            path = self.new_path(".json")
            self.skipstone("plan", self.scenario(), "--round", number, "--dump-instance", path)
            with open(path) as file:
                instances.append(json.load(file))
        first, third = instances
        self.assertNotEqual(first["rate_bit_s"], third["rate_bit_s"])
        self.assertLess(sum(d["energy_j"] for d in third["devices"]), sum(d["energy_j"] for d in first["devices"]))
        trace = self.run_scenario()
        self.assert_close([d["energy_j"] for d in third["devices"]], where(trace.battery, round=1)["remaining_j"])

    def test_requests(self):
        dumped = self.path("i.json")
        self.assertEqual(self.plan(self.scenario(), "--requests", 2, "--dump-instance", dumped)["requested"], 2)
        self.assertEqual(self.plan("--instance", dumped, "--requests", 1)["requested"], 1)

    def test_seed_and_set(self):
        one, other = (self.plan(self.scenario(), "--seed", seed)["mean_latency_s"] for seed in (1, 2))
        self.assertNotEqual(one, other)
        self.assertEqual(self.plan(self.scenario(), "--set", "objective.accuracy_threshold=0.9", "--set", "requests.count=1")["mean_accuracy"], 0.92)

    def test_time_limit_ends_the_search(self):
        arguments = ["khan2023", "--planner", "exact", "--requests", "30", "--set", "planner.gap=0.0"]
        begin = time.monotonic()
        result = self.plan(*arguments, "--time-limit", "0.3", code=None)
        self.assertLess(time.monotonic() - begin, 10)
        self.assertLess(result["seconds"], 5)

    def test_infeasible_exits_with_3(self):
        fleet = {"fleet.devices": [{"profile": "khan2023-low", "memory": "1 kB"}]}
        result = self.plan(self.scenario(fleet), code=3)
        self.assertEqual((result["status"], result["admitted"], result["binding"]), ("infeasible", 0, "memory"))
        self.assertEqual((result["objective"], result["bound"], result["gap"]), (None, None, None))
        self.assertIn("infeasible", self.skipstone("plan", self.scenario(fleet), code=3).out)
        self.assertIn("infeasible", self.skipstone("plan", self.scenario(fleet), "--planner", "exact,greedy", code=3).out)

    def test_a_round_without_requests_is_not_infeasible(self):
        result = self.plan(self.scenario({"requests.count": None, "requests.rate": 0}))
        self.assertEqual((result["requested"], result["admitted"]), (0, 0))

    def test_bad_instances_exit_with_2_and_say_where(self):
        dumped = self.path("good.json")
        self.skipstone("plan", self.scenario(), "--dump-instance", dumped)
        with open(dumped) as file:
            good = file.read()

        def changed(change):
            instance = json.loads(good)
            change(instance)
            return json.dumps(instance, indent=1)

        for content, said in (
            (good[:300], "bad.json:"),
            (changed(lambda i: i.update(alhpa=0.7)), '"alpha"'),
            (changed(lambda i: i.pop("devices")), "devices"),
            (changed(lambda i: i["devices"][0].update(mac_rate=-1)), "mac_rate"),
            (changed(lambda i: i["rate_bit_s"].pop()), "rate_bit_s"),
            (changed(lambda i: i.update(requests="three")), "requests"),
            (changed(lambda i: i["accuracy"].pop(0)), "accuracy"),
            (changed(lambda i: i["accuracy"][1].update(dropped=["s9b9"])), "s9b9"),
            (changed(lambda i: i.update(version=7)), "version"),
            (changed(lambda i: i.update(format="something")), "skipstone-instance"),
            ("[]", "bad.json"),
        ):
            with self.subTest(said=said):
                result = self.skipstone("plan", "--instance", self.write("bad.json", content), code=2)
                self.assertIn("bad.json", result.err)
                self.assertIn(said, result.err)
                self.assertNotIn("bug in Skipstone", result.err)

    def test_wrong_usage_exits_with_2(self):
        self.skipstone("plan", self.scenario(), "--dump-instance", "i.json")
        for arguments, said in (
            ([self.scenario(), "--planner", "gredy"], '"greedy"'),
            ([self.scenario(), "--instance", "i.json"], "--instance"),
            ([self.scenario(), "--round", "-1"], "--round"),
            ([self.scenario(), "--requests", "0"], "--requests"),
            ([self.scenario(), "--time-limit", "0"], "--time-limit"),
            ([self.scenario(), "--dump-instance", "missing/i.json"], "missing/i.json"),
            (["--instance", "missing.json"], "missing.json"),
            (["--instance", "i.json", "--set", "rounds.count=3"], "--set"),
            (["--instance", "i.json", "--round", "3"], "--round"),
            ([self.scenario(), "--planner", ","], "--planner"),
        ):
            with self.subTest(arguments=arguments[-2:]):
                self.assertIn(said, self.skipstone("plan", *arguments, code=2).err)


if __name__ == "__main__":
    unittest.main()
