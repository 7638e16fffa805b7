#!/usr/bin/env python3
"""`skipstone check`: what is right it says so, what is wrong it says where; digests."""

import pathlib
import shutil
import unittest

from support import ROOT, ProgramTest, h5py, numpy, write_weights


class Check(ProgramTest):
    def trace(self, name="t.h5", changes=None):
        self.skipstone("run", self.scenario(changes), "-o", name)
        return self.path(name)

    def damaged(self, trace, damage):
        path = self.new_path(".h5")
        shutil.copy(trace, path)
        with h5py.File(path, "r+") as file:
            damage(file)
        return path

    def assert_wrong(self, path, *said):
        result = self.skipstone("check", path, code=2)
        for piece in said:
            self.assertIn(piece, result.err)
        self.assertIn(pathlib.Path(path).name, result.err)
        self.assertNotIn("right", result.out)

    def test_every_shipped_profile_and_scenario_is_right(self):
        files = sorted((ROOT / "profiles").rglob("*.toml"))
        self.assertGreater(len(files), 20)
        result = self.skipstone("check", *files)
        self.assertEqual(result.out.count(": right ("), len(files))
        kinds = {"networks": "network profile", "devices": "device profile", "links": "link profile", "accuracy": "accuracy table",
                 "scenarios": "scenario"}
        for file in files:
            if file.parent.name in kinds:
                self.assertIn(f"{file}: right ({kinds[file.parent.name]})", result.out)

    def test_instances_and_weights(self):
        self.skipstone("plan", self.scenario(), "--dump-instance", "i.json")
        weights = write_weights(self.path("w.h5"))
        result = self.skipstone("check", "i.json", weights)
        self.assertIn("i.json: right (instance)", result.out)
        self.assertIn("w.h5: right", result.out)

    def test_wrong_scenarios_and_profiles(self):
        scenario = self.scenario({"objective.alfa": 0.5})
        self.assert_wrong(scenario, "objective.alfa", '"objective.alpha"', ".toml:")
        self.assert_wrong(self.scenario({"planner.name": "gredy"}), "planner.name", '"greedy"')
        device = (ROOT / "profiles" / "devices" / "khan2023-low.toml").read_text()
        self.assert_wrong(self.write("device.toml", device.replace('"800 J"', '"800 W"')), "device.toml:", "battery", "800 W")
        table = (ROOT / "profiles" / "accuracy" / "khan2023-table2.toml").read_text()
        self.assert_wrong(self.write("table.toml", table.replace('"s5b2"', '"s5b9"', 1)), "s5b9")
        self.assert_wrong(self.write("i.json", '{"format": "skipstone-instance", "version": 1}'), "i.json")
        self.assert_wrong(self.write("notes.txt", "hello"), "notes.txt")
        self.assert_wrong(self.path("missing.toml"), "missing.toml")

    def test_sweeps(self):
        shipped = sorted((ROOT / "jobs" / "sweeps").glob("fig*.toml"))
        result = self.skipstone("check", *shipped)
        self.assertEqual(result.out.count("right (sweep)"), len(shipped))
        sweep = 'format = "skipstone-sweep"\nversion = 1\nscenario = "khan2023"\n[grid]\nobjective.alpha = [0.5, 2, 3]\n'
        self.assert_wrong(self.write("sweep.toml", sweep), "sweep.toml:5", "objective.alpha", "(point 1)", "(point 2)")
        self.assert_wrong(self.write("grid.toml", sweep.replace("[grid]", "[gird]")), '"grid"')

    def test_wrong_weights(self):
        weights = pathlib.Path(write_weights(self.path("w.h5"))).read_bytes()
        self.assert_wrong(self.write("half.h5", weights[: len(weights) // 2]), "truncated")

        def spoil(file):
            file["layer3.2.bn2.running_var"][5] = -1

        self.assert_wrong(self.damaged(self.path("w.h5"), spoil), "layer3.2.bn2.running_var", "variance")

    def test_a_right_trace(self):
        self.assertIn("t.h5: right", self.skipstone("check", self.trace()).out)

    def test_damaged_traces(self):
        trace = self.trace()

        def set_cell(table, row, column, change):
            def damage(file):
                rows = file[table][:]
                rows[column][row] = change(rows[column][row])
                file[table][:] = rows
            return damage

        for damage, said in (
            (set_cell("battery", 5, "remaining_j", lambda v: v + 1e-3), "battery ledger"),
            (set_cell("events", 3, "device", lambda v: 99), "device that does not exist"),
            (set_cell("events", 3, "begin_s", lambda v: v + 100), "ends before it begins"),
            (set_cell("requests", 1, "shared_bytes", lambda v: v + 1), "shared_bytes"),
            (set_cell("plans", 1, "device", lambda v: 99), "device that does not exist"),
            (set_cell("events", 0, "flags", lambda v: v | 1), "overrun"),
            (lambda file: file.attrs.modify("complete", 0), "complete"),
        ):
            with self.subTest(said=said):
                self.assert_wrong(self.damaged(trace, damage), said)

    def test_traces_that_cannot_be_read(self):
        trace = pathlib.Path(self.trace()).read_bytes()
        for name, content in (("cut.h5", trace[: len(trace) // 2]), ("head.h5", trace[:600]), ("nothing.h5", b"")):
            with self.subTest(name=name):
                self.assert_wrong(self.write(name, content))

    def test_several_files_are_all_checked(self):
        result = self.skipstone("check", self.trace(), self.path("missing.h5"), self.scenario(), code=2)
        self.assertEqual(result.out.count("right"), 2)
        self.assertIn("missing.h5", result.err)

    def test_digest(self):
        one, again, other = self.trace("one.h5"), self.trace("again.h5"), self.trace("other.h5", {"seed": 8})
        lines = self.skipstone("check", "--digest", one, again, other).out.splitlines()
        digests = [line.split()[0] for line in lines]
        self.assertEqual([line.split()[1] for line in lines], [one, again, other])
        self.assertEqual(digests[0], digests[1])
        self.assertNotEqual(digests[0], digests[2])

    def test_digest_leaves_out_what_depends_on_the_host(self):
        trace = self.trace()

        def later(file):
            rows = file["rounds"][:]
            rows["host_end_s"] += 1
            rows["plan_host_s"] += 1
            file["rounds"][:] = rows
            file.attrs["date"] = numpy.bytes_("2001-01-01T00:00:00Z")

        self.assertEqual(self.digest(self.damaged(trace, later)), self.digest(trace))

        def other(file):
            rows = file["requests"][:]
            rows["latency_s"][0] = numpy.nextafter(rows["latency_s"][0], 9)
            file["requests"][:] = rows

        self.assertNotEqual(self.digest(self.damaged(trace, other)), self.digest(trace))

    def test_digest_is_of_traces_alone(self):
        for path in (self.scenario(), write_weights(self.path("w.h5")), self.path("missing.h5")):
            with self.subTest(path=path):
                self.skipstone("check", "--digest", path, code=2)


if __name__ == "__main__":
    unittest.main()
