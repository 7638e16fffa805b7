#!/usr/bin/env python3
"""The figures and claims of section V, from tables whose content is known."""

import contextlib
import csv
import io
import itertools
import pathlib
import sys
import tempfile
import unittest

try:
    import matplotlib  # noqa: F401
    import pandas  # noqa: F401
except ImportError as missing:
    print(f"skipped: {missing}")
    sys.exit(77)

FIGURES = pathlib.Path(__file__).resolve().parents[2] / "analysis" / "figures"
sys.path.insert(0, str(FIGURES))

import claims  # noqa: E402
import plot_section5  # noqa: E402
from sweep_table import InputError, SweepTable, curve, number  # noqa: E402

PLANNERS = ("exact", "ga")
# Parameters of each figure's sweep, and where in 0…1 a point is on the figure's x axis.
SWEEPS = {
    "fig6": {"planner.name": PLANNERS, "objective.accuracy_threshold": (0.8, 0.85, 0.9), "objective.alpha": (0, 0.5, 1)},
    "fig7": {"planner.name": PLANNERS, "fleet.devices[0].battery": ("4 J", "40 J", "800 J")},
    "fig8": {"planner.name": PLANNERS, "objective.latency_reference": ("worst-case", "compute"), "requests.rate": (1, 3, 6)},
    "fig9": {"planner.name": PLANNERS, "fleet.devices[0].macs_per_round": ("400 MMAC", "1.4 GMAC", "4.2 GMAC")},
}


def rows(figure, slopes, seeds=3, noise=0.0):
    """A collected table; slopes: {quantity: what is added to it from one end of the x axis to the other}."""
    parameters = SWEEPS[figure]
    xs = list(parameters.values())[-1]
    for values in itertools.product(*parameters.values()):
        along = xs.index(values[-1]) / (len(xs) - 1)
        for seed in range(1, seeds + 1):
            level = {name: 100 + slope * along + noise * seed * (1 if seed % 2 else -1) for name, slope in slopes.items()}
            done = 50
            yield {
                "index": 0, "id": "0", "name": "point", "seed": seed, **dict(zip(parameters, values)), "requests": 60, "done": done, "rounds": 20,
                "latency_mean_s": level.get("latency", 100) / 50, "path_queue_mean_s": 0.25,
                "path_transfer_mean_s": level.get("transfer", 100) / 400, "latency_total_s": level.get("latency", 100) / 50 * done,
                "accuracy_planned": level.get("accuracy", 100) / 110, "shared_bytes": level.get("shared", 100) * 1e4 * done,
                "macs": level.get("load", 100) * 4e7 * done, "energy_j": level.get("energy", 100) / 10 * done,
                "dropped_blocks": 0 if along == 0 else done,
            }


