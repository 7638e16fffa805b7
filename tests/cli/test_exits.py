#!/usr/bin/env python3
"""Keys of exits have the effect that they should have: rules, whose verdicts, tables, what is kept in reserve."""

import json
import pathlib
import sys
import unittest

import h5py
import numpy

import exits_files
import graph_weights
from support import DONE, REJECTED, ROOT, ProgramTest, Trace

sys.path.append(str(ROOT / "tests" / "runs"))
import recompute

SAMPLES = 50
CHANGES = {
    "network.profile": None, "accuracy.table": None, "objective.accuracy_threshold": 0.1,
    "fleet.devices": [{"profile": "khan2023-low", "name": "d", "count": 2, "mac_rate": "100 MMAC/s", "memory": "1 GB",
                       "macs_per_round": "1 GMAC", "battery": "1 kJ", "power": {"compute": "4 W", "transmit": "2 W"}}],
    "requests.count": 40, "rounds.count": 3, "objective.memory": "resident",
}


def write_table(path, weights, seed=3, exits=exits_files.AFTER, network=graph_weights.NAME):
    random = numpy.random.default_rng(seed)
    outcomes = len(exits) + 1
    with h5py.File(path, "w") as file:
        said = {"format": "skipstone-exit-table", "format_version": 1, "network": network, "dataset": "made up",
                "weights_sha256": exits_files.hashlib.sha256(pathlib.Path(weights).read_bytes()).hexdigest()}
        for name, value in said.items():
            file.attrs[name] = value
        file.attrs["outcomes"] = numpy.array([*exits, "end"], dtype="S32")
        file.attrs["macs"] = [1e5 * (outcome + 1) for outcome in range(outcomes)]
        file.attrs["head_macs"] = [80.0] * (outcomes - 1) + [0.0]
        file["confidence"] = random.uniform(0.1, 1, (SAMPLES, outcomes)).astype("float32")
        file["predicted"] = random.integers(0, 10, (SAMPLES, outcomes)).astype("int32")
        file["labels"] = random.integers(0, 10, SAMPLES).astype("int32")
    return str(path)


