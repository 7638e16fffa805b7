#!/usr/bin/env python3
"""The Python package: what is in a trace is in the frames, of runs of every state; files that are no traces are refused."""

import contextlib
import hashlib
import os
import pathlib
import re
import subprocess
import sys
import tempfile
import textwrap
import unittest

import traces  # says "skipped" without h5py

import h5py
import numpy

ANALYSIS = pathlib.Path(__file__).resolve().parents[2] / "analysis"
sys.path.insert(0, str(ANALYSIS))

try:
    import matplotlib
    import pandas

    import skipstone
except ImportError as missing:
    print(f"skipped: {missing}")
    sys.exit(77)

TABLES = [name for name in traces.COLUMNS if "/" not in name and name != "exits"]  # that every trace has


class PackageCase(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.path = pathlib.Path(folder.name) / "run.h5"

    def load(self, tables, **attributes):
        return skipstone.load(traces.write(self.path, tables, attributes))


class Frames(PackageCase):
    def test_every_table_is_a_frame_of_the_same_numbers(self):
        tables = traces.example()
        tables["outages"] = traces.table("outages", [{"begin_s": 3, "device": 1, "cause": "battery"}])
        trace = self.load(tables)
        for name in TABLES:
            frame, rows = getattr(trace, name), tables[name]
            self.assertEqual(list(frame.columns), list(rows.dtype.names), name)
            self.assertEqual(len(frame), len(rows), name)
            self.assertGreater(len(frame), 0, name)
            for column in frame:
                names = h5py.check_enum_dtype(rows.dtype[column])
                if names:
                    self.assertEqual(list(frame[column]), [{v: k for k, v in names.items()}[code] for code in rows[column]])
                elif rows.dtype[column].kind == "S":
                    self.assertEqual(list(frame[column]), [value.decode() for value in rows[column]])
                else:
                    values = frame[column].fillna(-1) if str(frame[column].dtype) in ("Int16", "Int32") else frame[column]
                    numpy.testing.assert_array_equal(values.to_numpy(rows.dtype[column]), rows[column], f"{name}.{column}")

    def test_version_1_lacks_stages_and_inputs(self):
        trace = self.load(traces.of_version_1(traces.example()), format_version=1)
        for column in ("stage", "input_bytes"):
            self.assertTrue(trace.blocks[column].isna().all())
        self.assertTrue((trace.rounds.goal == "latency").all())
        self.assertTrue(trace.rounds[["throughput", "throughput_bound"]].isna().all(axis=None))
        self.assertTrue(trace.plans.part.isna().all() and (trace.plans.parts == 1).all() and (trace.plans.split == "whole").all())
        self.assertTrue(trace.events.part.isna().all())
        self.assertTrue(trace.prices.empty and trace.exits.empty)
        self.assertTrue(trace.blocks[["after", "threshold"]].isna().all(axis=None))
        self.assertTrue(trace.requests[["exit", "confidence", "verdict"]].isna().all(axis=None))
        self.assertEqual(trace.blocks["macs"].tolist(), [1000] * len(traces.BLOCKS))
        self.assertEqual(self.load(traces.example()).blocks["stage"].tolist(), traces.STAGES)

    def test_exits(self):
        trace = self.load(traces.with_exits(traces.example()))
        self.assertEqual(trace.blocks.after.dropna().tolist(), [2])
        self.assertEqual(trace.blocks.threshold.dropna().tolist(), [0.75])
        done = trace.requests[trace.requests.status == "done"]
        self.assertEqual(done.groupby("round").exit.agg(lambda exits: exits.fillna(-1).tolist()).tolist(), [[2, -1], [2, -1], [-1, -1], [-1]])
        self.assertEqual(trace.exits.left.value_counts().to_dict(), {"yes": 2, "no": 2})
        left = trace.exits[trace.exits.left == "yes"].merge(trace.requests, on=["round", "request"])
        self.assertTrue((left.predicted == left.verdict).all() and (left.exit_x == left.exit_y).all() and len(left) == 2)
        self.assertTrue(self.load(traces.example()).exits.empty)

    def test_the_frames_and_readmes_way_hold_the_same(self):
        trace = self.load(traces.example())
        with h5py.File(self.path, "r", swmr=True) as file:
            plain = pandas.DataFrame(file["events"][:])
        self.assertTrue((plain["kind"] == trace.events.kind.cat.codes + 1).all())
        for column in plain.columns.drop(["kind", "peer", "part"]):
            pandas.testing.assert_series_equal(plain[column], trace.events[column])

    def test_units_are_beside_the_numbers(self):
        trace = self.load(traces.example())
        for name in TABLES:
            columns = (column.split(":") for column in traces.COLUMNS[name].split())
            self.assertEqual(getattr(trace, name).attrs["units"], {column[0]: column[2] for column in columns if len(column) == 3}
                             or {}, name)
        self.assertEqual(trace.links.attrs["units"], {"rate_bit_s": "bit/s"})

    def test_none_is_missing(self):
        trace = self.load(traces.example())
        transfer = trace.events.kind.isin(["transmit", "receive"])
        self.assertTrue((trace.events.peer.isna() == ~transfer).all())
        self.assertTrue((trace.plans.device.isna() == (trace.plans["mode"] == "skip")).all())
        rejected = trace.requests.status == "rejected"
        self.assertEqual(rejected.sum(), 1)
        self.assertTrue(trace.requests[rejected][["label", "predicted_class", "latency_s", "accuracy"]].isna().all(axis=None))

    def test_a_code_without_a_name_is_missing(self):
        tables = traces.example()
        tables["events"]["kind"][[0, 1, 2]] = 0, 9, 255
        tables["plans"]["mode"][[0, 1]] = -5, 70000
        trace = self.load(tables)
        self.assertEqual(list(trace.events.kind.isna().to_numpy().nonzero()[0]), [0, 1, 2])
        self.assertEqual(list(trace.plans["mode"].isna().to_numpy().nonzero()[0]), [0, 1])

    def test_attributes_and_provenance(self):
        trace = self.load(traces.example())
        self.assertEqual(trace.attributes["seed"], 2**63 + 1)
        self.assertEqual(trace.attributes["software_version"], "0.1.0")
        self.assertEqual(trace.provenance, traces.PROVENANCE)
        self.assertTrue(trace.complete)
        self.assertEqual(trace.ended, "finished")
        self.assertIn("4 rounds on 3 devices", repr(trace))

    def test_rates_of_small_and_large_fleets(self):
        tables = traces.example(rounds=2)
        rates = numpy.arange(18.0).reshape(2, 3, 3) + 1
        rates[:, range(3), range(3)] = numpy.nan
        rates[1, 0, 2] = numpy.nan
        used = [{"round": r, "device": i, "peer": k, "rate_bit_s": rates[r, i, k]} for r, i, k in zip(*(~numpy.isnan(rates)).nonzero())]
        for stored in ({"links/rate_bit_s": rates}, {"links/used": traces.table("links/used", used)}):
            trace = self.load(tables | stored)
            pandas.testing.assert_frame_equal(trace.links, pandas.DataFrame(used), check_dtype=False)
            for r in range(2):
                numpy.testing.assert_array_equal(trace.rates(r).to_numpy(), rates[r])
            self.assertEqual(trace.rates(0).loc[0, 1], 2)
            with self.assertRaisesRegex(IndexError, "has rounds 0 to 1, not 2"):
                trace.rates(2)

    def test_many_rows_of_many_chunks(self):
        tables = traces.example(rounds=2000)
        self.assertGreater(tables["events"].nbytes, 2 << 20)
        trace = self.load(tables)
        for column in ("begin_s", "device", "block"):
            numpy.testing.assert_array_equal(trace.events[column], tables["events"][column])
        self.assertTrue((trace.events.kind.cat.codes + 1 == tables["events"]["kind"]).all())
        self.assertTrue((trace.events.peer.isna() == (tables["events"]["peer"] == -1)).all())

    def test_a_trace_without_rounds(self):
        tables = traces.example()
        trace = self.load({name: tables[name] for name in ("devices", "blocks")}, complete=0, ended="running")
        for name in TABLES:
            self.assertEqual(len(getattr(trace, name)), 3 if name == "devices" else 6 if name == "blocks" else 0)
        self.assertEqual(len(trace.links), 0)
        self.assertIn("not complete (running)", repr(trace))


class Example(PackageCase):
    def examples(self):
        """The one in the package's description, and those of the READMEs that use the package."""
        yield "package", textwrap.dedent(re.search(r"\n\n(    import skipstone\n.*?)\n\n(?=\S)", skipstone.__doc__, re.DOTALL).group(1))
        for readme in (ANALYSIS.parent / "README.md", ANALYSIS / "README.md"):
            for block in re.findall(r"```python\n(.*?)```", readme.read_text(), re.DOTALL):
                if "import skipstone" in block:
                    yield str(readme), block

    def test_runs_as_it_stands(self):
        matplotlib.use("Agg")
        traces.write(self.path.parent / "trace.h5", traces.example())
        for origin, code in self.examples():
            with self.subTest(origin), contextlib.chdir(self.path.parent):
                found = {}
                exec(code, found)
                # Two requests in each of four rounds but for one: five blocks of 0.5 s on two devices, one of them not in rounds 2 and 3.
                self.assertEqual(list(found["latency"]["count"]), [4, 3])
                self.assertAlmostEqual(found["latency"]["max"].max(), 3.3)
                if "energy.png" in code:
                    self.assertAlmostEqual(found["energy"]["compute"].sum(), 8 * 0.5 * (6 + 6 + 5 + 2.5) * 2)
                    self.assertAlmostEqual(found["energy"]["transmit"].sum(), 10 * 0.3 * 7)
                    self.assertEqual(list(found["energy"].index), ["d0", "d1", "d2"])
                    self.assertTrue((self.path.parent / "energy.png").read_bytes().startswith(b"\x89PNG"))
                    (self.path.parent / "energy.png").unlink()


class Unfinished(PackageCase):
    def test_only_committed_rounds(self):
        tables = traces.example()
        tables["rounds"] = tables["rounds"][:2]
        tables["events"]["round"][-3:] = -1  # room made for rows that were not written
        trace = self.load(tables, complete=0, ended="running")
        self.assertFalse(trace.complete)
        for name in ("rounds", "plans", "requests", "events", "battery", "clocks"):
            expected = tables[name]["round"]
            self.assertEqual(len(getattr(trace, name)), ((expected >= 0) & (expected < 2)).sum(), name)
        self.assertEqual(trace.links["round"].max(), 1)

    def test_outages_of_committed_rounds(self):
        tables = traces.example()
        outages = [{"begin_s": 3, "device": 0, "peer": 1, "cause": "link"}, {"begin_s": 10, "device": 0, "cause": "failure"},
                   {"begin_s": 10.5, "device": 1, "cause": "battery"}, {"begin_s": 11, "device": 2, "cause": "battery"}]
        tables["outages"] = traces.table("outages", outages)
        self.assertEqual(len(self.load(tables).outages), 4)
        tables["rounds"] = tables["rounds"][:2]
        kinds = [(column, tables["rounds"].dtype[column]) for column in tables["rounds"].dtype.names]
        told = numpy.empty(2, numpy.dtype(kinds + [("next_start_s", "f8"), ("outages", "i4")]))
        for column in tables["rounds"].dtype.names:
            told[column] = tables["rounds"][column]
        told["next_start_s"], told["outages"] = [5, 11], [1, 2]
        trace = self.load(tables | {"rounds": told}, complete=0, ended="running")
        self.assertEqual(len(trace.outages), 3)
        self.assertEqual(list(trace.outages.peer.isna()), [False, True, True])
        self.assertEqual(list(trace.rounds.next_start_s), [5, 11])
        # Traces of earlier programs do not say how many there are: all that were written whole.
        tables["outages"]["device"][3] = -1
        self.assertEqual(len(self.load(tables, complete=0, ended="running").outages), 3)

    def test_a_run_that_goes_on_is_read_again(self):
        tables = traces.example()
        rates = {"links/rate_bit_s": numpy.ones((4, 3, 3))}
        traces.write(self.path, {name: rows[:0] if name in ("rounds", "events") else rows for name, rows in tables.items()} | rates,
                     {"complete": 0, "ended": "running"})
        script = """
import sys, h5py, numpy
sys.path.insert(0, sys.argv[2])
import traces
tables = traces.example()
file = h5py.File(sys.argv[1], "r+", libver="latest")
file.swmr_mode = True
for count in range(4):
    for name in ("events", "rounds"):
        rows = tables[name][tables[name]["round"] == count]
        size = len(file[name])
        file[name].resize((size + len(rows),))
        file[name][size:] = rows
        file[name].flush()
    print("written", flush=True)
    sys.stdin.readline()
"""
        writer = subprocess.Popen([sys.executable, "-c", script, self.path, pathlib.Path(__file__).parent], text=True,
                                  stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        self.addCleanup(writer.communicate)
        self.addCleanup(writer.kill)
        older = None
        for count in range(4):
            self.assertEqual(writer.stdout.readline(), "written\n")
            trace = skipstone.load(self.path)
            self.assertEqual(len(trace.rounds), count + 1)
            self.assertEqual(len(trace.events), (tables["events"]["round"] <= count).sum())
            if older:  # loaded a round ago: its events are those of its rounds
                self.assertEqual(older.events["round"].max(), count - 1)
            older = skipstone.load(self.path)
            writer.stdin.write("go on\n")
            writer.stdin.flush()

    def test_a_run_that_was_killed(self):
        traces.write(self.path, traces.example(), {"complete": 0, "ended": "running"})
        script = ("import h5py, os, sys\nfile = h5py.File(sys.argv[1], 'r+', libver='latest')\nfile.swmr_mode = True\n"
                  "file.flush()\nos._exit(9)")
        self.assertEqual(subprocess.run([sys.executable, "-c", script, self.path]).returncode, 9)
        with self.assertRaises(OSError):
            h5py.File(self.path, "r")
        before = self.path.read_bytes()
        trace = skipstone.load(self.path)
        self.assertEqual(len(trace.events), len(traces.example()["events"]))
        self.assertEqual(self.path.read_bytes(), before)

    def test_the_file_stays_as_it_is(self):
        traces.write(self.path, traces.example())
        before = hashlib.sha256(self.path.read_bytes()).digest(), os.stat(self.path).st_mtime_ns
        self.path.chmod(0o444)
        trace = skipstone.load(self.path)
        for name in TABLES + ["links"]:
            getattr(trace, name)
        self.assertEqual((hashlib.sha256(self.path.read_bytes()).digest(), os.stat(self.path).st_mtime_ns), before)

    def test_a_trace_that_another_run_has_replaced(self):
        trace = self.load(traces.example())
        other = self.path.with_suffix(".new")
        traces.write(other, traces.example(rounds=1), {"date": "another day"})
        other.replace(self.path)
        with self.assertRaisesRegex(skipstone.TraceError, "another trace has taken its place"):
            trace.events

    def test_a_trace_that_its_own_run_has_written_anew(self):
        trace = self.load(traces.example(), complete=0, ended="running")
        other = self.path.with_suffix(".new")
        traces.write(other, traces.example())
        other.replace(self.path)
        self.assertEqual(len(trace.events), len(traces.example()["events"]))


class Refuses(PackageCase):
    def assert_refused(self, message):
        with self.assertRaises(skipstone.TraceError) as caught:
            skipstone.load(self.path)
        self.assertIn(message, str(caught.exception))
        self.assertIn(str(self.path), str(caught.exception))

    def test_files_that_are_no_hdf5(self):
        self.assert_refused("cannot be opened (No such file or directory)")
        self.path.write_bytes(b"")
        self.assert_refused("is empty")
        self.path.write_text("round,request\n0,1\n")
        self.assert_refused("not an HDF5 file")
        self.path.unlink()
        self.path.mkdir()
        self.assert_refused("Is a directory")

    def test_damaged_files(self):
        whole = traces.write(self.path, traces.example()).read_bytes()
        self.path.write_bytes(whole[:40] + b"\xff" + whole[41:])
        self.assert_refused("damaged or truncated")
        self.path.write_bytes(whole[: len(whole) // 2])
        self.assert_refused("damaged or truncated")

    def test_files_of_other_programs(self):
        with h5py.File(self.path, "w") as file:
            file["data"] = numpy.zeros(3)
        self.assert_refused("an HDF5 file but not a trace")
        traces.write(self.path, {}, {"format": "openPMD"})
        self.assert_refused("its format is 'openPMD'")
        traces.write(self.path, {}, {"format_version": 3})
        self.assert_refused("trace of format version 3; 1 and 2 are read")

    def test_traces_that_are_not_whole(self):
        for name in TABLES:
            traces.write(self.path, traces.example(), leave_out=[name])
            self.assert_refused(f"table /{name} is missing")
        traces.write(self.path, traces.example(), leave_out=["links/rate_bit_s"])
        self.assert_refused("group /links is missing")
        for name in ("provenance", "ended", "complete", "format_version"):
            traces.write(self.path, traces.example(), leave_out=[name])
            self.assert_refused(name if name != "format_version" else "version None")
        tables = traces.example()
        tables["events"] = tables["events"][["device", "kind", "begin_s"]].copy()
        traces.write(self.path, tables)
        self.assert_refused("table /events lacks column 'peer'")
        tables["events"] = numpy.zeros(5)
        traces.write(self.path, tables)
        self.assert_refused("table /events lacks column 'device'")


if __name__ == "__main__":
    unittest.main()
