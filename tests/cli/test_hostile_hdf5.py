#!/usr/bin/env python3
"""Traces, weights and data sets that somebody made to do harm: refused at once, in little memory, with file and object named; nothing outside of
them is opened. Rows that name what does not exist are refused by every subcommand that reads them."""

import pathlib
import resource
import unittest

from support import SANITIZER, ProgramTest, h5py, numpy, write_weights

MEMORY = 2 << 30  # of addresses, as the program may take them here
HUGE = 1 << 40


def link(name, target):
    def damage(file):
        del file[name]
        file[name] = target
    return damage


def dataset(name, **properties):
    """A dataset that claims something else than the one it replaces, of the same type."""
    def damage(file):
        properties.setdefault("dtype", file[name].dtype)
        attributes = dict(file[name].attrs)
        del file[name]
        made = file.create_dataset(name, **properties)
        made.attrs.update(attributes)
    return damage


def virtual(name):
    def damage(file):
        shape, kind = file[name].shape, file[name].dtype
        del file[name]
        layout = h5py.VirtualLayout(shape=shape, dtype=kind)
        layout[:] = h5py.VirtualSource("other.h5", name, shape=shape)
        file.create_virtual_dataset(name, layout)
    return damage


def external_bytes(name):
    def damage(file):
        shape, kind = file[name].shape, file[name].dtype
        del file[name]
        file.create_dataset(name, shape, kind, external=[("/dev/zero", 0, h5py.h5f.UNLIMITED)])
    return damage


def attribute(name, value):
    return lambda file: file.attrs.__setitem__(name, value)


