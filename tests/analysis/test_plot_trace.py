#!/usr/bin/env python3
"""The picture of a trace: what is drawn where, in traces of every state."""

import contextlib
import io
import pathlib
import subprocess
import sys
import tempfile
import unittest

import traces  # says "skipped" without h5py
from traces import example

import h5py
import numpy

SCRIPT = pathlib.Path(__file__).resolve().parents[2] / "analysis" / "plot_trace.py"
sys.path.insert(0, str(SCRIPT.parent))

try:
    import matplotlib  # noqa: F401
    import pandas  # noqa: F401
except ImportError as missing:
    print(f"skipped: {missing}")
    sys.exit(77)

import plot_trace  # noqa: E402
import skipstone  # noqa: E402


class PlotCase(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = pathlib.Path(folder.name)
        self.path = self.folder / "run.h5"

    def write(self, tables, **attributes):
        return traces.write(self.path, tables, attributes)

    def figure(self, tables, index=None, **attributes):
        trace = skipstone.load(self.write(tables, **attributes))
        figure = plot_trace.draw(trace, plot_trace.choose_round(trace, index), "example")
        self.addCleanup(plot_trace.pyplot.close, figure)
        figure.canvas.draw()
        return figure

    def run_script(self, *arguments):
        return subprocess.run([sys.executable, SCRIPT, self.path, "-o", self.folder / "out.png", *arguments],
                              capture_output=True, text=True, timeout=120)


class Draws(PlotCase):
    def test_every_event_of_the_round_is_a_bar(self):
        tables = example()
        timeline = self.figure(tables, 1).axes[0]
        bars = sum(len(collection.get_paths()) for collection in timeline.collections)
        self.assertEqual(bars, (tables["events"]["round"] == 1).sum())
        self.assertEqual([label.get_text() for label in timeline.get_yticklabels()], ["d0", "d1", "d2"])
        self.assertAlmostEqual(timeline.get_xlim()[1], 6 * 0.5 + 0.3)
        self.assertIn("2 admitted, planner greedy", timeline.get_title(loc="left"))

    def test_panels_show_the_tables_numbers(self):
        _, battery, requests, dropped, latency = self.figure(example()).axes
        self.assertEqual(len(battery.lines), 3)
        numpy.testing.assert_allclose(battery.lines[0].get_ydata(), [100, 500 / 6, 400 / 6, 50, 200 / 6])
        numpy.testing.assert_array_equal(battery.lines[0].get_xdata(), [0, 1, 2, 3, 4])
        self.assertEqual([bar.get_height() for bar in requests.patches], [2, 2, 2, 1, 0, 0, 0, 1])
        self.assertEqual([bar.get_height() for bar in dropped.patches], [0, 0, 2, 1])
        planned, emulated = (container.lines[0].get_ydata() for container in latency.containers)
        numpy.testing.assert_allclose(emulated, [3.3, 3.3, 2.8, 2.8])
        numpy.testing.assert_allclose(planned, emulated - 0.1)

    def test_a_later_plan_replaces_the_earlier_one(self):
        tables = example()
        replaced = tables["plans"][tables["plans"]["round"] == 3].copy()
        replaced["revision"], replaced["mode"] = 1, 1
        tables["plans"] = numpy.concatenate([tables["plans"], replaced])
        dropped = self.figure(tables).axes[3]
        self.assertEqual([bar.get_height() for bar in dropped.patches], [0, 0, 2, 0])

    def test_stages_come_from_the_blocks(self):
        def legend(tables, **attributes):
            timeline = self.figure(tables, **attributes).axes[0]
            return [text.get_text() for text in timeline.get_legend().get_texts()][:-3]

        tables = example()
        self.assertEqual(legend(tables), ["stem", "stage 2", "stage 3", "head"])
        self.assertEqual(legend(traces.of_version_1(tables), format_version=1), ["stem", "stage 2", "stage 3", "head"])
        tables["blocks"]["stage"] = [1, 1, 1, 2, 2, 7]
        self.assertEqual(legend(tables), ["stage 1", "stage 2", "head"])
        figure = self.figure(tables)
        self.assertEqual([text.get_text() for text in figure.axes[3].get_legend().get_texts()], ["stage 1"])

    def test_what_joins_parts_is_hatched(self):
        """Of block s3b1 in two parts: the parts are not, their joining is; of a plan that was replaced by one without parts, nothing."""
        def in_parts(tables):
            plans, events = tables["plans"], tables["events"]
            whole = (plans["block"] == 3) & (plans["round"] == 1)
            rows = numpy.repeat(plans[whole], 3)
            rows["part"], rows["parts"], rows["split"] = numpy.tile([0, 1, -1], whole.sum()), 2, 1
            tables["plans"] = numpy.concatenate([plans[~whole], rows])
            computed = events[(events["block"] == 3) & (events["round"] == 1) & (events["kind"] == traces.COMPUTE)]
            work = numpy.repeat(computed, 2)
            work["part"] = numpy.tile([0, 1], len(computed))
            work["begin_s"], work["end_s"] = work["begin_s"] + 0.02 * work["part"], work["begin_s"] + 0.01 + 0.02 * work["part"]
            tables["events"] = numpy.concatenate([events, work])
            return tables

        def hatched(tables):
            timeline = self.figure(tables, 1).axes[0]
            bars = [len(collection.get_paths()) for collection in timeline.collections if collection.get_hatch()]
            legend = [text.get_text() for text in timeline.get_legend().get_texts()]
            return sum(bars), "joins parts" in legend, [text.get_text() for text in timeline.texts if "join" in text.get_text()]

        self.assertEqual(hatched(in_parts(example())), (2, True, ["r0 join", "r1 join"]))
        self.assertEqual(hatched(example()), (0, False, []))
        tables = in_parts(example())
        again = tables["plans"][(tables["plans"]["block"] == 3) & (tables["plans"]["round"] == 1) & (tables["plans"]["part"] < 0)].copy()
        again["revision"], again["parts"], again["split"] = 1, 1, 0
        tables["plans"] = numpy.concatenate([again, tables["plans"]])
        self.assertEqual(hatched(tables), (0, False, []))

    def test_requests_that_leave_early_are_marked(self):
        tables = traces.with_exits(example())
        figure = self.figure(tables, 1)
        timeline, _, requests, *_ = figure.axes
        marks = [collection.get_offsets().data.tolist() for collection in timeline.collections if hasattr(collection, "get_sizes") and len(collection.get_sizes())]
        self.assertEqual(numpy.round(marks, 6).tolist(), [[[1.5, -0.16]]])  # where the head of request 0 ends, on d0
        legend = [text.get_text() for text in timeline.get_legend().get_texts()]
        self.assertEqual(legend, ["stem", "stage 2", "stage 3", "head", "a request leaves", "waits", "sends", "receives"])
        self.assertEqual([text.get_text() for text in requests.get_legend().get_texts()], ["exit.s2b2", "at the end", "rejected"])
        # In rounds 2 and 3 s2b2 is dropped and vanished, and request 0 goes on to the end.
        self.assertEqual([bar.get_height() for bar in requests.patches], [1, 1, 0, 0, 1, 1, 2, 1, 0, 0, 0, 1])
        plain = self.figure(example(), 1)
        self.assertEqual([text.get_text() for text in plain.axes[2].get_legend().get_texts()], ["done", "rejected"])
        self.assertNotIn("a request leaves", [text.get_text() for text in plain.axes[0].get_legend().get_texts()])

    def test_many_stages_have_colours_of_their_own(self):
        timeline = self.figure(traces.long_names(example())).axes[0]
        shades = [patch.get_facecolor()[:3] for patch in timeline.get_legend().get_patches()]
        for i, one in enumerate(shades):
            for other in shades[:i]:
                self.assertGreater(numpy.abs(numpy.subtract(one, other)).max(), 0.1)
        named = [text.get_text() for text in timeline.get_legend().get_texts()]
        self.assertEqual(named[0], "stage 1")
        self.assertEqual(named[1], "features…layer3.conv1"[:8] + "…" + "k2.denselayer3.conv1"[-17:])
        self.assertEqual(len(self.figure(traces.long_names(example(), 200, 200)).axes[0].get_legend().get_texts()), 24 + 3)

    def test_axes_have_labels_with_units(self):
        for axes in self.figure(example()).axes:
            self.assertTrue(axes.get_xlabel() and axes.get_ylabel())
        self.assertIn("(s)", axes.get_ylabel())

    def test_texts_do_not_overlap(self):
        for tables in (example(), example(devices=1, rounds=1), example(devices=100, requests=40), traces.long_names(example()),
                       traces.long_names(example(), 200, 200)):
            figure = self.figure(tables)
            boxes = []
            for axes in figure.axes:
                texts = [axes.title, axes._left_title, axes.xaxis.label, axes.yaxis.label]
                for axis in (axes.xaxis, axes.yaxis):
                    low, high = sorted(axis.get_view_interval())
                    texts += [tick.label1 for tick in axis.get_major_ticks() if low <= tick.get_loc() <= high]
                boxes += [(t.get_text(), t.get_window_extent()) for t in texts if t.get_text() and t.get_visible()]
                boxes += [(t.get_text(), t.get_window_extent()) for t in axes.texts if axes is not figure.axes[0]]
                if axes.get_legend():
                    boxes.append(("legend", axes.get_legend().get_window_extent()))
            limits = figure.bbox
            for i, (name, box) in enumerate(boxes):
                self.assertTrue(limits.x0 <= box.x0 and box.x1 <= limits.x1 + 1, f"{name} is cut off")
                for other, second in boxes[:i]:
                    self.assertFalse(box.overlaps(second), f"{name} and {other}")

    def test_only_finished_rounds_of_a_run_that_was_killed(self):
        tables = example()
        tables["rounds"] = tables["rounds"][:2]
        figure = self.figure(tables, complete=0)
        self.assertIn("not complete: 2 rounds so far", figure._suptitle.get_text())
        self.assertEqual([bar.get_height() for bar in figure.axes[2].patches][:2], [2, 2])
        self.assertEqual(len(figure.axes[1].lines[0].get_ydata()), 3)

    def test_a_large_fleet_shows_its_busiest_devices(self):
        timeline = self.figure(example(devices=100)).axes[0]
        self.assertEqual(len(timeline.get_yticks()), 32)
        self.assertIn("d0", [label.get_text() for label in timeline.get_yticklabels()])
        self.assertIn("32 busiest of 100", timeline.get_title(loc="left"))

    def test_a_run_without_requests_is_an_empty_picture(self):
        tables = example()
        for name in ("events", "plans", "requests"):
            tables[name] = tables[name][:0]
        tables["rounds"]["requests"] = tables["rounds"]["admitted"] = 0
        timeline, battery, requests, dropped, latency = self.figure(tables).axes
        self.assertEqual([axes.texts[0].get_text() for axes in (timeline, dropped, latency)],
                         ["nothing runs", "none", "no request was done"])
        self.assertEqual([bar.get_height() for bar in requests.patches], [0] * 8)
        self.assertEqual(self.run_script().returncode, 0)

    def test_names_are_drawn_as_they_are(self):
        for name in ("$", "a$b$c", "$\\frac{$ \\$", "_x^{2}", "<&>{é✓"):
            with self.subTest(name):
                tables = example()
                tables["devices"]["name"] = [f"{name}-{i}".encode() for i in range(3)]
                tables["blocks"]["name"][0] = name.encode()
                figure = self.figure(tables)
                self.assertEqual([label.get_text() for label in figure.axes[0].get_yticklabels()], [f"{name}-{i}" for i in range(3)])
                self.assertIn(name, figure.axes[0].get_legend().get_texts()[0].get_text())
        self.path = self.path.rename(self.folder / "$\\frac{$_.h5")
        result = self.run_script()
        self.assertEqual((result.returncode, result.stderr), (0, ""))

    def test_a_file_name_that_is_no_utf_8(self):
        self.write(example())
        self.path = self.path.rename(self.folder / "\udcff$.h5")
        self.assertEqual(self.run_script().returncode, 0)

    def test_no_battery_and_no_request_done(self):
        tables = example(battery=float("nan"))
        tables["requests"]["status"] = traces.REJECTED
        for name in ("events", "plans"):
            tables[name] = tables[name][:0]
        timeline, battery, requests, dropped, latency = self.figure(tables).axes
        self.assertEqual([axes.texts[0].get_text() for axes in (timeline, battery, dropped, latency)],
                         ["nothing runs", "no battery", "none", "no request was done"])
        self.assertEqual([bar.get_height() for bar in requests.patches], [0, 0, 0, 0, 2, 2, 2, 2])

    def test_one_device_and_one_round(self):
        for axes in self.figure(example(devices=1, rounds=1)).axes:
            low, high = axes.get_xlim()
            self.assertLess(low, high)
            self.assertLessEqual(len([tick for tick in axes.get_xticks() if low <= tick <= high]), 8)

    def test_the_script_writes_a_picture_while_the_run_goes_on(self):
        self.write(example(), complete=0)
        with h5py.File(self.path, "r+", libver="latest") as writer:
            writer.swmr_mode = True
            result = self.run_script("--round", "2")
        self.assertEqual(result.returncode, 0, result.stderr)
        picture = (self.folder / "out.png").read_bytes()
        self.assertTrue(picture.startswith(b"\x89PNG"))
        self.assertLess(len(picture), 200_000)

    def test_a_run_that_was_killed_leaves_a_file_that_can_be_drawn(self):
        self.write(example(), complete=0)
        script = ("import h5py, os, sys\nfile = h5py.File(sys.argv[1], 'r+', libver='latest')\nfile.swmr_mode = True\n"
                  "file.flush()\nos._exit(9)")
        self.assertEqual(subprocess.run([sys.executable, "-c", script, self.path]).returncode, 9)
        result = self.run_script()
        self.assertEqual(result.returncode, 0, result.stderr)


class Refuses(PlotCase):
    def assertRefused(self, message, *arguments):
        with contextlib.redirect_stderr(io.StringIO()) as told:
            code = plot_trace.main([str(self.path), "-o", str(self.folder / "out.png"), *arguments])
        self.assertEqual(code, 2)
        self.assertIn(message, told.getvalue())

    def test_bad_input(self):
        self.assertRefused("cannot be opened (No such file or directory)")
        self.path.write_text("no HDF5")
        self.assertRefused("is not a trace")
        self.write({}, format="something")
        self.assertRefused("is not a trace (its format is 'something')")
        tables = example()
        tables["rounds"] = tables["rounds"][:0]
        self.write(tables)
        self.assertRefused("no finished round")
        self.write(example())
        self.assertRefused("has rounds 0 to 3", "--round", "4")
        self.assertRefused("cannot be written", "-o", str(self.folder / "absent" / "out.png"))


if __name__ == "__main__":
    unittest.main()
