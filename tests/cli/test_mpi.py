#!/usr/bin/env python3
"""Under the launcher: the wall clock's times, flags and strictness; several clocks; more and fewer ranks than devices."""

import os
import pathlib
import subprocess
import unittest

from support import COMPUTE, OPEN_MPI, OVERRUN, PROGRAM, WAIT, ProgramTest, Trace, lateness, launcher, numpy

WALL = {"emulation.clock": "wall", "emulation.dilation": 0.5, "rounds.count": 2}
MODEL_TIMES = {"events": ["begin_s", "end_s"], "rounds": ["start_s", "end_s"], "requests": ["arrival_s", "finish_s", "latency_s"],
               "battery": ["remaining_j"]}


class WallClock(ProgramTest):
    def assert_same_model(self, wall, virtual):
        for table, columns in MODEL_TIMES.items():
            for column in columns:
                numpy.testing.assert_array_equal(getattr(wall, table)[column], getattr(virtual, table)[column], f"{table}.{column}")

    def test_model_times_are_those_of_the_virtual_clock(self):
        for kernels in ("on", "off"):
            wall = self.run_scenario(WALL, "--kernels", kernels, ranks=5)
            virtual = self.run_scenario(WALL, "--kernels", kernels, "--clock", "virtual")
            self.assert_same_model(wall, virtual)
            numpy.testing.assert_array_equal(wall.requests["predicted_class"], virtual.requests["predicted_class"])

    def test_host_times_follow_the_model_times(self):
        trace = self.run_scenario(WALL, "--kernels", "on", ranks=5)
        late, events = lateness(trace)
        self.assertFalse(numpy.isnan(late).any())
        self.assertTrue((events["host_begin_s"] <= events["host_end_s"]).all())
        unsure = trace.clocks["uncertainty_s"].max() / 0.5 / 0.010  # of lateness, as far as the clocks are known
        self.assertGreater(late.min(), -unsure - 1e-3, "nothing ends before its time")
        self.assertLess(numpy.median(late), 0.05)
        self.assertTrue((trace.rounds["host_start_s"][1:] >= trace.rounds["host_end_s"][:-1]).all())

    def test_flags_are_those_of_the_lateness(self):
        for dilation in ("0.5", "0.02", "0.001"):
            with self.subTest(dilation=dilation):
                trace = self.run_scenario(WALL, "--kernels", "on", "--dilation", dilation, ranks=5)
                late, events = lateness(trace)
                flagged = (events["flags"] & OVERRUN) != 0
                numpy.testing.assert_array_equal(flagged, late > 0.01)
                self.assertFalse((trace.kind(WAIT)["flags"] & OVERRUN).any())
        self.assertTrue(flagged.any())

    def test_strict_exits_with_4_when_the_host_cannot_keep_up(self):
        output = self.path("t.h5")
        result = self.skipstone("run", self.scenario(WALL), "-o", output, "--kernels", "on", "--dilation", "0.0005", "--strict", ranks=5, code=4)
        self.assertIn("NOT FAITHFUL", result.out)
        trace = Trace(output)
        self.assertEqual((trace.attributes["complete"], trace.attributes["ended"]), (1, "finished"))
        self.assertGreater((lateness(trace)[0] > 0.01).mean(), 0.01)
        self.skipstone("run", self.scenario(WALL), "-o", output, "--kernels", "on", "--dilation", "0.0005", ranks=5)

    def test_strict_agrees_with_the_flagged_share(self):
        output = self.path("t.h5")
        result = self.skipstone("run", self.scenario(WALL), "-o", output, "--dilation", "1", "--strict", ranks=5, code=None)
        share = (lateness(Trace(output))[0] > 0.01).mean()
        self.assertEqual(result.code, 4 if share > 0.01 else 0)
        self.assertIn("fidelity:", result.out)

    def test_every_round_relates_the_clocks_of_all_ranks(self):
        trace = self.run_scenario(WALL, ranks=5)
        self.assertEqual([(row["round"], row["rank"]) for row in trace.clocks], [(n, r) for n in range(2) for r in (1, 2, 3, 4)])
        self.assertLess(abs(trace.clocks["offset_s"]).max(), 1e-3)
        self.assertTrue((trace.clocks["uncertainty_s"] > 0).all())

    def test_an_automatic_dilation_is_rehearsed_where_ranks_share_cores(self):
        output, changes = self.path("t.h5"), {"emulation.clock": "wall", "rounds.count": 2}
        result = self.skipstone("run", self.scenario(changes), "-o", output, "--kernels", "on", ranks=5)
        self.assertEqual("rehearsing the first round" in result.out, 5 > len(os.sched_getaffinity(0)))
        trace = Trace(output)
        self.assertGreaterEqual(trace.provenance["dilation"], 1)
        self.assertEqual(len(trace.rounds), 2)
        self.assert_same_model(trace, self.run_scenario({"rounds.count": 2}, "--kernels", "off"))
        self.skipstone("check", output)

    def test_the_trace_says_which_ranks_may_use_real_time_scheduling(self):
        try:
            os.sched_setscheduler(0, os.SCHED_FIFO, os.sched_param(1))
            os.sched_setscheduler(0, os.SCHED_OTHER, os.sched_param(0))
            allowed = 5
        except PermissionError:
            allowed = 0
        self.assertEqual(self.run_scenario(WALL, ranks=5).provenance["realtime"], f"{allowed} of 5 ranks")
        self.assertEqual(self.run_scenario(ranks=5).provenance["realtime"], "")

    def test_check_finds_wall_traces_right(self):
        output = self.path("t.h5")
        self.skipstone("run", self.scenario(WALL), "-o", output, "--kernels", "on", "--dilation", "0.01", ranks=5)
        self.skipstone("check", output)

    def test_too_few_ranks_are_told_the_launch_line(self):
        for ranks in (None, 1, 4):
            with self.subTest(ranks=ranks):
                result = self.skipstone("run", self.scenario(WALL), "-o", "t.h5", code=2, ranks=ranks)
                self.assertIn("needs 5 ranks", result.err)
                self.assertIn(" ".join([*launcher(5), "skipstone run"]), result.err)
                self.assertIn("--launch", result.err)
                self.assertFalse(pathlib.Path(self.path("t.h5")).exists())