def write(path, content):
    content = list(content)
    with open(path, "w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, content[0])
        writer.writeheader()
        writer.writerows(content)
    return path


class FolderTest(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory(prefix="skipstone-section5-")
        self.addCleanup(folder.cleanup)
        self.folder = pathlib.Path(folder.name)

    def script(self, module, *arguments, code=0):
        """What a script says on its standard output, or, where it is to fail, on standard error."""
        out, err = io.StringIO(), io.StringIO()
        with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
            self.assertEqual(module.main([str(argument) for argument in arguments]), code, err.getvalue())
        return (out if code == 0 else err).getvalue()


class Figures(FolderTest):
    def test_draws_every_figure(self):
        for figure in SWEEPS:
            table = write(self.folder / f"{figure}.csv", rows(figure, {"accuracy": -10, "latency": 20}, noise=1))
            picture = self.folder / f"{figure}.png"
            self.script(plot_section5, figure, table, "-o", picture)
            self.assertEqual(picture.read_bytes()[:8], b"\x89PNG\r\n\x1a\n")
            self.assertGreater(picture.stat().st_size, 20_000)

    def test_draws_points_at_which_nothing_was_admitted(self):
        content = list(rows("fig7", {}))
        for row in content:
            if row["fleet.devices[0].battery"] == "4 J":
                row.update({"done": 0, "accuracy_planned": "", "latency_mean_s": "", "path_queue_mean_s": "", "shared_bytes": 0, "macs": 0, "energy_j": 0})
        self.script(plot_section5, "fig7", write(self.folder / "t.csv", content), "-o", self.folder / "f.png")

    def test_says_what_is_wrong_with_a_table(self):
        other = write(self.folder / "fig8.csv", rows("fig8", {}))
        without = self.folder / "without.csv"
        pandas.read_csv(other).drop(columns="energy_j").to_csv(without, index=False)
        one_planner = write(self.folder / "exact.csv", [row for row in rows("fig7", {}) if row["planner.name"] == "exact"])
        words = write(self.folder / "words.csv", [{**row, "fleet.devices[0].battery": "much"} for row in rows("fig7", {})])
        empty = self.folder / "empty.csv"
        empty.write_text("")
        for figure, table, expected in (
                ("fig7", self.folder / "none.csv", "none.csv: cannot be read"), ("fig7", empty, "empty.csv: cannot be read"),
                ("fig7", other, "lacks column 'fleet.devices[0].battery'"), ("fig8", without, "lacks column 'energy_j'"),
                ("fig7", one_planner, "has no point with planner_name = ga"), ("fig7", words, "column 'fleet.devices[0].battery'")):
            error = self.script(plot_section5, figure, table, "-o", self.folder / "f.png", code=2)
            self.assertIn(expected, error)
            self.assertEqual(error.count("\n"), 1, error)
        self.assertFalse((self.folder / "f.png").exists())

    def test_says_where_a_picture_cannot_be_written(self):
        table = write(self.folder / "fig9.csv", rows("fig9", {}))
        error = self.script(plot_section5, "fig9", table, "-o", self.folder / "no" / "f.png", code=2)
        self.assertIn("cannot be written", error)


class Tables(FolderTest):
    def test_reads_numbers_with_and_without_units(self):
        for text, value in ((3, 3), ("0.7", 0.7), ("3.6 J", 3.6), ("1.4 GMAC", 1.4e9), ("400 MMAC", 4e8), ("1 kJ", 1e3)):
            self.assertAlmostEqual(number(text), value, delta=1e-9 * value)

    def test_gives_quantities_per_admitted_request(self):
        table = SweepTable(write(self.folder / "t.csv", rows("fig9", {})), ["fleet.devices[0].macs_per_round"])
        row = table.rows.iloc[0]
        for quantity, value in (("accuracy", 100 / 1.1), ("latency", 2), ("model_latency", 1.75), ("shared", 1), ("energy", 10), ("load", 4),
                                ("admitted", 100 * 50 / 60), ("served", 100 / 1.1 * 50 / 60), ("round_energy", 25)):
            self.assertAlmostEqual(row[quantity], value, msg=quantity)

    def test_errors_are_twice_the_standard_error(self):
        table = SweepTable(write(self.folder / "t.csv", rows("fig9", {"energy": 0}, noise=10)), ["fleet.devices[0].macs_per_round"])
        energies = [(100 + 10 * seed * (1 if seed % 2 else -1)) / 10 for seed in (1, 2, 3)]
        mean = sum(energies) / 3
        deviation = (sum((e - mean) ** 2 for e in energies) / 2) ** 0.5
        found = curve(table.select(planner_name="ga"), "fleet.devices[0].macs_per_round", "energy")
        self.assertEqual(list(found.index), [4e8, 1.4e9, 4.2e9])
        self.assertAlmostEqual(found["mean"].iloc[0], mean)
        self.assertAlmostEqual(found["error"].iloc[0], 2 * deviation / 3 ** 0.5)

    def test_a_selection_that_is_not_there_is_an_error(self):
        table = SweepTable(write(self.folder / "t.csv", rows("fig9", {})), [])
        with self.assertRaisesRegex(InputError, "no point with planner_name = milp"):
            table.select(planner_name="milp")


class Claims(FolderTest):
    # As the paper says: what each quantity does along its figure's x axis.
    PAPER = {
        "fig6": {"accuracy": -10, "shared": -9, "energy": -9, "load": -9},
        "fig7": {"accuracy": 9, "latency": -20, "transfer": -9, "shared": -9, "energy": -9, "load": -9},
        "fig8": {"accuracy": -9, "latency": 20, "shared": 9, "energy": 9, "load": 9},
        "fig9": {"accuracy": 9, "latency": 20, "shared": -9, "energy": 9},
    }

    def verdicts(self, slopes, noise=0.0):
        """{claim: verdict} of the exact planner."""
        for figure in SWEEPS:
            write(self.folder / f"{figure}.csv", rows(figure, slopes.get(figure, {}), noise=noise))
        lines = self.script(claims, self.folder).splitlines()
        self.assertEqual(len(lines), 2 + len(claims.CLAIMS))
        cells = [line.strip("| ").split(" | ") for line in lines[2:]]
        return {claim: verdict.split(":")[0] for _, claim, verdict, _ in cells}

    def test_a_world_as_the_paper_describes_it_confirms_its_directions(self):
        found = self.verdicts(self.PAPER)
        for claim, verdict in found.items():
            if "91 %" not in claim and "even then" not in claim:
                self.assertEqual(verdict, "yes", claim)
        self.assertEqual(found["because blocks have to be dropped even then"], "no")

    def test_the_opposite_world_refutes_them(self):
        opposite = {figure: {name: -slope for name, slope in slopes.items()} for figure, slopes in self.PAPER.items()}
        found = self.verdicts(opposite)
        for _, _, claim, judge in claims.CLAIMS:
            if "91 %" not in claim and "no block is dropped" not in claim:
                self.assertEqual(found[claim], "no", claim)

    def test_differences_within_the_error_confirm_nothing(self):
        found = self.verdicts({figure: dict.fromkeys(slopes, 0.0) for figure, slopes in self.PAPER.items()}, noise=1)
        self.assertEqual(found["the latency falls with the battery"], "no")
        self.assertEqual(found["shared data rise as the capacity falls"], "no")

    def test_the_highest_accuracy_is_read_at_beta_1(self):
        content = list(rows("fig6", {}))
        for row in content:
            row["accuracy_planned"] = 0.91 if row["objective.alpha"] == 0 else 0.85
        table = SweepTable(write(self.folder / "t.csv", content), claims.PARAMETERS["fig6"])
        self.assertTrue(claims.ninety_one_percent(table, "exact").startswith("near: 91.0 to 91.0 %"))

    def test_the_readme_has_the_table_of_the_sweeps_that_are_kept(self):
        readme = (FIGURES.parents[1] / "jobs" / "README.md").read_text(encoding="utf-8")
        table = list(claims.lines(claims.load(FIGURES / "section5")))
        self.assertEqual(len(table), 2 + 18)
        first = readme.splitlines().index(table[0])
        self.assertEqual(readme.splitlines()[first:first + len(table) + 1], [*table, ""])
        shared = [line for line in table if "shared data rise as the capacity falls" in line]
        self.assertRegex(shared[0], r"yes: 7\.\d+ → 0\.\d+ MB \(from 0\.4 to 4\.2 GMAC\) \| yes: 17\.\d → 13\.\d MB")

    def test_puts_the_table_in_place_of_the_old_one(self):
        for figure in claims.PARAMETERS:
            write(self.folder / f"{figure}.csv", rows(figure, {"accuracy_planned": 0.05}))
        kept = self.folder / "kept"
        kept.mkdir()
        readme = self.folder / "R.md"
        readme.write_text(f"before\n\n{claims.HEADING}\n|---|---|---|---|\n| old | row |\n\nafter\n", encoding="utf-8")
        table = self.script(claims, self.folder, "--readme", readme, "--keep", kept)
        self.assertEqual(readme.read_text(encoding="utf-8"), f"before\n\n{table}\nafter\n")
        self.assertEqual(self.script(claims, kept), table, "what is kept is enough")
        readme.write_text("no table", encoding="utf-8")
        self.assertIn("there is no table", self.script(claims, self.folder, "--readme", readme, code=2))

    def test_says_which_table_is_missing(self):
        self.assertIn("fig6.csv: cannot be read", self.script(claims, self.folder, code=2))


if __name__ == "__main__":
    unittest.main(verbosity=2)
