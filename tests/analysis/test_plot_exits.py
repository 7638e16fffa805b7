#!/usr/bin/env python3
"""The picture of a search for exits: what is drawn where, and what is wrong with files that are none."""

import contextlib
import io
import json
import pathlib
import sys
import tempfile
import unittest

try:
    import matplotlib  # noqa: F401
    import numpy
except ImportError as missing:
    print(f"skipped: {missing}")
    sys.exit(77)

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "analysis"))

import plot_exits  # noqa: E402


def point(accuracy, macs, leaving, exits):
    return {"accuracy": accuracy, "mean_macs": macs, "leaving": leaving, "rules": [{"exit": name, "threshold": 0.5} for name in exits]}


def example():
    """Exits b before c before a: no point has all three."""
    found = [point(0.85, 80.0, [0.5, 0.3, 0.2], ["b", "c"]), point(0.90, 120.0, [0.3, 0.3, 0.4], ["c", "a"]), point(0.93, 160.0, [0.2, 0.8], ["a"])]
    simple = [point(0.8, 90.0, [0.5, 0.2, 0.2, 0.1], ["b", "c", "a"]), point(0.92, 190.0, [0.1, 0.1, 0.1, 0.7], ["b", "c", "a"])]
    fronts = [{"cost": "latency", "found": [], "grid": [], "one_threshold": []},
              {"cost": "macs", "found": found, "grid": found[::2], "one_threshold": simple}]
    return {"format": "skipstone-trade-off", "version": 1, "network": "resnet56", "dataset": "some images", "samples": 5000,
            "whole": {"accuracy": 0.93, "macs": 200.0}, "fronts": fronts, "chosen": found[1]}


def with_front(**lists):
    """The example with these lists in its front of MACs."""
    content = example()
    content["fronts"][1] |= lists
    return content


class PlotCase(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = pathlib.Path(folder.name)
        self.path = self.folder / "tradeoff.json"

    def figure(self, content):
        self.path.write_text(json.dumps(content))
        figure = plot_exits.draw(plot_exits.Tradeoff(self.path))
        self.addCleanup(plot_exits.pyplot.close, figure)
        figure.canvas.draw()
        return figure

    def refused(self, content):
        self.path.write_text(content if isinstance(content, str) else json.dumps(content))
        with contextlib.redirect_stderr(io.StringIO()) as said:
            self.assertEqual(plot_exits.main([str(self.path), "-o", str(self.folder / "out.png")]), 2)
        self.assertFalse((self.folder / "out.png").exists())
        return said.getvalue()


class Draws(PlotCase):
    def test_every_point_in_its_place(self):
        upper, lower = self.figure(example()).axes
        lines = {line.get_label(): numpy.column_stack(line.get_data()).tolist() for line in upper.lines if not line.get_label().startswith("_")}
        self.assertEqual(lines.pop("best of the grid, proven"), [[0.4, 0.85], [0.8, 0.93]])
        self.assertEqual(lines.pop("what the search found"), [[0.4, 0.85], [0.6, 0.90], [0.8, 0.93]])
        self.assertEqual(lines.pop("one threshold for all exits"), [[0.45, 0.8], [0.95, 0.92]])
        self.assertEqual(lines.pop("the whole network"), [[1, 0.93]])
        self.assertEqual(lines, {"chosen: 40.0% fewer MACs, -3.00 points": [[0.6, 0.90]]})
        self.assertEqual(lower.lines[0].get_xdata()[0], 0.6)

    def test_who_leaves_where(self):
        figure = self.figure(example())
        self.assertEqual([text.get_text() for text in figure.axes[1].get_legend().get_texts()], ["b", "c", "a", "the end"])
        shares = plot_exits.Tradeoff(self.path).leaving()
        numpy.testing.assert_allclose(shares, [[0.5, 0, 0], [0.3, 0.3, 0], [0, 0.3, 0.2], [0.2, 0.4, 0.8]])
        tops = [collection.get_paths()[0].vertices[:, 1].max() for collection in figure.axes[1].collections]
        numpy.testing.assert_allclose(tops, [0.5, 0.8, 0.8, 1])

    def test_what_may_be_missing(self):
        content = with_front(one_threshold=[], grid=example()["fronts"][1]["found"]) | {"chosen": None, "samples": None}
        upper, lower = self.figure(content).axes
        labels = [line.get_label() for line in upper.lines if not line.get_label().startswith("_")]
        self.assertEqual(labels, ["what the search found", "the whole network"])
        self.assertEqual(len(lower.lines), 0)

    def test_many_exits_and_points(self):
        names = [f"_s{i}" for i in range(40)]
        points = [point(0.5 + i / 400, 50 + i, [0.02] * (1 + i % 40) + [1 - 0.02 * (1 + i % 40)], names[:1 + i % 40]) for i in range(160)]
        figure = self.figure(with_front(found=points))
        texts = [text.get_text() for text in figure.axes[1].get_legend().get_texts()]
        self.assertEqual((len(texts), texts[0], texts[-1]), (24, "\u200b_s0", "the end"))
        box = figure.axes[1].get_legend().get_window_extent()
        self.assertGreaterEqual(box.y0, 0)
        self.assertLessEqual(box.x1, figure.bbox.width)

    def test_writes_a_picture(self):
        self.path.write_text(json.dumps(example()))
        for name in ("out.png", "out.svg"):
            self.assertEqual(plot_exits.main([str(self.path), "-o", str(self.folder / name), "--title", "a $title_1"]), 0)
            self.assertGreater((self.folder / name).stat().st_size, 4000)
        self.assertIn("a $title_1", (self.folder / "out.svg").read_text())


class Mistakes(PlotCase):
    def test_what_is_wrong_is_said(self):
        right = example()
        self.assertIn("is no JSON", self.refused("{"))
        self.assertIn("is no trade-off", self.refused({"format": "skipstone-trace"}))
        self.assertIn("version 7", self.refused(right | {"version": 7}))
        self.assertIn("whole.accuracy is None", self.refused(right | {"whole": {}}))
        self.assertIn("whole.macs is None", self.refused(right | {"whole": {"accuracy": 0.5}}))
        self.assertIn('fronts has 0 whose cost is "macs"', self.refused(right | {"fronts": []}))
        self.assertIn("fronts is no list", self.refused(right | {"fronts": 3}))
        self.assertIn("found is empty", self.refused(with_front(found=[])))
        self.assertIn("found[0].accuracy is 1.5", self.refused(with_front(found=[point(1.5, 1, [1], [])])))
        self.assertIn("grid[0].leaving", self.refused(with_front(grid=[point(0.5, 1, [1], ["a"])])))
        self.assertIn("chosen.accuracy is None", self.refused(right | {"chosen": 3}))
        self.path.unlink()
        with contextlib.redirect_stderr(io.StringIO()) as said:
            self.assertEqual(plot_exits.main([str(self.path), "-o", str(self.folder / "out.png")]), 2)
        self.assertIn("cannot be opened", said.getvalue())

    def test_the_input_is_not_written_over(self):
        self.path.write_text(json.dumps(example()))
        with contextlib.redirect_stderr(io.StringIO()) as said:
            self.assertEqual(plot_exits.main([str(self.path), "-o", str(self.path)]), 2)
        self.assertIn("would be written over", said.getvalue())


if __name__ == "__main__":
    unittest.main()