class HostileHdf5(ProgramTest):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.originals = {}

    def damaged(self, kind, damage):
        """A copy of a right file, changed. kind: "trace", "weights" or "data"."""
        path = self.new_path(".h5")
        if kind == "weights":
            write_weights(path)
        elif kind == "data":
            with h5py.File(path, "w") as file:
                file["inputs"], file["labels"] = numpy.ones((6, 5), "f4"), numpy.arange(6)
        else:
            if kind not in self.originals:
                self.skipstone("run", self.scenario(), "-o", path)
                self.originals[kind] = pathlib.Path(path).read_bytes()
            pathlib.Path(path).write_bytes(self.originals[kind])
        with h5py.File(path, "r+", libver="latest") as file:
            damage(file)
        return path

    def assert_refused(self, path, *said, arguments=("check",), code=2):
        def limit():
            if not SANITIZER:  # sanitizers reserve terabytes of address space
                resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))

        result = self.skipstone(*arguments, path, code=code, preexec_fn=limit)
        for piece in (pathlib.Path(path).name, *said):
            self.assertIn(piece, result.err[:10_000], arguments)

    def test_links_are_not_followed(self):
        places = {"trace": ("events", "links/rate_bit_s"), "weights": ("conv1.weight", "layer2.0.bn1.bias"),
                  "data": ("inputs", "labels")}
        for kind, names in places.items():
            for name in names:
                other = self.damaged(kind, lambda file: None)
                for target in (h5py.SoftLink("/" + name), h5py.SoftLink("/elsewhere"), h5py.ExternalLink(other, name)):
                    with self.subTest(kind=kind, name=name, target=type(target).__name__):
                        self.assert_refused(self.damaged(kind, link(name, target)), name, "is a link")
        with self.subTest("a group"):
            self.assert_refused(self.damaged("trace", link("provenance", h5py.SoftLink("/links"))), "/provenance", "is a link")

    def test_elements_in_other_files_are_not_looked_for(self):
        for kind, name in (("trace", "events"), ("weights", "conv1.weight"), ("data", "inputs"), ("data", "labels")):
            for damage in (virtual(name), external_bytes(name)):
                self.assert_refused(self.damaged(kind, damage), name, "has its elements in another file")

    def test_absurd_extents_and_chunks(self):
        for kind, name, rank, chunk in (("trace", "events", 1, 1 << 23), ("trace", "rounds", 1, 1 << 23), ("weights", "conv1.weight", 4, 1 << 29),
                                        ("data", "inputs", 2, 1 << 29), ("data", "labels", 1, 1 << 28)):
            ones = (1,) * (rank - 1)
            for claimed, chunks in ((HUGE, 16), (4, chunk)):
                with self.subTest(kind=kind, name=name, claimed=claimed):
                    damage = dataset(name, shape=(claimed, *ones), maxshape=(None, *ones), chunks=(chunks, *ones))
                    self.assert_refused(self.damaged(kind, damage), name, "claims more elements than a file of")

    def test_extents_of_nothing(self):
        for shape in ((HUGE, 0), (0, HUGE)):
            damage = dataset("devices", shape=shape, maxshape=(None, None), chunks=(16, 1))
            self.assert_refused(self.damaged("trace", damage), "devices", "claims more elements than a file of")

    def test_another_rank_or_type(self):
        self.assert_refused(self.damaged("trace", dataset("links/rate_bit_s", shape=(3, 4), dtype="f8")), "links/rate_bit_s", "is not an array")
        self.assert_refused(self.damaged("trace", dataset("battery", shape=(3,), dtype="f8")), "/battery")
        self.assert_refused(self.damaged("weights", dataset("conv1.weight", shape=(16, 3, 3), dtype="f4")), "conv1.weight", "[16, 3, 3]")

    def test_oversized_attributes(self):
        long = self.damaged("trace", attribute("format", numpy.bytes_(b"x" * (65 << 20))))
        self.assert_refused(long, "/@format", "is too large for an attribute")
        quoted = self.skipstone("check", self.damaged("trace", attribute("format", "x" * (8 << 20))), code=2)
        self.assertLess(len(quoted.err), 1 << 17)
        many = self.damaged("trace", attribute("format", numpy.array(["x"] * 2000, dtype=object)))
        self.assert_refused(many, "/@format", "more texts of variable length")
        self.assert_refused(self.damaged("weights", attribute("input_mean", numpy.zeros(7000))), "input_mean", "three numbers", "7000")
        self.assert_refused(self.damaged("trace", attribute("complete", numpy.zeros(5, dtype="i8"))), "/@complete",
                            "5 values where one is expected")

    def test_rows_that_name_what_does_not_exist(self):
        def cell(table, column, value):
            def damage(file):
                rows = file[table][:]
                rows[column][0] = value
                file[table][:] = rows
            return damage

        export = ("export", "--to", "perfetto", "-o", "out.json")
        for value in (4, -2, 2**31 - 1):
            path = self.damaged("trace", cell("events", "device", value))
            self.assert_refused(path, "/events", "device", arguments=("analyze",))
            self.assert_refused(path, "/events", f"names device {value}; there are 4", arguments=export)
            path = self.damaged("trace", cell("battery", "device", value))
            self.assert_refused(path, "/battery", f"names device {value}; there are 4", arguments=export)
            self.assert_refused(path, "/battery", f"names device {value}; there are 4", arguments=("watch",))
        self.assert_refused(self.damaged("trace", cell("events", "block", 99)), "/events", "names block 99", arguments=export)
        self.assertFalse((self.folder / "out.json").exists())

    def test_amounts_whose_sum_overflows(self):
        def damage(file):
            events = file["events"]
            rows = numpy.repeat(events[:], 4096 // len(events) + 1)
            rows["bytes"] = 2**52
            events.resize(rows.shape)
            events[:] = rows

        path = self.damaged("trace", damage)
        self.assert_refused(path, "/events.bytes", "an amount must be 0 to 2", f"and is {2**52}", arguments=("analyze",))
        self.assert_refused(path, "/events.bytes", f"and is {2**52}", arguments=("export", "--to", "perfetto", "-o", "out.json"))


if __name__ == "__main__":
    unittest.main()
