#!/usr/bin/env python3
"""Help, usage, and what a plain run leaves behind: its output, its trace, its exit status."""

import os
import pty
import subprocess
import unittest

from support import COMPUTE, DONE, PROGRAM, REJECTED, ProgramTest, Trace, durations, h5py, numpy, scenario_text, text, where


class Usage(ProgramTest):
    def test_help_is_no_error(self):
        for arguments in (["--help"], ["-h"], ["run", "--help"], ["plan", "--help"], ["check", "--help"]):
            with self.subTest(arguments=arguments):
                result = self.skipstone(*arguments)
                self.assertIn("skipstone", result.out)
                self.assertEqual(result.err, "")

    def test_help_names_every_option(self):
        options = {
            "run": ["--output", "--clock", "--dilation", "--planner", "--rounds", "--seed", "--images", "--weights", "--kernels",
                    "--set", "--strict", "--launch", "--print-config"],
            "plan": ["--instance", "--planner", "--round", "--requests", "--time-limit", "--json", "--dump-instance"],
            "infer": ["--weights", "--network", "--data", "--limit", "--batch", "--threads", "--precision", "--calibration", "--force", "-o"],
            "check": ["--digest"],
        }
        for command, names in options.items():
            help_text = self.skipstone(command, "--help").out
            for name in names:
                self.assertIn(name, help_text, command)

    def test_version_names_the_libraries(self):
        out = self.skipstone("--version").out
        self.assertRegex(out, r"^skipstone \d+\.\d+\.\d+ \(.+\)\n")
        for library in ("oneDNN", "HDF5", "instruction set"):
            self.assertIn(library, out)

    def test_wrong_usage_exits_with_2(self):
        scenario = self.scenario()
        for arguments, said in (
            ([], "subcommand"),
            (["paln"], '"plan"'),
            (["run"], "scenario"),
            (["run", scenario, "--colour"], "--colour"),
            (["run", scenario, "--rounds", "many"], "--rounds"),
            (["run", scenario, "--rounds", "0"], "--rounds 0"),
            (["run", scenario, "--seed", "-1"], "--seed"),
            (["run", scenario, "--kernels", "maybe"], "on or off"),
            (["run", scenario, "--clock", "sundial"], "--clock sundial"),
            (["run", scenario, "--dilation", "0"], "--dilation 0"),
            (["run", scenario, "--set", "alpha"], "--set alpha"),
            (["run", scenario, "--set", "objective.alfa=1"], '"objective.alpha"'),
            (["run", scenario, "another"], "another"),
            (["check"], "files"),
            (["plan"], "scenario"),
        ):
            with self.subTest(arguments=arguments[:1] + arguments[2:]):
                result = self.skipstone(*arguments, code=2)
                self.assertIn(said, result.out + result.err)
                self.assertEqual(list(self.folder.glob("*.h5")), [])


