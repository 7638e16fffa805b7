#!/usr/bin/env python3
"""The picture of a trace: what is drawn where, in traces of every state."""

import pathlib
import subprocess
import sys
import tempfile
import unittest

try:
    import h5py
    import matplotlib  # noqa: F401
    import numpy
except ImportError as missing:
    print(f"skipped: {missing}")
    sys.exit(77)

SCRIPT = pathlib.Path(__file__).resolve().parents[2] / "analysis" / "plot_trace.py"
sys.path.insert(0, str(SCRIPT.parent))

import plot_trace  # noqa: E402

COLUMNS = {
    "devices": "device:i4 name:S64 mac_rate:f8 memory_bytes:i8 macs_per_round:i8 battery_j:f8 power_compute_w:f8 "
               "power_transmit_w:f8 power_receive_w:f8 power_idle_w:f8",
    "blocks": "block:i4 name:S64 macs:i8 memory_bytes:i8 output_bytes:i8 weight_bytes:i8 skip_macs:i8 "
              "skip_memory_bytes:i8",
    "rounds": "round:i4 start_s:f8 end_s:f8 host_start_s:f8 host_end_s:f8 requests:i4 admitted:i4 planner:S64 "
              "status:S64 binding:S64 objective:f8 bound:f8 gap:f8 plan_host_s:f8 predicted_latency_s:f8",
    "plans": "round:i4 revision:i4 request:i4 block:i4 device:i4 mode:u1",
    "requests": "round:i4 request:i4 arrival_s:f8 finish_s:f8 latency_s:f8 predicted_latency_s:f8 accuracy:f8 "
                "shared_bytes:i8 label:i4 predicted_class:i4 status:u1 attempt:i4",
    "events": "device:i4 peer:i4 round:i4 request:i4 block:i4 kind:u1 flags:u1 begin_s:f8 end_s:f8 host_begin_s:f8 "
              "host_end_s:f8 bytes:i8 macs:i8",
    "battery": "round:i4 device:i4 remaining_j:f8",
}
BLOCKS = ["stem", "s2b1", "s2b2", "s3b1", "s3b2", "head"]


def table(name, rows):
    kind = numpy.dtype([tuple(column.split(":")) for column in COLUMNS[name].split()])
    values = numpy.zeros(len(rows), kind)
    for value, row in zip(values, rows):
        for column, content in row.items():
            value[column] = content
    return values


def example(devices=3, rounds=4, battery=60.0):
    """A run in which every request crosses two devices, block s2b2 is dropped from round 2 on, and round 3 rejects its last request."""
    tables = {"devices": table("devices", [
        {"device": d, "name": f"d{d}".encode(), "mac_rate": 1e9 * (1 + d % 2), "battery_j": battery} for d in range(devices)])}
    tables["blocks"] = table("blocks", [{"block": b, "name": name.encode()} for b, name in enumerate(BLOCKS)])
    rows = {name: [] for name in ("rounds", "plans", "requests", "events", "battery")}
    for r in range(rounds):
        start, requests = 5.0 * r, 2
        for q in range(requests):
            if r == 3 and q == requests - 1:
                rows["requests"].append({"round": r, "request": q, "status": 2})
                continue
            time = start
            for b in range(len(BLOCKS)):
                device = (q + b // 3) % devices
                dropped = r >= 2 and BLOCKS[b] == "s2b2"
                rows["plans"].append({"round": r, "request": q, "block": b, "device": -1 if dropped else device,
                                      "mode": 2 if dropped else 1})
                if dropped:
                    continue
                if b == 3:
                    previous = (device - 1) % devices
                    for kind, here, there in ((2, previous, device), (3, device, previous)):
                        rows["events"].append({"device": here, "peer": there, "round": r, "request": q, "block": 2,
                                               "kind": kind, "begin_s": time, "end_s": time + 0.3})
                    rows["events"].append({"device": device, "round": r, "request": q, "block": b, "kind": 4,
                                           "begin_s": time, "end_s": time + 0.3})
                    time += 0.3
                rows["events"].append({"device": device, "round": r, "request": q, "block": b, "kind": 1,
                                       "begin_s": time, "end_s": time + 0.5})
                time += 0.5
            rows["requests"].append({"round": r, "request": q, "arrival_s": start, "finish_s": time,
                                     "latency_s": time - start, "predicted_latency_s": time - start - 0.1, "status": 1})
        rows["rounds"].append({"round": r, "start_s": start, "end_s": start + 5, "requests": requests,
                               "admitted": requests - (r == 3), "planner": b"greedy"})
        rows["battery"] += [{"round": r, "device": d, "remaining_j": battery - 10 * (r + 1)} for d in range(devices)]
    return tables | {name: table(name, content) for name, content in rows.items()}


class PlotCase(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = pathlib.Path(folder.name)
        self.path = self.folder / "run.h5"

    def write(self, tables, **attributes):
        attributes = {"format": "skipstone-trace", "format_version": 1, "complete": 1} | attributes
        with h5py.File(self.path, "w", libver="latest") as file:
            for name, rows in tables.items():
                file.create_dataset(name, data=rows, maxshape=(None,), chunks=(64,))
            for name, value in attributes.items():
                file.attrs[name] = value
        return self.path

    def figure(self, tables, index=None, **attributes):
        trace = plot_trace.Trace(self.write(tables, **attributes))
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

    def test_axes_have_labels_with_units(self):
        for axes in self.figure(example()).axes:
            self.assertTrue(axes.get_xlabel() and axes.get_ylabel())
        self.assertIn("(s)", axes.get_ylabel())

    def test_texts_do_not_overlap(self):
        for count in (3, 12):
            figure = self.figure(example(devices=count))
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

    def test_no_battery_and_no_request_done(self):
        tables = example(battery=float("nan"))
        tables["requests"]["status"] = 2
        tables["events"] = tables["events"][:0]
        self.figure(tables)

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
        result = self.run_script(*arguments)
        self.assertEqual(result.returncode, 2)
        self.assertIn(message, result.stderr)
        self.assertNotIn("Traceback", result.stderr)

    def test_bad_input(self):
        self.assertRefused("cannot be read as a trace")
        self.path.write_text("no HDF5")
        self.assertRefused("cannot be read as a trace")
        whole = self.write(example()).read_bytes()
        self.path.write_bytes(whole[:40] + b"\xff" + whole[41:])
        self.assertRefused("cannot be read as a trace")
        self.path.write_bytes(whole[:len(whole) // 2])
        self.assertRefused("cannot be read as a trace")
        self.write({}, format="something")
        self.assertRefused("is no trace")
        self.write({}, format_version=2)
        self.assertRefused("trace of version 2")
        tables = example()
        tables["rounds"] = tables["rounds"][:0]
        self.write(tables)
        self.assertRefused("no finished round")
        self.write(example())
        self.assertRefused("has rounds 0 to 3", "--round", "4")
        self.assertRefused("cannot be written", "-o", str(self.folder / "absent" / "out.png"))


if __name__ == "__main__":
    unittest.main()
