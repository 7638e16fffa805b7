#!/usr/bin/env python3
"""The picture of what bench measured: what is drawn where, and what is said of a file that is none."""

import contextlib
import copy
import io
import json
import os
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
SCRIPT = ROOT / "analysis" / "plot_bench.py"
PROGRAM = os.environ.get("SKIPSTONE_PROGRAM", str(ROOT / "build" / "skipstone"))
sys.path.insert(0, str(SCRIPT.parent))

import plot_bench  # noqa: E402

# Peak 100 GFLOP/s, memory 10 GB/s: the roofs meet at 10 FLOP/byte.
LIMITS = {"fma_flop_s": 1e11, "matmul_flop_s": 9e10, "memory_byte_s": 1e10}
BLOCKS = [{"block": "stem", "median_s": 0.002, "macs": 50_000_000, "bytes": 1e6},     # 100 FLOP/byte, 50 GFLOP/s; at the roof 1 ms
          {"block": "s2b1", "median_s": 0.004, "macs": 100_000_000, "bytes": 2e6},    # 100, 50; 2 ms
          {"block": "head", "median_s": 0.005, "macs": 1_000_000, "bytes": 4e6}]      # 0.5, 0.4; 0.4 ms by memory
TIMING = {"network": "resnet20-cifar", "input": 32, "threads": 1, "batch": 1, "precision": "float32", "convolutions": "standard",
          "median_s": 0.010, "p99_s": 0.011, "resident_bytes": 1e8,
          "blocks": [block | {"p99_s": 0.01, "alone_s": 0.001, "first_s": 0.1, "implementation": "jit"} for block in BLOCKS]}
HOST = {"processor": "Abacus 9", "cores": 2, "instruction_set": "avx2", "library": "oneDNN 2.6.3"}


def profile(*changes):
    """A host profile with a timing for each set of changes."""
    return copy.deepcopy({"format": "skipstone-host-profile", "version": 1, "host": HOST, "limits": LIMITS,
                          "timings": [TIMING | change for change in changes or ({},)], "choices": {}})