class Exits(ProgramTest):
    def setUp(self):
        super().setUp()
        self.weights = exits_files.write_weights(self.path("exits.h5"))
        self.table = write_table(self.path("table.h5"), self.weights)
        self.rules = self.rules_of({exits_files.AFTER[0]: 0.7, exits_files.AFTER[2]: 0.5})
        self.changes = {**CHANGES, "network.weights": self.weights, "exits.rules": self.rules}

    def rules_of(self, thresholds):
        """Rules that were found on the table, which their file names beside it."""
        path = pathlib.Path(exits_files.write_rules(self.new_path(".toml"), self.weights, thresholds))
        path.write_text(path.read_text().replace("choose.h5", "table.h5"))
        return str(path)

    def trace(self, changes=None):
        """A run's trace, which agrees with itself and with the rows of the table."""
        path = self.new_path(".h5")
        self.skipstone("run", self.scenario({**self.changes, **(changes or {})}), "-o", path)
        self.skipstone("check", path)
        trace = Trace(path)
        with h5py.File(path) as file:
            trace.exits = file["exits"][:] if "exits" in file else None
        return trace

    def refused(self, changes):
        return self.skipstone("check", self.scenario({**self.changes, **changes}), code=2).err

    def test_without_rules_weights_with_exits_are_as_others(self):
        plain = graph_weights.write(self.path("plain.h5"), exits_files.content())
        closed = {"exits.rules": None, "accuracy.table": "none", "objective.accuracy_threshold": None}
        one, other = self.trace(closed), self.trace({**closed, "network.weights": plain})
        self.assertIsNone(one.exits)
        self.assertEqual(self.digest(one.path), self.digest(other.path))
        self.assertEqual(set(one.requests["exit"]), {-1})

    def test_rules_open_exits(self):
        trace = self.trace()
        names = trace.names("blocks")
        self.assertEqual(names[-2:], [f"exit.{exits_files.AFTER[number]}" for number in (0, 2)])
        self.assertEqual(trace.blocks["threshold"][-2:].tolist(), [0.7, 0.5])
        self.assertEqual([names[after] for after in trace.blocks["after"][-2:]], [exits_files.AFTER[0], exits_files.AFTER[2]])
        self.assertTrue((trace.requests["status"] == DONE).all())
        self.assertEqual(len(set(trace.requests["exit"])), 3)
        for row in trace.exits:
            head = trace.blocks[-2:][trace.blocks["after"][-2:] == row["exit"]][0]
            self.assertEqual(bool(row["left"]), bool(row["confidence"] >= head["threshold"]))
        nobody = self.trace({"exits.rules": self.rules_of({after: 1 for after in exits_files.AFTER})})
        self.assertEqual(set(nobody.requests["exit"]), {-1})
        self.assertEqual(len(nobody.exits), 3 * len(nobody.requests))
        everybody = self.trace({"exits.rules": self.rules_of({exits_files.AFTER[1]: 0})})
        self.assertEqual(set(everybody.requests["exit"]), {everybody.names("blocks").index(exits_files.AFTER[1])})
        self.assertLess(everybody.requests["latency_s"].max(), nobody.requests["latency_s"].max())

    def test_verdicts_are_rows_of_the_table(self):
        trace = self.trace()
        with h5py.File(self.table) as file:
            confidence, predicted, labels = file["confidence"][:], file["predicted"][:], file["labels"][:]
        said = {(row["round"], row["request"]): [] for row in trace.requests}
        for row in trace.exits:
            said[row["round"], row["request"]].append((row["confidence"], row["predicted"]))
        for request in trace.requests:
            mine = said[request["round"], request["request"]]
            if request["exit"] < 0:
                mine.append((request["confidence"], request["verdict"]))
            columns = [0, 2, 3][:len(mine)]
            rows = [sample for sample in range(SAMPLES) if labels[sample] == request["label"] and
                    all((confidence[sample][c], predicted[sample][c]) == verdict for c, verdict in zip(columns, mine))]
            self.assertEqual(len(rows), 1)
        other = self.trace({"exits.table": write_table(self.path("other.h5"), self.weights, seed=4)})
        self.assertNotEqual(other.requests["verdict"].tolist(), trace.requests["verdict"].tolist())
        replayed = self.trace({"exits.verdicts": trace.path})
        self.assertEqual(replayed.requests["finish_s"].tolist(), trace.requests["finish_s"].tolist())
        self.assertEqual(replayed.requests["verdict"].tolist(), trace.requests["verdict"].tolist())
        # What verdicts were taken from need not be there any more.
        for gone, left in ((self.path("other.h5"), other.path), (trace.path, replayed.path)):
            pathlib.Path(gone).unlink()
            self.skipstone("check", left)

    def test_a_verdict_that_is_another_row_s_is_found(self):
        path = self.trace().path
        with h5py.File(path, "a") as file:
            rows = file["requests"][:]
            last = numpy.flatnonzero(rows["exit"] < 0)[0]
            rows["verdict"][last] = (rows["verdict"][last] + 1) % 10
            file["requests"][:] = rows
        self.assertIn("a verdict is not that of the table's row", self.skipstone("check", path, code=2).err)

    def test_the_resolved_scenario_runs_alike(self):
        scenario = self.scenario(self.changes)
        printed = self.write("printed.toml", self.skipstone("run", scenario, "--print-config").out)
        path = self.new_path(".h5")
        self.skipstone("run", printed, "-o", path)
        self.assertEqual(self.digest(path), self.digest(self.trace().path))
        again = self.skipstone("run", printed, "--print-config").out
        self.assertEqual(again, pathlib.Path(printed).read_text())

    def test_set(self):
        text = self.skipstone("run", self.scenario(self.changes), "--print-config", "--set", "exits.reserve=expected").out
        self.assertIn('reserve = "expected"', text)

    def test_reserve(self):
        """A device whose MACs are enough for what is expected, and not for the worst case."""
        instance = self.instance({})
        worst = sum(block["macs"] for block in instance["blocks"]) + sum(exit["macs"] for exit in instance["exits"])
        device = dict(CHANGES["fleet.devices"][0], count=1, macs_per_round=f"{worst - 1} MAC")
        for planner in ("greedy", "no-drop", "single-device", "ga", "milp", "exact"):
            with self.subTest(planner=planner):
                changes = {"fleet.devices": [device], "requests.count": 1, "rounds.count": 1, "planner.name": planner}
                self.assertEqual(self.trace(changes).requests["status"].tolist(), [REJECTED])
                self.assertEqual(self.trace({**changes, "exits.reserve": "expected"}).requests["status"].tolist(), [DONE])

    def instance(self, changes):
        path = self.new_path(".json")
        self.skipstone("plan", self.scenario({**self.changes, **changes}), "--dump-instance", path)
        return json.loads(pathlib.Path(path).read_text())

    def test_an_instance_tells_exits_and_reach(self):
        instance = self.instance({"exits.reserve": "expected"})
        self.assertEqual([exit["after"] for exit in instance["exits"]], [exits_files.AFTER[0], exits_files.AFTER[2]])
        self.assertEqual(instance["reserve"], "expected")
        numpy.testing.assert_allclose(instance["accuracy"][0]["reach"], [1, 1, 2 / 3, 2 / 3, 1 / 3, 1 / 3], rtol=1e-12)

    def test_the_raw_tables_say_the_same(self):
        for reserve in ("worst", "expected"):
            changes = {**self.changes, "exits.reserve": reserve, "requests.count": 5, "rounds.count": 4}
            scenario = {}
            for place, value in changes.items():
                section, key = place.split(".")
                scenario.setdefault(section, {})[key] = value
            scenario = {"links": {"min": "7.2 Mbit/s", "max": "72.2 Mbit/s"}, "planner": {"name": "greedy"}, **scenario}
            self.assertEqual(recompute.findings(scenario, self.trace(changes).path), [])

    def test_weights_are_checked_with_their_exits(self):
        self.assertIn("right (weights)", self.skipstone("check", self.weights).out)
        name = f"exit.{exits_files.AFTER[0]}.fc.weight"
        for change, complaint in (
                (lambda file: file.pop(name), f"{name}: is missing"),
                (lambda file: file.attrs.__setitem__("exits", file.attrs["exits"].replace('"outputs":10', '"outputs":7')),
                 "exits: network mine: the exit behind block \"b1.conv\" tells 7 classes apart, and the network 10"),
                (lambda file: file.attrs.__setitem__("exits", "[{"), "exits: is no list of exits, because it is not valid JSON")):
            exits_files.write_weights(self.weights)
            with h5py.File(self.weights, "a", libver="latest") as file:
                change(file)
            self.assertIn(complaint, self.skipstone("check", self.weights, code=2).err)

    def test_the_threshold_is_held_against_what_is_promised(self):
        result = self.skipstone("run", self.scenario({**self.changes, "objective.accuracy_threshold": 0.95}), "-o", self.path("t.h5"), code=2)
        self.assertIn("promises at most 0.9: every request would be rejected; lower it, or choose other rules", result.err)

    def test_what_does_not_fit_is_named(self):
        self.assertIn("exits.verdicts: \"kernels\" does not go with emulation.kernels = false", self.refused({"exits.verdicts": "kernels"}))
        unused = {"exits.verdicts": self.weights, "exits.table": self.table}
        self.assertIn("has no effect but with verdicts = \"table\"", self.refused(unused))
        self.assertIn("there is no exit behind block \"fc\"", self.refused({"exits.rules": self.rules_of({"fc": 0.5})}))
        self.assertIn("threshold: is 1.5", self.refused({"exits.rules": self.rules_of({exits_files.AFTER[0]: 1.5})}))
        wrong = self.rules_of({exits_files.AFTER[1]: 0.5, exits_files.AFTER[0]: 0.5})
        self.assertIn("is out of order", self.refused({"exits.rules": wrong}))
        plain = graph_weights.write(self.path("plain.h5"), exits_files.content())
        self.assertIn("are for other weights", self.refused({"network.weights": plain}))
        few = write_table(self.path("few.h5"), self.weights, exits=exits_files.AFTER[:2])
        self.assertIn(f"has no exit behind block \"{exits_files.AFTER[2]}\"", self.refused({"exits.table": few}))
        foreign = write_table(self.path("foreign.h5"), plain)
        self.assertIn("was measured with other weights", self.refused({"exits.table": foreign}))
        self.assertIn("is a scenario", self.refused({"exits.rules": self.scenario()}))


if __name__ == "__main__":
    unittest.main()