class OtherClocks(ProgramTest):
    SHIFT_S = 1000

    def setUp(self):
        super().setUp()
        namespace = ["unshare", "--time", "--monotonic", "5", "true"]
        try:
            allowed = subprocess.run(namespace, capture_output=True, timeout=20).returncode == 0
        except FileNotFoundError:
            allowed = False
        if not allowed:
            self.skipTest("time namespaces are not allowed here (" + " ".join(namespace) + ")")

    def test_ranks_with_shifted_clocks_are_aligned(self):
        """As on several hosts: rank k's monotonic clock is k times 1000 s ahead."""
        wrapper = self.write("shifted.sh", "#!/bin/sh\nexec unshare --time --monotonic "
                             f"$((${{OMPI_COMM_WORLD_RANK:-$PMI_RANK}} * {self.SHIFT_S})) \"$@\"\n")
        trace = self.run_scenario(WALL | {"emulation.dilation": 1.0}, "--kernels", "on", ranks=5, program=["sh", wrapper, PROGRAM])
        self.assert_close(trace.clocks["offset_s"], self.SHIFT_S * trace.clocks["rank"], relative=1e-5)
        self.assertLess(abs(trace.clocks["offset_s"] - self.SHIFT_S * trace.clocks["rank"]).max(), 0.1)
        self.assertLess(trace.clocks["uncertainty_s"].max(), 0.1)
        late, events = lateness(trace)
        self.assertGreater(late.min(), -0.05)
        self.assertLess(numpy.median(late), 0.05)
        virtual = self.run_scenario(WALL, "--clock", "virtual")
        numpy.testing.assert_array_equal(trace.events["end_s"], virtual.events["end_s"])
        # The receiver's clock tells when a tensor arrived: not before it was sent.
        for sent, received in trace.transfers():
            self.assertGreater(received["host_end_s"], sent["host_begin_s"])


