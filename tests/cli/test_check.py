#!/usr/bin/env python3
"""`skipstone check`: what is right it says so, what is wrong it says where; digests."""

import pathlib
import shutil
import unittest

from support import ROOT, ProgramTest, h5py, numpy, write_weights


class Check(ProgramTest):
    def trace(self, changes=None, name="t.h5"):
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
        self.assertIn("w.h5: right (weights)", result.out)

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
        self.assertIn("t.h5: right (trace)", self.skipstone("check", self.trace()).out)

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

    def test_what_follows_from_the_rest_of_a_trace(self):
        trace = self.trace({"rounds.count": 4, "requests.count": 4})

        def column(table, name, change):
            def damage(file):
                rows = file[table][:]
                rows[name] = change(rows)
                file[table][:] = rows
            return damage

        def both(*damages):
            return lambda file: [damage(file) for damage in damages]

        on = numpy.where
        for name, damage, said in (
            ("plans on other devices", column("plans", "device", lambda a: on(a["device"] >= 0, (a["device"] + 1) % 4, -1)), "/events: a block is not computed where and when its plan says"),
            ("other modes", column("plans", "mode", lambda a: on(a["device"] >= 0, 2, a["mode"])), "/events: macs|/plans: "),
            ("finish after 1 ms", both(column("requests", "finish_s", lambda a: a["arrival_s"] + 1e-3),
                                       column("requests", "latency_s", lambda a: 1e-3)), "/requests: finish_s is not when the last block ends"),
            ("accuracy", column("requests", "accuracy", lambda a: on(numpy.isnan(a["accuracy"]), numpy.nan, 1)), "/requests: accuracy is not that of its plan"),
            ("macs", column("events", "macs", lambda a: on(a["kind"] == 1, 7, 0)), "/events: macs is not what the block costs"),
            ("rates", lambda file: file["links/rate_bit_s"].__setitem__(Ellipsis, on(numpy.isnan(file["links/rate_bit_s"][:]), numpy.nan, 1.0)),
             "/links: a rate is not what the scenario gives"),
            ("waits of another request", column("events", "request", lambda a: on(a["kind"] == 4, 0, a["request"])), "/events: a wait is not followed"),
            ("objective", column("rounds", "objective", lambda a: -5.0), "/rounds: objective does not follow"),
            ("bound", column("rounds", "bound", lambda a: 5.0), "/rounds: bound"),
            ("gap", column("rounds", "gap", lambda a: 0.5), "/rounds: gap does not follow"),
            ("predicted latency of rounds", column("rounds", "predicted_latency_s", lambda a: 1.0), "/rounds: predicted_latency_s"),
            ("predicted latency", column("requests", "predicted_latency_s", lambda a: a["predicted_latency_s"] * 1.001), "/requests: predicted_latency_s"),
            ("blocks", column("events", "block", lambda a: on(a["kind"] == 1, 3, a["block"])), "/events: a block is not computed where"),
            ("predicted class", column("requests", "predicted_class", lambda a: 99999), "/requests: predicted_class"),
            ("attempt", column("requests", "attempt", lambda a: 7), "/requests: attempt does not follow from the rounds before.*: 7 instead of 1"),
            ("arrivals", column("requests", "arrival_s", lambda a: a["arrival_s"] * (1 - 1e-6)), "/requests: arrival_s"),
            ("mac_rate", column("devices", "mac_rate", lambda a: a["mac_rate"] * 1000), "/devices: mac_rate is not the scenario's: row 0"),
            ("memory", column("devices", "memory_bytes", lambda a: a["memory_bytes"] + 1), "/devices: memory_bytes"),
            ("output", column("blocks", "output_bytes", lambda a: a["output_bytes"] + 1), "/blocks: output_bytes"),
            ("retransmitted", column("events", "flags", lambda a: 2), "/events: flags says retransmitted"),
            ("flags", column("events", "flags", lambda a: 64), "/events: flags has a bit without a meaning"),
            ("status", column("rounds", "status", lambda a: "infeasible"), "/rounds: status"),
            ("planner", column("rounds", "planner", lambda a: "exact"), "/rounds: planner is not the scenario's.*instead of greedy"),
            ("next start", column("rounds", "next_start_s", lambda a: a["next_start_s"] + 1), "/rounds: next_start_s|at another time"),
            ("latency", column("events", "begin_s", lambda a: on(a["kind"] == 3, a["begin_s"] + 1e-4, a["begin_s"])), "another time"),
        ):
            with self.subTest(name):
                result = self.skipstone("check", self.damaged(trace, damage), code=2)
                self.assertRegex(result.err, said)

    def test_runs_of_every_kind_are_right(self):
        table = {"format": "skipstone-accuracy", "version": 1, "network": "resnet20-cifar",
                 "row": [{"dropped": [], "accuracy": 0.9}] + [{"dropped": [f"s{s}b{b}"], "accuracy": 0.89} for s in (2, 3, 4) for b in (2, 3)]}
        failing = {"faults.devices": {"mean_time_to_failure": "300 ms", "mean_time_to_repair": "100 ms"},
                   "faults.links": {"mean_time_to_failure": "1 s", "mean_time_to_repair": "200 ms"}}
        idle = [{"profile": "khan2023-low", "name": "low", "count": 4, "mac_rate": "100 MMAC/s", "macs_per_round": "30 MMAC",
                 "power": {"idle": "1 W"}, "battery": "6 J"}]
        for changes in (
            {"planner.name": "exact"}, {"planner.name": "ga"}, {"planner.name": "contention"}, {"planner.name": "milp", "requests.count": 1},
            {"planner.name": "no-drop"}, {"planner.name": "single-device"},
            failing, failing | {"faults.remedies": ["skip", "replan"], "accuracy.table": table, "links.medium": "radio"},
            failing | {"faults.survival": 0.8, "requests.on_reject": "retry", "requests.source": "low-1"},
            {"requests.on_reject": "retry", "requests.count": 9, "rounds.count": 6}, {"links.medium": "radio"}, {"links.loss": 0.3},
            {"links.jitter": "20 ms", "links.latency": "5 ms"}, {"links.loss": 0.9, "links.jitter": "1 ms", "links.medium": "radio"},
            {"requests.arrivals": "spread", "rounds.period": "2 s"}, {"requests.source": "low-2", "links.efficiency": 0.7},
            {"objective.memory": "resident"}, {"objective.residual": "paper"}, {"objective.residual": "paper"} | failing,
            {"planner.charge": "5 ms"}, {"links.redraw": "never"}, {"links.symmetric": False}, {"requests.count": 0}, {"network.precision": "int8"},
            {"fleet.devices": idle, "rounds.period": "3 s", "rounds.count": 4}, {"objective.alpha": 0}, {"objective.alpha": 1},
            {"links.latency": "1e8 s", "rounds.count": 2},
            {"requests.count": None, "requests.rate": 30, "rounds.count": 2}, {"accuracy.table": table, "objective.accuracy_threshold": 0.95},
        ):
            with self.subTest(changes=changes):
                trace = self.path("kind.h5")
                self.skipstone("run", self.scenario(changes), "-o", trace, code=None)
                result = self.skipstone("check", trace, code=None)
                self.assertEqual(result.code, 0, result.err)
                self.assertIn("kind.h5: right (trace)", result.out)

    def test_what_is_none_of_ours_is_not_right(self):
        def hdf5(name, **attributes):
            with h5py.File(self.path(name), "w") as file:
                file.attrs.update(attributes)
                file["data"] = numpy.arange(10)
            return self.path(name)

        self.assert_wrong(hdf5("any.h5"), "any.h5: is an HDF5 file, but no trace, no weights, no data set and no table of ours")
        self.assert_wrong(hdf5("keras.h5", format="keras"), "keras.h5", '"keras"', "no trace")
        self.assert_wrong(hdf5("nothing.h5", network="resnet50"), "nothing.h5", "input_size")
        trace = self.trace()

        def forget(file):
            del file.attrs["format"]

        self.assert_wrong(self.damaged(trace, forget), "is a damaged trace: its attribute 'format' is missing")
        for name, text in (("package.json", '{"name": "x", "version": "1.0"}'), ("pyproject.toml", '[project]\nname = "x"\nversion = "1"\n'),
                           ("list.json", "[1, 2]"), ("empty.toml", ""), ("some.toml", "width = 3\n"), ("link.toml", 'latency = "3 ms"\n'),
                           ("image.png", b"\x89PNG\r\n\x1a\n" + bytes(40)), ("image.jpg", b"\xff\xd8\xff\xe0" + bytes(40)), ("empty", b"")):
            with self.subTest(name=name):
                self.assert_wrong(self.write(name, text))

    def test_sweep_tables(self):
        sweep = f'format = "skipstone-sweep"\nversion = 1\nscenario = "{self.scenario()}"\n[grid]\nobjective.alpha = [0.5, 1]\n'
        self.skipstone("sweep", "run", self.write("sweep.toml", sweep))
        self.skipstone("sweep", "collect", self.path("sweep.toml"), "-o", "table")
        self.assertIn("table.h5: right (sweep table)", self.skipstone("check", "table.h5").out)

        def lose(file):
            rows = file["points"][:]
            file["points"].attrs["figures"] = numpy.array([b"latency_none"])
            self.assertEqual(len(rows), 2)

        self.assert_wrong(self.damaged(self.path("table.h5"), lose), "lacks the column 'latency_none'")

    def test_a_byte_that_changes_in_a_table_is_noticed(self):
        trace = self.trace()
        places = []
        with h5py.File(trace, "r") as file:
            for name in ("devices", "blocks", "rounds", "plans", "requests", "events", "battery", "links/rate_bit_s"):
                rows = file[name].id
                self.assertGreater(rows.get_num_chunks(), 0)
                chunk = rows.get_chunk_info(0)
                places += [(name, chunk.byte_offset + chunk.size * part // 8) for part in range(8)]
        whole = pathlib.Path(trace).read_bytes()
        for name, at in places:
            with self.subTest(table=name, at=at):
                self.assert_wrong(self.write("flipped.h5", whole[:at] + bytes([whole[at] ^ 1]) + whole[at + 1:]), "damaged", name)

    def test_filters_that_are_not_here(self):
        weights, trace = write_weights(self.path("w.h5")), self.trace()

        def with_lzf(name):
            def damage(file):
                values, attributes = file[name][:], dict(file[name].attrs)
                del file[name]
                file.create_dataset(name, data=values, compression="lzf", chunks=True, maxshape=(None,) + values.shape[1:]).attrs.update(attributes)
            return damage

        for path, name in ((weights, "conv1.weight"), (trace, "events"), (trace, "links/rate_bit_s")):
            with self.subTest(name=name):
                self.assert_wrong(self.damaged(path, with_lzf(name)), f"/{name}", '"lzf", number 32000', "h5repack")
        result = self.skipstone("run", self.scenario(), "--weights", self.damaged(weights, with_lzf("conv1.weight")), "--kernels", "on", code=2)
        self.assertIn("number 32000", result.err)
        self.skipstone("analyze", self.damaged(trace, with_lzf("events")), code=2)

    def test_weights_as_other_programs_write_them(self):
        weights = write_weights(self.path("w.h5"))

        def others(file):
            attributes = dict(file.attrs)
            file.attrs["input_size"] = numpy.float64(attributes["input_size"])  # MATLAB
            file.attrs["classes"] = numpy.array([attributes["classes"]], "u1")
            network = attributes["network"]
            file.attrs["network"] = numpy.bytes_((network if isinstance(network, bytes) else network.encode()).ljust(40))  # Fortran

        self.assertIn("right (weights)", self.skipstone("check", self.damaged(weights, others)).out)
        self.assert_wrong(self.damaged(weights, lambda file: file.attrs.__setitem__("input_size", 32.5)), "input_size", "is 32.5, not an integer")

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
        one, again, other = self.trace(name="one.h5"), self.trace(name="again.h5"), self.trace({"seed": 8}, "other.h5")
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