class PlotCase(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = pathlib.Path(folder.name)
        self.path = self.folder / "bench.json"

    def draw(self, content):
        self.path.write_text(json.dumps(content))
        loaded = plot_bench.Profile(self.path)
        figure = plot_bench.draw(loaded, plot_bench.title_of(loaded))
        self.addCleanup(plot_bench.pyplot.close, figure)
        figure.canvas.draw()
        return figure

    def run_script(self, *arguments):
        return subprocess.run([sys.executable, SCRIPT, self.path, *arguments], capture_output=True, text=True, timeout=120)

    def assertRefused(self, message, *arguments):
        said = io.StringIO()
        with mock.patch.object(sys, "argv", ["plot_bench.py", str(self.path), *map(str, arguments)]), contextlib.redirect_stderr(said):
            self.assertEqual(plot_bench.main(), 2, message)
        self.assertIn(message, said.getvalue())
        self.assertTrue(said.getvalue().startswith("plot_bench.py: ") and said.getvalue().count("\n") == 1, said.getvalue())


def points(axes, marker):
    return sorted((x, y) for line in axes.lines if line.get_marker() == marker for x, y in zip(*line.get_data()))


def legend(axes):
    return [text.get_text() for text in axes.get_legend().get_texts()]


class Draws(PlotCase):
    def test_a_point_for_each_block_and_one_for_the_network(self):
        roofline = self.draw(profile()).axes[0]
        numpy.testing.assert_allclose(points(roofline, "^"), [(100, 50)])
        numpy.testing.assert_allclose(points(roofline, "o"), [(100, 50)])
        numpy.testing.assert_allclose(points(roofline, "X"), [(0.5, 0.4)])
        numpy.testing.assert_allclose(points(roofline, "*"), [(302e6 / 7e6, 30.2)])
        self.assertEqual(legend(roofline)[:4], ["whole network", "stem", "s2b1", "head"])

    def test_stages_are_told_or_follow_from_a_residual_networks_names(self):
        names, stages = ["stem", "s2b1", "s2b2", "head"], [1, 1, 4, 4]

        def of(names, stages=None):
            blocks = [BLOCKS[1] | {"block": name} | ({"stage": stage} if stages else {})
                      for name, stage in zip(names, stages or names)]
            return self.draw(profile({"blocks": blocks}))

        self.assertEqual(legend(of(names).axes[0])[:4], ["whole network", "stem", "stage 2", "head"])
        self.assertEqual(legend(of(names, stages).axes[0])[:3], ["whole network", "stage 1", "stage 4"])
        long = [f"features.denseblock{b}.denselayer{b}.conv1" for b in range(1, 13)]
        roofline, times = of(long, range(1, 13)).axes
        self.assertEqual([label.get_text() for label in times.get_xticklabels()][0], "…denseblock1.denselayer1…")
        self.assertEqual(len({mark.get_marker() for mark in roofline.get_legend().get_lines()[1:13]}), 12)

    def test_roofs_rise_with_the_memorys_rate_to_the_peak_of_the_threads(self):
        roofline = self.draw(profile({}, {"threads": 2})).axes[0]
        roofs = [line.get_xydata() for line in roofline.lines if line.get_marker() == "None"]
        for roof, peak in zip(roofs, (100, 200), strict=True):
            numpy.testing.assert_allclose(roof[0, 1], 10 * roof[0, 0])
            numpy.testing.assert_allclose(roof[1:, 1], peak)
            numpy.testing.assert_allclose(roof[1, 0], peak / 10)
            self.assertGreater(roof[2, 0], 100)
        said = [text.get_text() for text in roofline.texts]
        self.assertIn("100 GFLOP/s: multiply-adds in float32", said)
        self.assertIn("200 GFLOP/s: multiply-adds in float32, 2 cores", said)
        self.assertIn("10.0 GB/s: memory", said)

    def test_times_stand_beside_those_at_the_roofline(self):
        times = self.draw(profile()).axes[1]
        numpy.testing.assert_allclose([bar.get_height() for bar in times.patches], [2, 4, 5])
        numpy.testing.assert_allclose([line.get_ydata()[0] for line in times.lines], [1, 2, 0.4])
        self.assertEqual([line.get_label() for line in times.lines], ["arithmetic", "arithmetic", "memory"])
        self.assertEqual([label.get_text() for label in times.get_xticklabels()], ["stem", "s2b1", "head"])
        self.assertEqual(times.get_title(loc="left"), "Time (10 ms an image, 3.4 ms at the roofline)")

    def test_times_are_those_of_one_image_and_of_all_threads(self):
        times = self.draw(profile({"batch": 4, "threads": 2})).axes[1]
        numpy.testing.assert_allclose([bar.get_height() for bar in times.patches], [0.5, 1, 1.25])
        numpy.testing.assert_allclose([line.get_ydata()[0] for line in times.lines], [0.125, 0.25, 0.1])

    def test_other_precisions_have_no_roof_of_arithmetic(self):
        times = self.draw(profile({"precision": "int8"})).axes[1]
        self.assertEqual({line.get_label() for line in times.lines}, {"memory"})
        numpy.testing.assert_allclose([line.get_ydata()[0] for line in times.lines], [0.1, 0.2, 0.4])

    def test_settings_are_named_by_what_tells_them_apart(self):
        figure = self.draw(profile({}, {"precision": "int8"}, {"precision": "int8", "batch": 8}))
        self.assertEqual(legend(figure.axes[0])[:3], ["float32, batch 1", "int8, batch 1", "int8, batch 8"])
        self.assertEqual([axes.get_title(loc="left").split(" (")[0] for axes in figure.axes[1:]],
                         ["Time: float32, batch 1", "Time: int8, batch 1", "Time: int8, batch 8"])
        self.assertEqual(figure._suptitle.get_text(), "resnet20-cifar, input 32, 1 thread, convolutions standard\nAbacus 9, avx2, oneDNN 2.6.3")

    def test_names_are_drawn_as_they_are(self):
        names = ["_$a$", "$\\frac{$", "<x^{2}>"]
        figure = self.draw(profile(*({"network": name, "blocks": [block | {"block": "$b_" + name} for block in TIMING["blocks"]]} for name in names)))
        self.assertEqual([text.removeprefix("\u200b") for text in legend(figure.axes[0])[:3]], names)
        self.assertEqual(figure.axes[2].get_xticklabels()[0].get_text(), "$b_" + names[1])
        self.draw(profile({"network": "\ud800", "processor": "$"}))

    def test_a_block_without_time_has_no_point(self):
        content = profile()
        content["timings"][0]["blocks"][2]["median_s"] = 0
        self.assertEqual(points(self.draw(content).axes[0], "X"), [])


class Program(PlotCase):
    def test_pictures_in_several_formats_with_text_that_can_be_searched(self):
        self.path.write_text(json.dumps(profile({}, {"batch": 8})))
        self.assertEqual(self.run_script().returncode, 0)
        self.assertTrue(self.path.with_suffix(".png").read_bytes().startswith(b"\x89PNG"))
        for name in ("a.svg", "b.svg"):
            self.assertEqual(self.run_script("-o", self.folder / name, "--title", "<mine>").returncode, 0)
        text = (self.folder / "a.svg").read_text()
        self.assertEqual(text, (self.folder / "b.svg").read_text())
        for word in ("&lt;mine&gt;", "Roofline", "batch 8", "10.0 GB/s: memory"):
            self.assertIn(word, text)

    def test_settings_are_chosen(self):
        self.path.write_text(json.dumps(profile({}, {"batch": 8}, {"precision": "int8"})))
        picture = self.folder / "one.svg"
        self.assertEqual(self.run_script("--precision", "float32", "--batch", "8,64", "-o", picture).returncode, 0)
        self.assertIn("float32, 1 thread, batch 8", picture.read_text())
        self.assertRefused("--precision bfloat16: ", "--precision", "bfloat16")
        self.assertRefused("has only float32, int8 there", "--precision", "bfloat16")

    def test_bad_input(self):
        def changed(*place, value):
            content = profile()
            part = content
            for key in place[:-1]:
                part = part[key]
            if value is None:
                del part[place[-1]]
            else:
                part[place[-1]] = value
            return json.dumps(content)

        block = ("timings", 0, "blocks", 1)
        for text, said in (("", "cannot be read as JSON"), ("[]", "no JSON object"), ("{}", "is no host profile"), ("[" * 100_000, "cannot be read"),
                           (changed("format", value="skipstone-study"), "skipstone-study"), (changed("version", value=2), "version 2"),
                           (changed("timings", value=[]), "no timings"), (changed("timings", value={}), "timings"),
                           (changed("limits", "memory_byte_s", value=0), "memory_byte_s = 0"), (changed("limits", value=None), "no limits"),
                           (changed(*block, "median_s", value=None), "timing 1: block 2: has no median_s"),
                           (changed(*block, "median_s", value=-1), "block 2: median_s = -1"),
                           (changed(*block, "bytes", value=float("nan")), "bytes = nan"),
                           (changed(*block, "macs", value=True), "macs = True"), (changed("timings", 0, "batch", value=0.5), "batch = 0.5"),
                           (changed("timings", 0, "blocks", value=[]), "no blocks"), (changed("timings", 0, value=3), "timing 1: is no JSON object"),
                           (json.dumps(profile(*({"batch": batch} for batch in range(1, 10)))), "9 settings")):
            self.path.write_text(text)
            self.assertRefused(said)
        self.path.write_text(json.dumps(profile()))
        for output in (self.folder / "picture.xyz", self.folder / "missing" / "p.png"):
            self.assertRefused("cannot be written", "-o", output)
        self.assertEqual([file.name for file in self.folder.iterdir()], ["bench.json"])
        self.path.unlink()
        result = self.run_script()
        self.assertEqual(result.returncode, 2)
        self.assertIn("bench.json: cannot be read", result.stderr)

    def test_what_bench_prints(self):
        measured = subprocess.run([PROGRAM, "bench", "--network", "resnet20-cifar", "--passes", "1", "--batch", "1,2", "--no-keep", "--json"],
                                  capture_output=True, text=True, timeout=120)
        self.assertEqual(measured.returncode, 0, measured.stderr)
        self.path.write_text(measured.stdout)
        figure = self.draw(json.loads(measured.stdout))
        self.assertEqual(len(figure.axes), 3)
        self.assertEqual(len(points(figure.axes[0], "*")), 2)


if __name__ == "__main__":
    unittest.main()