class Ranks(ProgramTest):
    def test_the_launcher_of_another_library_is_refused(self):
        """Its processes would each be a rank 0 of 1, and write the same trace."""
        other = {"PMI_RANK": "0", "PMI_SIZE": "3"} if OPEN_MPI else {"OMPI_COMM_WORLD_SIZE": "3"}
        result = self.skipstone("run", self.scenario(), "-o", "t.h5", environment=other, code=1)
        self.assertIn("started 3 processes", result.err)
        self.assertIn(" ".join(launcher(3)), result.err)
        self.assertFalse(pathlib.Path(self.path("t.h5")).exists())

    def test_more_ranks_than_devices_stay_idle_with_a_warning(self):
        for changes in (None, WALL | {"rounds.count": 1, "emulation.kernels": True}):
            output = self.new_path(".h5")
            result = self.skipstone("run", self.scenario(changes), "-o", output, ranks=7)
            self.assertIn("2 of 7 ranks stay idle", result.err)
            self.assertEqual(Trace(output).attributes["complete"], 1)

    def test_enough_ranks_give_no_warning(self):
        self.assertNotIn("idle", self.skipstone("run", self.scenario(), "-o", "t.h5", ranks=5).err)

    def test_fewer_ranks_than_devices_share_the_devices(self):
        trace = self.run_scenario({"emulation.kernels": True}, ranks=3)
        self.assertTrue((trace.kind(COMPUTE)["host_end_s"] > 0).all())
        self.assertEqual(trace.provenance["hosts"].partition(": ")[2], "0,1,2")

    def test_64_ranks(self):
        fleet = [{"profile": "khan2023-low", "name": "node", "count": 63, "mac_rate": "100 MMAC/s", "macs_per_round": "5 MMAC"}]
        for kernels in ("off", "on"):
            with self.subTest(kernels=kernels):
                changes = {"fleet.devices": fleet, "requests.count": 4, "rounds.count": 1, "planner.name": "no-drop"}
                trace = self.run_scenario(changes, "--kernels", kernels, ranks=64)
                self.assertEqual(trace.rounds[0]["admitted"], 4)
                self.assertGreater(len(set(trace.kind(COMPUTE)["device"])), 30)

    def test_wrong_input_is_said_once_by_all_ranks_together(self):
        result = self.skipstone("run", self.scenario({"links.max": "-3 Mbit/s"}), ranks=4, code=2)
        self.assertEqual(result.err.count("links.max"), 1)


class SharedBlocks(ProgramTest):
    """Blocks in parts, some on one device, and requests that take turns."""

    MAINS = {"battery": "mains", "macs_per_round": "1 GMAC"}
    SHARED = {
        "accuracy.table": "none",
        "fleet.devices": [{"profile": "khan2023-low", "name": "low", "count": 3, "mac_rate": "100 MMAC/s", **MAINS},
                          {"profile": "khan2023-high", "name": "big", "mac_rate": "200 MMAC/s", **MAINS}],
        "requests.count": 5, "rounds.count": 2, "planner.name": "fixed",
        "planner.stages": [{"blocks": "stem..s2b2", "devices": ["low-0"]},
                           {"blocks": "s2b3", "devices": ["low-0", "low-1", "big"], "split": "rows", "join": "low-2"},
                           {"blocks": "s3b1..s4b3", "devices": ["low-1..2", "big"], "take": "turns"},
                           {"blocks": "head", "devices": ["low-0", "big"], "split": "outputs", "join": "low-1"}]}

    def digest_of(self, changes, *arguments, **options):
        output = self.new_path(".h5")
        self.skipstone("run", self.scenario(self.SHARED | changes), "-o", output, *arguments, **options)
        self.skipstone("check", output)
        return self.digest(output), Trace(output)

    def test_the_trace_does_not_depend_on_the_ranks_nor_on_the_clock(self):
        for changes in ({}, {"requests.source": "low-2", "requests.arrivals": "closed", "requests.in_flight": 2}):
            alone, trace = self.digest_of(changes)
            self.assertTrue((trace.events["part"] >= 0).any())
            for ranks in (2, 4, 11):
                self.assertEqual(self.digest_of(changes, ranks=ranks)[0], alone)
            digest, wall = self.digest_of(changes, "--clock", "wall", "--dilation", "1", ranks=5)
            self.assertEqual(digest, alone)
            late, _ = lateness(wall)
            self.assertFalse(numpy.isnan(late).any(), "every computation and transfer was carried out")


if __name__ == "__main__":
    unittest.main()
