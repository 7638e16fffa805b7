#!/usr/bin/env python3
"""Importing a model in ONNX: every option has its effect, and what is imported by the way is kept. Models are written by hand, as test_hostile.py has it."""

import pathlib
import struct
import sys
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "cli"))

from support import ProgramTest, h5py, numpy  # noqa: E402
from test_hostile import FLOAT, gemm, model, node, part, tensor, whole  # noqa: E402
from test_images import png  # noqa: E402


def floats(name, shape, first=0.0):
    values = [first + i / 16 for i in range(int(numpy.prod(shape)))]
    return tensor(name, shape, struct.pack(f"<{len(values)}f", *values))


def attribute(name, numbers):
    return part(5, part(1, name) + b"".join(whole(8, n) for n in numbers) + whole(20, 7))


def dynamic(name, *dims):
    """A tensor whose dimensions may be names."""
    sizes = b"".join(part(1, whole(1, d) if isinstance(d, int) else part(2, d)) for d in dims)
    return part(1, name) + part(2, part(1, whole(1, FLOAT) + part(2, sizes)))


def picture_model():
    """Pictures of any size: a convolution, its ReLU, and the mean; the ReLU is an output, too."""
    nodes = [node("Conv", ["x", "w"], ["c"], "conv", attribute("pads", (1, 1, 1, 1))), node("Relu", ["c"], ["r"], "relu"),
             node("GlobalAveragePool", ["r"], ["y"], "mean")]
    of = b"".join(part(1, n) for n in nodes) + part(2, "g") + part(5, floats("w", (2, 3, 3, 3), -1.0)) + \
        part(11, dynamic("x", "batch", 3, "h", "w")) + part(12, dynamic("y", "batch", 2, 1, 1)) + part(12, dynamic("r", "batch", 2, "h", "w"))
    return model(of)


class Import(ProgramTest):
    def setUp(self):
        super().setUp()
        self.write("model.onnx", picture_model())

    def imported(self, *options):
        out = self.new_path(".h5")
        result = self.skipstone("import", "model.onnx", "-o", out, "--input", "8x6", "--output", "y", *options)
        return out, result.out

    def attributes(self, path):
        with h5py.File(path) as file:
            return dict(file.attrs)

    def test_what_is_written_is_told(self):
        out, said = self.imported()
        self.assertIn("model, 3 operators in 1 block (0", said)
        self.assertIn("54 parameters", said)
        self.assertIn("input [N, 3, 8, 6], output [N, 2, 1, 1]", said)
        self.assertIn("outputs that are left out: r", said)
        self.skipstone("check", out)

    def test_several_outputs_are_listed_and_one_is_chosen(self):
        err = self.skipstone("import", "model.onnx", "-o", "x.h5", "--input", "8x6", code=2).err
        for piece in ("several outputs", "--output", "y [", "r ["):
            self.assertIn(piece, err)
        result = self.skipstone("import", "model.onnx", "-o", "x.h5", "--input", "8x6", "--output", "r")
        self.assertIn("output [N, 2, 8, 6]", result.out)
        err = self.skipstone("import", "model.onnx", "-o", "z.h5", "--input", "8x6", "--output", "q", code=2).err
        self.assertIn('the model has no tensor "q"; its outputs are y', err)

    def test_a_size_is_asked_for_where_the_model_takes_any(self):
        self.assertIn("--input", self.skipstone("import", "model.onnx", "-o", "x.h5", "--output", "y", code=2).err)
        for wrong in ("8", "0x6", "8x6x3", "ax6"):
            self.assertIn("--input", self.skipstone("import", "model.onnx", "-o", "x.h5", "--output", "y", "--input", wrong, code=2).err)

    def test_name_mean_std_and_range_are_kept_and_change_what_pictures_become(self):
        inputs = numpy.zeros((1, 8, 6, 3), numpy.float32)
        with h5py.File(self.path("zeros.h5"), "w") as file:
            file["inputs"] = inputs
        out, _ = self.imported("--name", "mine", "--mean", "0.5,0.25,0.125", "--std", "0.5,1,2", "--range", "255")
        self.assertIn("mine: family graph", self.skipstone("networks", out).out)
        found = self.attributes(out)
        self.assertEqual(list(found["input_mean"]), [0.5, 0.25, 0.125])
        self.assertEqual(list(found["input_std"]), [0.5, 1, 2])
        self.assertEqual(found["input_range"], 255)
        plain, _ = self.imported()
        (self.folder / "p.png").write_bytes(png(value=40))
        logits = []
        for weights in (plain, out):
            self.skipstone("infer", "--weights", weights, "--data", "p.png", "-o", "o.h5", "--force")
            with h5py.File(self.path("o.h5")) as file:
                logits.append(file["logits"][:].reshape(-1))
        self.assertFalse(numpy.allclose(*logits))
        for options in (("--mean", "0.5"), ("--std", "1,1"), ("--std", "0,1,1"), ("--range", "7"), ("--mean", "a,b,c")):
            error = self.skipstone("import", "model.onnx", "-o", "x.h5", "--input", "8x6", "--output", "y", *options, code=2).err
            self.assertRegex(error, f"^(skipstone: )?{options[0]}")
            self.assertFalse((self.folder / "x.h5").exists())

    def test_a_file_that_is_there_is_replaced_with_force_alone(self):
        out, _ = self.imported()
        before = pathlib.Path(out).read_bytes()
        words = ("import", "model.onnx", "-o", out, "--input", "8x6", "--output", "y", "--name", "other")
        self.assertIn("--force", self.skipstone(*words, code=2).err)
        self.assertEqual(pathlib.Path(out).read_bytes(), before)
        self.skipstone(*words, "--force")
        self.assertNotEqual(pathlib.Path(out).read_bytes(), before)
        self.skipstone("import", "model.onnx", "-o", "model.onnx", "--force", code=2)
        self.assertEqual((self.folder / "model.onnx").read_bytes(), picture_model())