class Run(ProgramTest):
    def test_trace_is_complete_and_right(self):
        output = self.path("trace.h5")
        self.skipstone("run", self.scenario(), "-o", output)
        trace = Trace(output)
        self.assertEqual(trace.attributes["complete"], 1)
        self.assertEqual(trace.attributes["ended"], "finished")
        self.assertEqual(trace.attributes["format"], "skipstone-trace")
        self.assertEqual(trace.attributes["format_version"], 2)
        self.assertEqual(trace.attributes["seed"], 7)
        self.assertRegex(trace.attributes["date"], r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$")
        self.assertIn("right", self.skipstone("check", output).out)

    def test_every_table_is_filled(self):
        trace = self.run_scenario()
        self.assertEqual(trace.names("devices"), ["low-0", "low-1", "low-2", "big"])
        self.assertEqual(trace.names("blocks"), ["stem"] + [f"s{s}b{b}" for s in (2, 3, 4) for b in (1, 2, 3)] + ["head"])
        self.assertEqual(list(trace.rounds["round"]), [0, 1, 2])
        self.assertTrue((trace.rounds["requests"] == 3).all())
        self.assertEqual(trace.rates.shape, (3, 4, 4))
        self.assertEqual(len(trace.requests), 9)
        done = where(trace.requests, status=DONE)
        self.assertGreater(len(done), 0)
        self.assertEqual(len(trace.plans), len(done) * len(trace.blocks))
        self.assertEqual(len(trace.battery), 3 * 4)
        self.assertEqual(len(trace.kind(COMPUTE)), (trace.plans["device"] >= 0).sum())
        self.assertGreater(len(trace.transfers()), 0)

    def test_shared_data_is_what_was_transmitted(self):
        trace = self.run_scenario()
        self.assertGreater(trace.requests["shared_bytes"].sum(), 0)
        for row in trace.requests:
            sent = sum(e["bytes"] for e, _ in trace.transfers() if (e["round"], e["request"]) == (row["round"], row["request"]))
            self.assertEqual(row["shared_bytes"], sent)

    def test_provenance_says_how_the_run_came_about(self):
        trace = self.run_scenario(None, "--kernels", "off")
        self.assertIn("--kernels off", trace.provenance["command_line"])
        self.assertEqual(trace.provenance["network"], "resnet20-cifar")
        self.assertEqual(trace.provenance["clock"], "virtual")
        for key in ("git_revision", "library_versions", "instruction_set", "hosts", "weights_hash"):
            self.assertTrue(trace.provenance[key], key)

    def test_resolved_scenario_in_the_trace_runs_again_to_the_same_trace(self):
        first, second = self.path("first.h5"), self.path("second.h5")
        self.skipstone("run", self.scenario({"requests.count": None, "requests.rate": 2}), "-o", first)
        again = self.write("again.toml", Trace(first).provenance["scenario"])
        self.skipstone("run", again, "-o", second)
        self.assertEqual(self.digest(first), self.digest(second))

    def test_without_output_the_trace_is_named_after_the_scenario(self):
        self.write("small.toml", scenario_text())
        self.skipstone("run", "small.toml")
        self.assertEqual(Trace(self.path("small-greedy-virtual.h5")).attributes["complete"], 1)

    def test_shows_rounds_as_it_goes_and_tables_at_the_end(self):
        result = self.skipstone("run", self.scenario(), "-o", "trace.h5")
        trace = Trace(self.path("trace.h5"))
        lines = [line for line in result.out.splitlines() if "] round " in line]
        self.assertEqual(len(lines), 3)
        for line, row in zip(lines, trace.rounds):
            self.assertIn(f"admitted {row['admitted']}/{row['requests']}", line)
            for word in ("latency", "accuracy", "energy", "lowest battery"):
                self.assertIn(word, line)
        for device in range(4):
            name = text(trace.devices[device]["name"])
            cells = next(line.split() for line in result.out.splitlines() if line.split()[:1] == [name])
            self.assertAlmostEqual(float(cells[1]), durations(trace.kind(COMPUTE, device=device)).sum(), delta=6e-4)
            self.assertAlmostEqual(float(cells[-1]), where(trace.battery, device=device, round=2)["remaining_j"][0], delta=6e-3)
        self.assertIn("trace: trace.h5", result.out)
        self.assertNotIn("\033", result.out + result.err)

    def test_shows_a_bar_on_a_terminal(self):
        ours, terminal = pty.openpty()
        self.addCleanup(os.close, ours)
        process = subprocess.Popen([PROGRAM, "run", self.scenario(), "-o", self.path("trace.h5")], stdout=subprocess.DEVNULL, stderr=terminal)
        os.close(terminal)
        self.assertEqual(process.wait(60), 0)
        seen = os.read(ours, 65536).decode()
        self.assertIn("[##########....................] 1/3", seen)
        self.assertIn("3/3", seen)
        self.assertTrue(seen.endswith("\r\033[K"), "the bar is taken away at the end")

    def test_rejected_requests_are_recorded_with_the_reason(self):
        result = self.skipstone("run", self.scenario({"requests.count": 9}), "-o", "trace.h5")
        trace = Trace(self.path("trace.h5"))
        self.assertIn("rejected for compute", result.out)
        self.assertEqual(text(trace.rounds[0]["binding"]), "compute")
        rejected = where(trace.requests, status=REJECTED)
        self.assertEqual(len(rejected) + trace.rounds["admitted"].sum(), trace.rounds["requests"].sum())
        self.assertGreater(len(rejected), 0)
        self.assertTrue(numpy.isnan(rejected["latency_s"]).all())

    def test_an_existing_trace_is_replaced(self):
        output = self.path("trace.h5")
        self.skipstone("run", self.scenario(), "-o", output)
        self.skipstone("run", self.scenario({"rounds.count": 5}), "-o", output)
        self.assertEqual(len(Trace(output).rounds), 5)
        self.assertEqual([p.name for p in self.folder.iterdir() if p.suffix != ".toml"], ["trace.h5"])

    def test_scenarios_are_found_by_name_from_anywhere(self):
        self.skipstone("run", "khan2023-tight", "--clock", "virtual", "--kernels", "off", "--rounds", "2")
        self.assertEqual(len(Trace(self.path("khan2023-tight-exact-virtual.h5")).rounds), 2)

    def test_a_large_fleet_with_names_of_its_own_fits_in_the_trace(self):
        devices = [{"profile": "khan2023-low", "name": f"sensor number {i} in the east wing", "battery": f"{100 + i} J"} for i in range(400)]
        trace = self.run_scenario({"fleet.devices": devices, "rounds.count": 1})
        self.assertEqual(len(trace.devices), 400)
        self.assertGreater(len(trace.provenance["scenario"]), 65536)
        self.assertIsNone(trace.rates)

    def test_tables_say_their_units(self):
        output = self.path("trace.h5")
        self.skipstone("run", self.scenario(), "-o", output)
        with h5py.File(output, "r") as file:
            units = {text(unit) for unit in file["events"].attrs["units"]}
            self.assertLessEqual({"begin_s=s", "end_s=s", "bytes=B", "macs=MAC"}, units)
            self.assertEqual(h5py.check_enum_dtype(file["events"].dtype["kind"]),
                             {"compute": 1, "transmit": 2, "receive": 3, "wait": 4})

    def test_too_little_memory_is_told(self):
        """Whatever runs out first: memory, or room for a thread."""
        def limited(megabytes):
            return ["sh", "-c", f'ulimit -v {1024 * megabytes}; exec "$0" "$@"', PROGRAM]

        if self.skipstone("--version", program=limited(400), code=None).code != 0:
            self.skipTest("skipped: this build needs more address space for itself")
        told = 0
        fleet = 'fleet.devices=[{profile="khan2023-low",name="d",count=3000}]'
        for megabytes in (110, 150, 200, 250, 300):
            result = self.skipstone("run", "khan2023", "--clock", "virtual", "--set", "emulation.kernels=false", "--set", fleet,
                                    "--set", "rounds.count=1", "-o", "t.h5", program=limited(megabytes), code=None)
            self.assertIn(result.code, (0, 1, 127), result)  # 127: not even its libraries find room
            if result.code == 1:
                told += 1
                self.assertRegex(result.err, "there is not enough memory|Cannot allocate memory|memory allocation failed")
        self.assertGreater(told, 0)

    def test_provenance_says_what_started_the_run_and_where(self):
        job = {"SLURM_JOB_ID": "77", "SLURM_ARRAY_JOB_ID": "70", "SLURM_ARRAY_TASK_ID": "3", "SLURM_RESTART_COUNT": "2"}
        output = self.new_path(".h5")
        self.skipstone("run", self.scenario(), "-o", output, environment=job)
        found = Trace(output).provenance
        self.assertEqual((found["job_id"], found["job_array"], found["job_restarts"]), ("77", "70_3", 2))
        self.assertEqual((found["launcher"], found["realtime"], found["threads"]), ("", "", -1))
        self.assertEqual(found["cores"], len(os.sched_getaffinity(0)))
        self.assertEqual(found["memory_bytes"], os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE"))
        self.assertTrue(found["processor"])
        self.assertEqual(self.run_scenario().provenance["job_restarts"], -1)
        wall = self.run_scenario({"emulation.clock": "wall", "rounds.count": 1}, ranks=5).provenance
        self.assertRegex(wall["realtime"], r"^[0-5] of 5 ranks$")
        self.assertIn("mpirun", wall["launcher"])


if __name__ == "__main__":
    unittest.main()
