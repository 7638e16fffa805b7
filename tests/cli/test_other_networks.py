#!/usr/bin/env python3
"""Runs of networks that are not residual ones: their traces are checked, analysed, exported, watched and drawn like all others."""

import csv
import json
import pathlib
import subprocess
import sys
import unittest

from support import DONE, ROOT, ProgramTest, numpy

FLEET = [{"profile": "khan2023-low", "name": name, "mac_rate": "20 GMAC/s", "memory": "300 MB", "macs_per_round": "40 GMAC", "battery": "1 MJ"}
         for name in ("a", "b", "c")]
NETWORKS = ("alexnet", "vgg16", "mobilenet-v1", "mobilenet-v2", "xception", "ds-cnn")
SKIP = 2


class OtherNetworks(ProgramTest):
    def changes(self, network, rows=(), **more):
        table = [{"dropped": [], "accuracy": 0.85}, *rows]
        return {"network.profile": network, "accuracy.table.network": network, "accuracy.table.row": table, "fleet.devices": FLEET,
                "requests.count": 6, "rounds.count": 2} | more

    def test_every_command_reads_their_traces(self):
        for network in NETWORKS:
            with self.subTest(network):
                trace = self.run_scenario(self.changes(network))
                self.assertTrue((trace.requests["status"] == DONE).all())
                names, stages = trace.names("blocks"), trace.blocks["stage"]
                self.assertEqual(len(set(names)), len(names))
                self.assertEqual(stages[0], 1)
                self.assertTrue((numpy.diff(stages) >= 0).all())
                self.assertGreater(stages[-1], 1)
                numpy.testing.assert_array_equal(trace.blocks["input_bytes"][1:], trace.blocks["output_bytes"][:-1])

                self.skipstone("check", trace.path)
                figures = json.loads(self.skipstone("analyze", trace.path, "--json").out)
                self.assertEqual(figures["requests"]["done"], 12)
                self.assertEqual({block["name"] for block in figures["blocks"]} - {"image"}, set(names))
                self.skipstone("export", trace.path, "--to", "csv", "-o", "tables")
                with open(self.path("tables/blocks.csv"), newline="") as file:
                    rows = list(csv.DictReader(file))
                self.assertEqual([(row["name"], int(row["stage"])) for row in rows], list(zip(names, stages)))
                self.assertEqual(self.skipstone("watch", trace.path).out.count("admitted 6/6"), 2)
                self.skipstone("analyze", trace.path, "--html", "page.html")
                self.assertIn(f'"stages":[{",".join(map(str, stages))}]', pathlib.Path(self.path("page.html")).read_text())

    def test_blocks_without_an_activation_behind_their_sum_vanish(self):
        dropped = ["s3b2", "s4b2"]
        trace = self.run_scenario(self.changes("mobilenet-v2", [{"dropped": dropped, "accuracy": 0.9}]))
        skipped = trace.plans[trace.plans["mode"] == SKIP]
        self.assertEqual({trace.names("blocks")[block] for block in skipped["block"]}, set(dropped))
        self.assertTrue((skipped["device"] == -1).all())
        self.skipstone("check", trace.path)
        drawn = subprocess.run([sys.executable, ROOT / "analysis" / "plot_trace.py", trace.path, "-o", self.path("t.png")],
                               capture_output=True, text=True, timeout=120)
        if "install" not in drawn.stderr:  # matplotlib is there
            self.assertEqual((drawn.returncode, drawn.stderr), (0, ""))


if __name__ == "__main__":
    unittest.main()