class Kept(ProgramTest):
    """A model in place of weights: imported once, and anew when it has changed."""

    def logits(self, cache):
        self.skipstone("infer", "--weights", "model.onnx", "--data", "data.h5", "-o", "o.h5", "--force", environment={"SKIPSTONE_CACHE": cache})
        with h5py.File(self.path("o.h5")) as file:
            return file["logits"][:]

    def test_a_model_is_kept_and_a_changed_one_is_another(self):
        with h5py.File(self.path("data.h5"), "w") as file:
            file["inputs"] = numpy.eye(4, dtype=numpy.float32)
        cache = self.folder / "cache"
        found = []
        for first in (0.0, 2.0, 0.0):
            self.write("model.onnx", gemm(floats("w", (4, 3), first)))
            expected = (first + numpy.arange(12, dtype=numpy.float32) / 16).reshape(4, 3)
            self.assertTrue(numpy.array_equal(self.logits(str(cache)), expected))
            found.append(sorted(path.name for path in (cache / "imports").glob("*.h5")))
        self.assertEqual([len(names) for names in found], [1, 2, 2])
        self.assertEqual(found[1], found[2])
        self.assertTrue(numpy.array_equal(self.logits("off"), expected), "without a cache")

    def test_every_command_that_takes_weights_takes_a_model(self):
        self.write("model.onnx", gemm(floats("w", (4, 3))))
        for words in (("networks", "model.onnx"), ("check", "model.onnx"), ("bench", "--no-keep", "--passes", "1", "--network", "./model.onnx")):
            self.skipstone(*words)
        self.assertIn("model.onnx: values in", self.skipstone("networks", "model.onnx").out)
        scenario = self.scenario({"network.profile": None, "network.weights": self.path("model.onnx"), "accuracy.table": "none", "rounds.count": 1})
        named = f'weights = "{self.path("model.onnx")}"\n'
        self.assertIn(named, self.skipstone("run", scenario, "--print-config").out)
        for ranks in (None, 3):
            self.skipstone("run", scenario, "-o", "t.h5", "--force", **({"ranks": ranks} if ranks else {}))
            self.assertIn("right", self.skipstone("check", "t.h5").out)
            with h5py.File(self.path("t.h5")) as file:
                self.assertIn(named.encode(), file["provenance"].attrs["scenario"])


if __name__ == "__main__":
    unittest.main()
