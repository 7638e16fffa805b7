#!/usr/bin/env python3
"""Every option of `skipstone run` does what it says, as the trace shows."""

import hashlib
import pathlib
import unittest

from support import ALONE, COMPUTE, DONE, SCENARIO, ProgramTest, Trace, cifar_batch, h5py, numpy, text, write_weights

WITH_KERNELS = {"emulation.kernels": True, "rounds.count": 2, "requests.count": 2}


class Options(ProgramTest):
    def test_output(self):
        for option in ("-o", "--output"):
            self.skipstone("run", self.scenario(), option, "elsewhere.h5")
            self.assertEqual(Trace(self.path("elsewhere.h5")).attributes["complete"], 1)
            pathlib.Path(self.path("elsewhere.h5")).unlink()

    def test_clock(self):
        trace = self.run_scenario({"emulation.clock": "wall"}, "--clock", "virtual")
        self.assertEqual(trace.provenance["clock"], "virtual")
        self.assertEqual(len(trace.clocks), 0)

    def test_planner(self):
        for name in ("greedy", "no-drop", "single-device", "exact", "milp", "ga"):
            with self.subTest(planner=name):
                trace = self.run_scenario({"requests.count": 1}, "--planner", name, "--rounds", "1")
                self.assertEqual(text(trace.rounds[0]["planner"]), name)

    def test_rounds(self):
        self.assertEqual(len(self.run_scenario(None, "--rounds", "5").rounds), 5)

    def test_seed(self):
        first, again, other = (self.run_scenario(None, "--seed", seed) for seed in ("1", "1", "2"))
        self.assertEqual([t.attributes["seed"] for t in (first, again, other)], [1, 1, 2])
        numpy.testing.assert_array_equal(first.rates, again.rates)
        self.assertFalse(numpy.allclose(first.rates, other.rates, equal_nan=True))

    def test_images_bring_labels_and_classes(self):
        labels = [3, 8, 0, 6, 1]
        batch = self.write("batch.bin", cifar_batch(labels))
        output = self.path("trace.h5")
        result = self.skipstone("run", self.scenario(WITH_KERNELS | {"rounds.count": 3}), "-o", output, "--images", batch)
        trace = Trace(output)
        self.assertEqual(sorted(trace.requests["label"][:5]), sorted(labels))
        self.assertEqual(trace.requests["label"][5], trace.requests["label"][0])  # from the start again
        self.assertTrue(((trace.requests["predicted_class"] >= 0) & (trace.requests["predicted_class"] < 10)).all())
        self.assertEqual(trace.requests["predicted_class"][5], trace.requests["predicted_class"][0])
        self.assertIn("images: " + str(batch) + ": 5 records of CIFAR-10; in an order drawn from the seed\n", result.out)
        self.assertNotIn("accuracy: planned", result.out)  # random weights answer nothing that was planned
        self.assertNotIn("labelled", self.skipstone("analyze", output).out)
        self.assertEqual(set(self.run_scenario(WITH_KERNELS).requests["label"]), {-1})

    def test_weights(self):
        weights = write_weights(self.path("weights.h5"), favourite=4)
        scenario = WITH_KERNELS | {"planner.name": "no-drop"}
        trace = self.run_scenario(scenario, "--weights", weights)
        self.assertEqual(set(trace.requests["predicted_class"]), {4})
        self.assertIn(hashlib.sha256(pathlib.Path(weights).read_bytes()).hexdigest(), trace.provenance["weights_hash"])
        self.assertIn(weights, trace.provenance["scenario"])
        self.assertIn("seed", self.run_scenario(scenario).provenance["weights_hash"])

    def test_weights_in_half_precision(self):
        weights = write_weights(self.path("weights.h5"), favourite=None)
        with h5py.File(weights, "r+") as file:
            for name in list(file):
                self._halve(file, name)
        trace = self.run_scenario(WITH_KERNELS, "--weights", weights)
        self.assertTrue((trace.requests["predicted_class"] >= 0).all())

    def _halve(self, group, name):
        item = group[name]
        if hasattr(item, "keys"):
            for inner in list(item):
                self._halve(item, inner)
            return
        values = item[()].astype(numpy.float16)
        del group[name]
        group[name] = values

    def test_observed_accuracy_counts_the_right_ones(self):
        weights = write_weights(self.path("weights.h5"), favourite=4)
        batch = self.write("batch.bin", cifar_batch([4, 4, 4, 1]))
        result = self.skipstone("run", self.scenario(WITH_KERNELS), "-o", "t.h5", "--weights", weights, "--images", batch)
        requests = Trace(self.path("t.h5")).requests
        done = requests[requests["status"] == DONE]
        self.assertEqual(set(done["predicted_class"]), {4})
        right = (done["label"] == 4).sum()
        self.assertIn(f"observed {100 * right / len(done):.2f} % ({right} of {len(done)} labelled images right; 95 % confidence interval ", result.out)
        self.assertNotIn("OUTSIDE", result.out)  # four images do not speak

    def test_labelled_images_are_drawn_in_an_order_of_the_seed(self):
        batch = self.write("batch.bin", cifar_batch([label for label in range(10) for _ in range(20)]))  # class by class
        scenario = self.scenario(ALONE | {"requests.count": 20, "rounds.count": 10})
        orders = []
        for seed in ("1", "1", "2"):
            self.skipstone("run", scenario, "-o", "t.h5", "--images", batch, "--kernels", "off", "--seed", seed)
            orders.append(list(Trace(self.path("t.h5")).requests["label"]))
        self.assertEqual(orders[0], orders[1])
        self.assertNotEqual(orders[0], orders[2])
        for order in orders:
            self.assertEqual(sorted(order), sorted([label for label in range(10) for _ in range(20)]))
            self.assertGreaterEqual(len(set(order[:20])), 7)

    def test_weights_that_the_table_was_not_measured_with_are_warned_of(self):
        weights = write_weights(self.path("weights.h5"), favourite=4)
        right = hashlib.sha256(pathlib.Path(weights).read_bytes()).hexdigest()
        for known, warned in ((right, False), ("0" * 64, True), (None, False)):
            table = {**SCENARIO["accuracy"]["table"], **({"weights_sha256": known} if known else {})}
            scenario = self.scenario({"accuracy.table": table, "rounds.count": 1})
            err = self.skipstone("run", scenario, "-o", "t.h5", "--weights", weights, "--kernels", "off").err
            self.assertEqual("were measured with other weights (sha256 000000000000…)" in err, warned, err)
            self.assertNotIn("other weights", self.skipstone("run", scenario, "-o", "t.h5", "--kernels", "off").err)

    def test_a_threshold_that_nothing_reaches_is_told_at_the_start(self):
        scenario = self.scenario({"objective.accuracy_threshold": 0.93})
        for command in (["run", scenario, "-o", "t.h5"], ["plan", scenario], ["check", scenario]):
            result = self.skipstone(*command, code=2)
            self.assertIn("objective.accuracy_threshold: is 0.93, and inline has at most 0.92: every request would be rejected", result.err)
        self.assertFalse((self.folder / "t.h5").exists())
        sweep = self.write("w.toml", f'format = "skipstone-sweep"\nversion = 1\nscenario = "{scenario}"\n\n[grid]\n"objective.accuracy_threshold" = [0.9, 0.93]\n')
        self.assertIn("is 0.93, and inline has at most 0.92", self.skipstone("sweep", "expand", sweep, "-o", "sweep", code=2).err)

    def test_a_whole_network_below_the_threshold_is_warned_of(self):
        rows = [{"dropped": [], "accuracy": 0.79}, {"dropped": ["s2b2"], "accuracy": 0.85}]
        scenario = self.scenario({"accuracy.table": {**SCENARIO["accuracy"]["table"], "row": rows}})
        err = self.skipstone("run", scenario, "-o", "t.h5").err
        self.assertIn("with nothing dropped the network has an accuracy of 0.79 in inline, below objective.accuracy_threshold = 0.8", err)

    def test_a_planned_accuracy_that_cannot_be_is_told(self):
        weights = write_weights(self.path("weights.h5"), favourite=4)
        batch = self.write("batch.bin", cifar_batch([4, 1, 1, 1] * 15))
        scenario = self.scenario(WITH_KERNELS | {"requests.count": 20, "rounds.count": 6})
        result = self.skipstone("run", scenario, "-o", "t.h5", "--weights", weights, "--images", batch)
        requests = Trace(self.path("t.h5")).requests
        done = requests[requests["status"] == DONE]
        planned = done["accuracy"].mean()
        self.assertTrue(0.7 <= planned < 0.92, planned)  # blocks were dropped
        self.assertLess(len(done), 120)
        right = (done["label"] == done["predicted_class"]).sum()
        self.assertIn(f"accuracy: planned {100 * planned:.2f} %, observed {100 * right / len(done):.2f} % "
                      f"({right} of {len(done)} labelled", result.out)
        self.assertIn("THE PLANNED ACCURACY LIES OUTSIDE, by a binomial test at 99.9 %. Likely causes: ", result.out)

    def test_images_that_come_again_count_once(self):
        weights = write_weights(self.path("weights.h5"), favourite=4)
        batch = self.write("batch.bin", cifar_batch([4, 1, 1]))
        scenario = self.scenario(WITH_KERNELS | ALONE | {"requests.count": 30, "planner.name": "no-drop"})
        out = self.skipstone("run", scenario, "-o", "t.h5", "--weights", weights, "--images", batch).out
        self.assertIn("observed 33", out)
        self.assertNotIn("OUTSIDE", out)

    def test_kernels(self):
        on = self.run_scenario({"rounds.count": 2}, "--kernels", "on")
        off = self.run_scenario(WITH_KERNELS, "--kernels", "off")
        self.assertTrue((on.requests["predicted_class"] >= 0).any())
        self.assertEqual(set(off.requests["predicted_class"]), {-1})
        self.assertTrue((on.kind(COMPUTE)["host_end_s"] > on.kind(COMPUTE)["host_begin_s"]).all())
        self.assertTrue(numpy.isnan(off.kind(COMPUTE)["host_end_s"]).all())

    def test_set_overrides_any_key_and_may_be_repeated(self):
        trace = self.run_scenario(None, "--set", "links.latency=0.5 s", "--set", "rounds.count=1", "--set", "fleet.devices[1].battery=77 J")
        self.assertEqual(len(trace.rounds), 1)
        self.assertEqual(trace.devices[3]["battery_j"], 77)
        sent, received = trace.transfers()[0]
        self.assert_close(received["end_s"] - sent["end_s"], 0.5)

    def test_an_option_goes_before_set(self):
        self.assertEqual(len(self.run_scenario(None, "--set", "rounds.count=4", "--rounds", "2").rounds), 2)

    def test_print_config_can_be_read_again_and_gives_the_same(self):
        rich = {"links.latency": "3 ms", "links.medium": "radio", "requests.count": None, "requests.rate": 2.5, "rounds.period": "10 s",
                "requests.arrivals": "spread", "planner.charge": "5 ms", "objective.latency_reference": "worst-case"}
        for name in ("khan2023", "khan2023-tight", self.scenario(), self.scenario(rich)):
            with self.subTest(scenario=name):
                first = self.skipstone("run", name, "--print-config", "--seed", "99", "--set", "objective.alpha=0.25")
                self.assertIn("seed = 99\n", first.out)
                self.assertIn("alpha = 0.25\nbeta = 0.75\n", first.out)
                again = self.skipstone("run", self.write("printed.toml", first.out), "--print-config")
                self.assertEqual(first.out, again.out)
        self.assertEqual(list(self.folder.glob("*.h5")), [])

    def test_what_a_run_keeps_is_what_print_config_prints(self):
        scenario = self.scenario()
        printed = self.skipstone("run", scenario, "--print-config").out
        self.skipstone("run", scenario, "-o", "t.h5")
        self.assertEqual(Trace(self.path("t.h5")).provenance["scenario"], printed)

    def test_launch_starts_the_ranks(self):
        trace = self.run_scenario({"emulation.clock": "wall", "rounds.count": 1}, "--launch", "--dilation", "0.5")
        self.assertEqual(trace.provenance["clock"], "wall")
        self.assertEqual(trace.provenance["dilation"], 0.5)
        self.assertEqual(sorted(trace.clocks["rank"]), [1, 2, 3, 4])
        self.assertEqual(trace.provenance["hosts"].partition(": ")[2], "0,1,2,3,4")

    def test_strict_asks_nothing_of_the_virtual_clock(self):
        self.run_scenario(None, "--strict", "--kernels", "on")


if __name__ == "__main__":
    unittest.main()
