#!/usr/bin/env python3
"""The sweep files of the paper's section V: what they expand to, and that a collected table of theirs can be drawn."""

import csv
import io
import math
import pathlib
import subprocess
import sys
import tomllib
import unittest

from support import ROOT, ProgramTest

SWEEPS = ROOT / "jobs" / "sweeps"


def flat(table):
    """Scenario keys of a table of a sweep file."""
    for key, value in table.items():
        if isinstance(value, dict) and "." not in key:
            yield from ((f"{key}.{inner}", item) for inner, item in value.items())
        else:
            yield key, value


class Section5Sweeps(ProgramTest):
    def manifest(self, file):
        text = self.skipstone("sweep", "expand", file, "-o", "-").out
        return list(csv.DictReader(io.StringIO(text)))

    def test_every_sweep_has_the_points_that_its_file_says(self):
        files = sorted(SWEEPS.glob("*.toml"))
        self.assertLessEqual({"fig6", "fig7", "fig8", "fig9", "clocks"}, {file.stem for file in files})
        for file in files:
            sweep = tomllib.loads(file.read_text(encoding="utf-8"))
            axes = [len(values) for _, values in flat(sweep.get("grid", {}))]
            axes += [len(next(iter(dict(flat(together)).values()))) for together in sweep.get("list", [])]
            expected = math.prod(axes) * sweep.get("repetitions", 1)
            points = self.manifest(file)
            self.assertEqual(len(points), expected, file.name)
            self.assertEqual(len({point["id"] for point in points}), expected, f"{file.name}: two points are the same run")

    def test_the_figures_sweeps_keep_the_papers_parameters(self):
        weights = {"fig6": None, "fig7": "0", "fig8": "0.7", "fig9": "0"}
        for figure, alpha in weights.items():
            text = (SWEEPS / f"{figure}.toml").read_text(encoding="utf-8")
            sweep = tomllib.loads(text)
            self.assertEqual(sweep["scenario"], "khan2023")
            common = dict(flat(sweep["set"]))
            if alpha is not None:
                self.assertEqual(common["objective.alpha"], float(alpha))
                self.assertEqual(common["objective.accuracy_threshold"], 0.80)
            if figure != "fig8":
                self.assertEqual(common["requests.rate"], 3)
            self.assertEqual((common["emulation.clock"], common["emulation.kernels"]), ("virtual", False))

    def test_a_small_sweep_of_a_figure_is_run_collected_and_drawn(self):
        text = (SWEEPS / "fig9.toml").read_text(encoding="utf-8")
        small = text.replace("repetitions = 5", "repetitions = 2").replace("rounds.count = 20", "rounds.count = 2")
        for values in tomllib.loads(text)["list"][0].values():
            written = "[" + ", ".join(f'"{value}"' for value in values) + "]"
            self.assertIn(written, small)
            small = small.replace(written, f'["{values[5]}", "{values[-1]}"]')
        file = self.write("fig9.toml", small)
        self.skipstone("sweep", "run", file)
        self.skipstone("sweep", "collect", file)
        result = subprocess.run([sys.executable, ROOT / "analysis" / "figures" / "plot_section5.py", "fig9", self.path("fig9.csv"), "-o",
                                 self.path("fig9.png")], capture_output=True, text=True, timeout=120)
        self.assertEqual(result.returncode, 0, result.stderr)
        self.assertTrue(pathlib.Path(self.path("fig9.png")).read_bytes().startswith(b"\x89PNG"))

    def test_quantisation_against_dropping(self):
        text = (SWEEPS / "quantisation.toml").read_text(encoding="utf-8")
        file = self.write("q.toml", text.replace("repetitions = 5", "repetitions = 2").replace("rounds.count = 20", "rounds.count = 2"))
        self.skipstone("sweep", "run", file)
        self.skipstone("sweep", "collect", file)
        script = ROOT / "analysis" / "figures" / "quantisation.py"
        result = subprocess.run([sys.executable, script, self.path("q.csv")], capture_output=True, text=True, timeout=120)
        self.assertEqual(result.returncode, 0, result.stderr)
        cells = [[cell.strip() for cell in line.strip("|").split("|")] for line in result.stdout.splitlines()[2:]]
        rows = {tuple(row[:3]): [float(cell.split()[0]) for cell in row[3:]] for row in cells}
        self.assertEqual(len(rows), 15)
        dropped, accuracy, latency, transfer, shared, energy = range(6)
        for (precision, speed, alpha), row in rows.items():
            whole = rows["float32", "same", "0"]
            if alpha == "0":
                table = tomllib.loads((ROOT / "profiles" / "accuracy" / f"{self.table_of(precision)}.toml").read_text(encoding="utf-8"))
                self.assertEqual(row[dropped], 0)
                self.assertAlmostEqual(row[accuracy], 100 * table["row"][0]["accuracy"], places=2)
                width = {"float32": 1, "bfloat16": 2, "int8": 4}[precision]
                self.assertLess(row[shared], 1.2 * whole[shared] / width)
                faster = width if speed == "ideal" else 1
                self.assertLess((row[latency] - row[transfer]) * faster, 1.02 * (whole[latency] - whole[transfer]))
            if alpha == "1":
                self.assertGreater(row[dropped], 0)
                for quantity in (accuracy, latency, energy):
                    self.assertLess(row[quantity], rows[precision, speed, "0"][quantity])
        bad = subprocess.run([sys.executable, script, self.path("q.toml")], capture_output=True, text=True, timeout=120)
        self.assertEqual((bad.returncode, "quantisation.py: " in bad.stderr), (2, True))

    @staticmethod
    def table_of(precision):
        return "resnet50-cifar10-skipstone" + ("" if precision == "float32" else f"-{precision}")

    def clocks(self, **changes):
        """Lines of compare_clocks.py on a run with kernels, and one with these changes and without, and its exit status."""
        (self.folder / "points").mkdir(exist_ok=True)
        self.skipstone("run", self.scenario(), "--kernels", "on", "-o", self.path("points/1.h5"))
        self.skipstone("run", self.scenario(changes), "-o", self.path("points/0.h5"))
        self.write("manifest.csv", "index,id,name,seed\n0,0,fig6-virtual,1\n1,1,fig6-wall,1\n")
        script = ROOT / "analysis" / "figures" / "compare_clocks.py"
        result = subprocess.run([sys.executable, script, self.folder], capture_output=True, text=True, timeout=120)
        return result.stdout.splitlines()[2:], result.returncode

    def test_runs_with_and_without_kernels_are_found_equal(self):
        lines, code = self.clocks()
        self.assertEqual((len(lines), code), (1, 0))
        self.assertIn("| all equal |", lines[0])

    def test_runs_of_different_links_are_found_different(self):
        lines, code = self.clocks(seed=8)
        self.assertEqual((len(lines), code), (1, 1))
        self.assertIn("DIFFERENT: plans, requests, events, battery", lines[0])


if __name__ == "__main__":
    unittest.main(verbosity=2)
