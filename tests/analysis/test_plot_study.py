#!/usr/bin/env python3
"""The picture of an accuracy table: what is drawn where, of tables that a study wrote and of such that were written by hand."""

import contextlib
import io
import pathlib
import subprocess
import sys
import tempfile
import unittest
from unittest import mock

try:
    import matplotlib  # noqa: F401
    import numpy
except ImportError as missing:
    print(f"skipped: {missing}")
    sys.exit(77)

ROOT = pathlib.Path(__file__).resolve().parents[2]
SCRIPT = ROOT / "analysis" / "plot_study.py"
sys.path.insert(0, str(SCRIPT.parent))

import plot_study  # noqa: E402

HEAD = 'format = "skipstone-accuracy"\nversion = 1\nnetwork = "resnet20-cifar"\ndataset = "some images"\nsamples = 200\n'
BASELINE = ([], 0.92, {"confidence": [0.87, 0.95]})
SINGLES = [(["s2b10"], 0.7, {"confidence": [0.63, 0.76], "correct": 140, "samples": 200}),
           (["s2b2"], 0.9, {"confidence": [0.85, 0.93], "memory_gain_bytes": 131072, "computation_gain_macs": 4718592})]
DIRECT = [(["s2b2"], 0.25, {"mode": "direct", "confidence": [0.19, 0.31]})]
PAIRS = [(["s2b2", "s3b1"], 0.8, {}), (["s3b1", "s2b10"], 0.6, {})]
NOT_RUN = "\n# Not run:\n# stem, mode skip: its input does not fit\n# head, mode direct: it has no skip connection\n"


def toml(value):
    if isinstance(value, list):
        return "[" + ", ".join(map(toml, value)) + "]"
    return f'"{value}"' if isinstance(value, str) else repr(value)


def table_text(rows, tail=""):
    text = HEAD
    for dropped, accuracy, keys in rows:
        content = {"dropped": dropped, "accuracy": accuracy} | keys
        text += "\n[[row]]\n" + "".join(f"{key} = {toml(value)}\n" for key, value in content.items())
    return text + tail


class PlotCase(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = pathlib.Path(folder.name)
        self.path = self.folder / "table.toml"

    def figure(self, rows, tail=""):
        self.path.write_text(table_text(rows, tail))
        return self.figure_of(self.path)

    def figure_of(self, path):
        table = plot_study.Table(path)
        figure = plot_study.draw(table, table.title())
        self.addCleanup(plot_study.pyplot.close, figure)
        figure.canvas.draw()
        return figure

    def run_script(self, *arguments):
        return subprocess.run([sys.executable, SCRIPT, self.path, *arguments], capture_output=True, text=True, timeout=120)


def panel(figure, title):
    return next(axes for axes in figure.axes if axes.get_title(loc="left").startswith(title))


def points(line):
    """What it draws: x and y."""
    return line.get_xdata(orig=False), line.get_ydata(orig=False)


def labels(axis):
    return [label.get_text() for label in axis.get_ticklabels()]


class Draws(PlotCase):
    def test_singles_in_the_networks_order_with_their_intervals(self):
        axes = panel(self.figure([BASELINE, *SINGLES, *DIRECT]), "One block")
        self.assertEqual(labels(axes.xaxis), ["s2b2", "s2b10"])
        skip, direct = axes.containers
        numpy.testing.assert_allclose(sorted(points(skip.lines[0])[1]), [70, 90])
        bars = sorted(segment[:, 1].tolist() for segment in skip.lines[2][0].get_segments())
        numpy.testing.assert_allclose(bars, [[63, 76], [85, 93]])
        numpy.testing.assert_allclose(points(direct.lines[0])[1], [25])
        self.assertLess(min(points(skip.lines[0])[0]), points(direct.lines[0])[0][0])  # beside, not upon each other
        self.assertEqual(axes.lines[0].get_ydata()[0], 92)
        self.assertIn("nothing dropped: 92.00 %", [entry.get_text() for entry in axes.get_legend().get_texts()])

    def test_blocks_that_could_not_run_are_marked(self):
        axes = panel(self.figure([BASELINE, *SINGLES, *DIRECT], NOT_RUN), "One block")
        self.assertEqual(labels(axes.xaxis), ["stem", "s2b2", "s2b10", "head"])
        crosses = {line.get_label(): round(line.get_xdata()[0]) for line in axes.lines if line.get_marker() == "x"}
        self.assertEqual(crosses, {"could not run (skip)": 0, "could not run (direct)": 3})

    def test_stages_and_order_come_from_the_table(self):
        names = [f"features.denseblock{b}.denselayer{b}.conv1" for b in (3, 2, 1, 4)]
        rows = [BASELINE, *(([name], 0.8, {}) for name in sorted(names)), (names[:2], 0.7, {})]
        lines = f"# {names[3]}, mode direct: it has no skip connection\nblocks = {toml(names)}\nstages = [1, 2, 2, 2]\n"
        self.path.write_text(lines + table_text(rows))
        figure = self.figure_of(self.path)
        axes = panel(figure, "One block")
        self.assertEqual(labels(axes.xaxis), [f"…denseblock{b}.denselayer{b}…" for b in (3, 2, 1, 4)])
        shaded = [box for box in axes.patches if box.get_facecolor()[0] > 0.95]
        self.assertEqual(len(shaded), 1)
        self.assertNotEqual(panel(figure, "Two blocks").get_xticklabels()[0].get_rotation(), 0)

    def test_wrong_stages_are_refused(self):
        for lines, message in (("blocks = 3", "must be a list of block names"), ("blocks = [1]", "must be a list of block names"),
                               ("blocks = ['s2b2', 's2b10']", "stages = None; must be a whole number for each"),
                               ("blocks = ['s2b2', 's2b10']\nstages = [1]", "must be a whole number for each of the blocks"),
                               ("blocks = ['s2b2']\nstages = [1]", "block 's2b10' is not among the blocks")):
            self.path.write_text(lines + "\n" + table_text([BASELINE, *SINGLES]))
            result = self.run_script()
            self.assertEqual(result.returncode, 2)
            self.assertIn(message, result.stderr)

    def test_pairs_are_a_map_with_the_single_drops_on_its_diagonal(self):
        axes = panel(self.figure([BASELINE, *SINGLES, *PAIRS]), "Two blocks")
        self.assertEqual(labels(axes.xaxis), ["s2b2", "s2b10", "s3b1"])
        self.assertEqual(labels(axes.yaxis), labels(axes.xaxis))
        nan = numpy.nan
        numpy.testing.assert_allclose(axes.images[0].get_array().filled(nan), [[90, nan, nan], [nan, 70, nan], [80, 60, nan]])
        self.assertEqual(sorted(text.get_text() for text in axes.texts), ["60.0", "70.0", "80.0", "90.0"])

    def test_larger_sets_are_drawn_by_their_number_of_blocks(self):
        more = [(["s2b2", "s2b3", "s2b4"], 0.5, {}), (["s2b2", "s2b3", "s2b5"], 0.55, {"confidence": [0.5, 0.6]})]
        axes = panel(self.figure([BASELINE, *SINGLES, *more]), "More blocks")
        best = axes.containers[0].lines[0]
        numpy.testing.assert_allclose(points(best), [[0, 1, 3], [92, 90, 55]])

    def test_of_a_set_that_stands_twice_the_lower_accuracy(self):
        axes = panel(self.figure([BASELINE, (["s2b2"], 0.8, {}), (["s2b2"], 0.7, {}), (["s2b2"], 0.75, {})]), "One block")
        numpy.testing.assert_allclose(points(axes.containers[0].lines[0])[1], [70])

    def test_names_are_drawn_as_they_are(self):
        self.path.write_text(table_text([BASELINE, (["$a_b$"], 0.8, {}), (["$a_b$", "^{$"], 0.7, {})]).replace("dataset = \"", "dataset = \"$<{_"))
        figure = self.figure_of(self.path)
        self.assertIn("$a_b$", [label.get_text() for label in panel(figure, "One block").get_xticklabels()])
        self.assertIn("^{$", [label.get_text() for label in panel(figure, "Two blocks").get_yticklabels()])
        self.assertIn("$<{_", figure._suptitle.get_text())

    def test_tables_written_by_hand(self):
        for name, singles, pairs in (("khan2023-table1", 31, 43), ("khan2023-table2", 9, 10)):
            with self.subTest(table=name):
                path = ROOT / "profiles" / "accuracy" / f"{name}.toml"
                table = plot_study.Table(path)
                figure = self.figure_of(path)
                drawn = sum(len(container.lines[0].get_ydata()) for container in panel(figure, "One block").containers)
                self.assertEqual(drawn, len(table.singles()))
                cells = panel(figure, "Two blocks").images[0].get_array()
                self.assertEqual(len(table.singles()), singles)
                self.assertEqual(len(table.pairs()), pairs)
                self.assertGreaterEqual(cells.count(), pairs)

    def test_texts_do_not_overlap(self):
        blocks = [f"s{stage}b{block}" for stage in (2, 3, 4, 5) for block in range(1, 7)]
        many = [([block], 0.8, {"mode": mode, "confidence": [0.7, 0.9]}) for block in blocks for mode in ("skip", "direct")]
        many += [([a, b], 0.6, {}) for i, a in enumerate(blocks) for b in blocks[:i]] + [(blocks[:4], 0.3, {})]
        for rows in ([BASELINE, *SINGLES, *DIRECT, *PAIRS, (["s2b2", "s2b10", "s3b1"], 0.4, {})], [BASELINE, *many]):
            figure = self.figure(rows, NOT_RUN)
            boxes = []
            for axes in figure.axes:
                texts = [axes.title, axes._left_title, axes.xaxis.label, axes.yaxis.label]
                for axis in (axes.xaxis, axes.yaxis):
                    low, high = sorted(axis.get_view_interval())
                    texts += [tick.label1 for tick in axis.get_major_ticks() if low <= tick.get_loc() <= high]
                boxes += [(t.get_text(), t.get_window_extent()) for t in texts if t.get_text() and t.get_visible()]
                if axes.get_legend():
                    boxes.append(("legend", axes.get_legend().get_window_extent()))
            limits = figure.bbox
            for i, (name, box) in enumerate(boxes):
                self.assertTrue(limits.x0 <= box.x0 and box.x1 <= limits.x1 + 1, f"{name} is cut off")
                for other, second in boxes[:i]:
                    self.assertFalse(box.overlaps(second), f"{name} and {other}")

    def test_the_script_writes_png_and_svg(self):
        self.path.write_text(table_text([BASELINE, *SINGLES, *PAIRS], NOT_RUN))
        result = self.run_script()
        self.assertEqual((result.returncode, result.stderr), (0, ""))
        self.assertTrue((self.folder / "table.png").read_bytes().startswith(b"\x89PNG"))
        pictures = []
        for name in ("a.svg", "b.svg"):
            self.assertEqual(self.run_script("-o", self.folder / name).returncode, 0)
            pictures.append((self.folder / name).read_text())
        self.assertEqual(*pictures)
        self.assertIn("s2b10", pictures[0])
        self.assertIn("resnet20-cifar: some images, 200 images", pictures[0])


class Refuses(PlotCase):
    def assertRefused(self, text, message, *arguments):
        self.path.write_text(text)
        said = io.StringIO()
        with mock.patch.object(sys, "argv", ["plot_study.py", str(self.path), *arguments]), contextlib.redirect_stderr(said):
            self.assertEqual(plot_study.main(), 2)
        self.assertIn(message, said.getvalue())
        self.assertEqual([file.name for file in self.folder.iterdir()], ["table.toml"])

    def test_bad_input(self):
        good = table_text([BASELINE, *SINGLES])
        for text, message in (
            ("no TOML", "cannot be read as an accuracy table"),
            ("", "is no accuracy table"),
            (good.replace("skipstone-accuracy", "skipstone-network"), "'skipstone-network'"),
            (good.replace("version = 1", "version = 2"), "version 2"),
            (HEAD, "has no rows"),
            (HEAD + "row = [1]", "row 1: is no table"),
            (table_text(SINGLES), "no row with dropped = []"),
            (table_text([BASELINE]), "nothing to draw"),
            (table_text([BASELINE, (["s2b2"], 92, {})]), "row 2: accuracy = 92; must be a number from 0 to 1"),
            (table_text([BASELINE, ("s2b2", 0.9, {})]), "row 2: dropped = 's2b2'; must be a list"),
            (table_text([BASELINE, (["s2b2"], 0.9, {"mode": "full"})]), "row 2: mode = 'full'"),
            (table_text([BASELINE, (["s2b2"], 0.9, {"confidence": [0.9, 0.8]})]), "row 2: confidence"),
        ):
            with self.subTest(message=message):
                self.assertRefused(text, message)
        self.assertRefused(good, "cannot be written", "-o", str(self.folder / "absent" / "out.png"))
        self.assertRefused(good, "cannot be written", "-o", str(self.folder / "out.docx"))
        self.path.unlink()
        result = self.run_script()
        self.assertEqual(result.returncode, 2)
        self.assertIn("cannot be read", result.stderr)


if __name__ == "__main__":
    unittest.main()
