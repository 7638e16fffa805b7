#!/usr/bin/env python3
"""What a network gives for pictures and for arrays in HDF5, of whatever layout; and that runs, studies and calibrations take the same data."""

import os
import pathlib
import signal
import time
import unittest

from support import ALONE, ProgramTest, Trace, cifar_batch, h5py, numpy, write_weights

LABELS = [3, 1, 4, 1, 5, 9, 2, 6, 5, 3]
MEAN, STD = (numpy.array(values, numpy.float32) for values in ([0.485, 0.456, 0.406], [0.229, 0.224, 0.225]))


def pixels(batch):
    """A CIFAR-10 batch's pictures as the network of write_weights() reads them: [N,H,W,C]."""
    records = numpy.frombuffer(batch, numpy.uint8).reshape(-1, 3073)[:, 1:].reshape(-1, 3, 32, 32).transpose(0, 2, 3, 1)
    return (records.astype(numpy.float32) / numpy.float32(255) - MEAN) / STD


class Data(ProgramTest):
    def setUp(self):
        super().setUp()
        self.weights = write_weights(self.path("w.h5"))
        self.batch = cifar_batch(LABELS)
        self.images = self.write("b.bin", self.batch)

    def data(self, inputs, labels=None, name="d.h5", **attributes):
        with h5py.File(self.path(name), "w") as file:
            file["inputs"] = inputs
            file["inputs"].attrs.update(attributes)
            if labels is not None:
                file["labels"] = numpy.array(labels)
        return self.path(name)

    def infer(self, data, *arguments, weights=None, output=None, code=0):
        output = output or self.new_path(".h5")
        result = self.skipstone("infer", "--weights", weights or self.weights, "--data", data, "-o", output, *arguments, code=code)
        if code != 0:
            return result
        with h5py.File(output, "r") as file:
            self.assertEqual(set(file), {"logits", "predicted"})
            return result.out, file["logits"][:], file["predicted"][:]


class Infer(Data):
    def test_pictures_and_arrays_of_any_layout_give_the_same_bits(self):
        said, logits, predicted = self.infer(self.images)
        self.assertEqual(logits.dtype, numpy.float32)
        self.assertEqual(logits.shape, (10, 10))
        numpy.testing.assert_array_equal(predicted, logits.argmax(axis=1))
        right = (predicted == LABELS).sum()
        self.assertIn(f"{right} of 10 right; 95 % interval", said)
        inputs = pixels(self.batch)
        chunked = self.path("c.h5")
        with h5py.File(chunked, "w") as file:
            file.create_dataset("inputs", data=inputs, chunks=(3, 8, 8, 2), compression="gzip", shuffle=True)
        for data in (self.data(inputs), self.data(inputs, layout="NHWC"), self.data(inputs.transpose(0, 3, 1, 2), layout="NCHW"),
                     self.data(inputs.astype(numpy.float64)), chunked):
            with self.subTest(data=data):
                said, others, _ = self.infer(data)
                self.assertNotIn("accuracy", said)
                numpy.testing.assert_array_equal(others, logits)

    def test_every_input_changes_what_it_should(self):
        inputs = pixels(self.batch)
        _, logits, _ = self.infer(self.data(inputs))
        changed = inputs.copy()
        changed[4] = 0
        _, others, _ = self.infer(self.data(changed))
        same = (logits == others).all(axis=1)
        self.assertEqual(list(same), [i != 4 for i in range(10)])
        self.assertEqual(len(numpy.unique(logits, axis=0)), 10)

    def test_labels_are_compared(self):
        weights = write_weights(self.path("f.h5"), favourite=5)
        for data in (self.images, self.data(pixels(self.batch), LABELS), self.data(pixels(self.batch), numpy.array(LABELS, numpy.float64))):
            said, _, predicted = self.infer(data, weights=weights)
            self.assertEqual(list(predicted), [5] * 10)
            self.assertIn("accuracy: 20.00 %, 2 of 10 right; 95 % interval 5.67 … 50.98 %", said)
        said, _, predicted = self.infer(data, "--limit", "5", weights=weights)
        self.assertEqual(len(predicted), 5)
        self.assertIn("1 of 5 right", said)

    def test_threads_change_nothing_and_batches_next_to_nothing(self):
        _, logits, _ = self.infer(self.images, "--batch", "3", "--threads", "1")
        _, others, _ = self.infer(self.images, "--batch", "3", "--threads", "4")
        numpy.testing.assert_array_equal(logits, others)
        _, others, _ = self.infer(self.images, "--batch", "10")
        numpy.testing.assert_allclose(logits, others, rtol=1e-4, atol=1e-4 * abs(logits).max())

    def test_the_file_says_where_it_comes_from(self):
        output = self.path("o.h5")
        self.infer(self.images, output=output)
        with h5py.File(output, "r") as file:
            self.assertEqual(file.attrs["format"], b"skipstone-outputs")
            self.assertEqual((file.attrs["network"], file.attrs["precision"], file.attrs["data"]), (b"resnet20-cifar", b"float32", b"b.bin"))
            self.assertEqual(len(file.attrs["weights_sha256"]), 64)
        self.assertIn("is a file of outputs that `skipstone infer` wrote", self.skipstone("analyze", output, code=2).err)

    def test_what_is_there_is_replaced_on_demand_alone(self):
        output = self.path("o.h5")
        self.infer(self.images, output=output)
        self.infer(self.images, output=output)
        data = self.data(numpy.ones((2, 3)))
        for name, content in (("t.txt", "mine"), ("t.h5", pathlib.Path(data).read_bytes())):
            self.write(name, content)
            result = self.infer(self.images, output=self.path(name), code=2)
            self.assertIn(f"{name}: is there already, and is a", result.err)
            self.assertIn("replace it with --force", result.err)
            self.infer(self.images, "--force", output=self.path(name))
        for own in (self.images, self.weights):
            self.infer(self.images, "--force", output=own, code=2)
        self.assertEqual((self.folder / "b.bin").read_bytes(), self.batch)

    def test_what_cannot_be_right_is_refused_before_anything_is_written(self):
        inputs = pixels(self.batch)
        for arguments, said in (
                ([self.images, "--limit", "11"], "holds 10 inputs, and --limit is 11"),
                ([self.images, "--precision", "int8"], "--precision int8: needs --calibration"),
                ([self.images, "--calibration", "x.toml"], "--calibration: goes with --precision int8 alone"),
                ([self.images, "--precision", "float64"], "float64"),
                ([self.weights], "is a weights file"),
                ([self.data(inputs, LABELS[:9], "short.h5")], "/labels: has the shape [9]; one label for each of 10 inputs"),
                ([self.data(inputs, [*LABELS[:9], 10], "ten.h5")], "input 9 has label 10; the weights tell 10 classes apart, 0 to 9"),
                ([self.data(inputs[..., 0], name="flat.h5")], "has the shape [10, 32, 32]; resnet20-cifar reads [N, 32, 32, 3]"),
                ([self.data(numpy.array([b"x", b"y"]), name="text.h5")], "/inputs: does not hold numbers"),
                ([self.path("none")], "cannot be read (no such path)")):
            with self.subTest(said=said):
                result = self.infer(*arguments, output=self.path("new.h5"), code=2)
                self.assertIn(said, result.err)
                self.assertFalse((self.folder / "new.h5").exists())
        self.assertIn("none/new.h5: cannot be written (", self.infer(self.images, output=self.path("none/new.h5"), code=2).err)
        self.assertIn("it is a folder", self.infer(self.images, output=str(self.folder), code=2).err)

    def test_a_number_that_is_none_ends_it_and_leaves_nothing(self):
        inputs = pixels(self.batch)
        inputs[7, 3, 2, 1] = numpy.nan
        before = sorted(os.listdir(self.folder))
        result = self.infer(self.data(inputs), "--batch", "2", output=self.path("new.h5"), code=2)
        self.assertIn("/inputs: input 7 has nan", result.err)
        self.assertEqual(sorted(os.listdir(self.folder)), sorted([*before, "d.h5"]))

    def test_an_interrupt_leaves_no_file(self):
        random = numpy.random.default_rng(5)
        data = self.data(random.standard_normal((20000, 32, 32, 3)).astype(numpy.float32))
        before = sorted(os.listdir(self.folder))
        process = self.start("infer", "--weights", self.weights, "--data", data, "-o", self.path("o.h5"))
        self.assertIn("20000 inputs without labels", process.stdout.readline())
        time.sleep(0.3)
        process.send_signal(signal.SIGINT)
        result = self.wait(process)
        self.assertEqual(result.code, 130, result)
        self.assertIn("interrupted; nothing was written", result.out)
        self.assertEqual(sorted(os.listdir(self.folder)), before)

    def test_int8_with_a_calibration_from_the_same_data(self):
        for data, name in ((self.images, "a.toml"), (self.data(pixels(self.batch)), "b.toml")):
            self.skipstone("calibrate", "--weights", self.weights, "--data", data, "--count", "10", "-o", self.path(name))
        self.assertEqual((self.folder / "a.toml").read_text().replace("b.bin", "d.h5"), (self.folder / "b.toml").read_text())
        self.assertIn("holds 10 images, and --count is 11", self.skipstone(
            "calibrate", "--weights", self.weights, "--data", data, "--count", "11", "-o", "c.toml", code=2).err)
        _, exact, _ = self.infer(data)
        _, coarse, _ = self.infer(data, "--precision", "int8", "--calibration", self.path("b.toml"))
        difference = abs(exact - coarse).max() / abs(exact).max()
        self.assertGreater(difference, 0)
        self.assertLess(difference, 0.2)


class OtherCommands(Data):
    """Data in HDF5 wherever pictures are taken."""

    def test_a_study_measures_the_same(self):
        tables = []
        for data, name in ((self.images, "a.toml"), (self.data(pixels(self.batch), LABELS), "b.toml")):
            self.skipstone("study", "--weights", self.weights, "--data", data, "--drops", "singles", "-o", self.path(name))
            tables.append([line for line in (self.folder / name).read_text().splitlines() if line.startswith(("dropped", "accuracy", "correct"))])
        self.assertGreater(len(tables[0]), 8)
        self.assertEqual(tables[0], tables[1])
        result = self.skipstone("study", "--weights", self.weights, "--data", self.data(pixels(self.batch)), "-o", self.path("c.toml"), code=2)
        self.assertIn("image 0 has no label", result.err)

    def test_a_run_computes_on_it_and_tells_the_accuracy(self):
        scenario = self.scenario(ALONE | {"rounds.count": 2, "emulation.kernels": True})
        traces = []
        for images in (self.images, self.data(pixels(self.batch), LABELS)):
            output = self.new_path(".h5")
            out = self.skipstone("run", scenario, "-o", output, "--images", images, "--weights", self.weights).out
            traces.append(Trace(output))
            self.assertIn("accuracy", out)
        self.assertEqual(traces[1].provenance["images"], f"{images}: 10 inputs with labels; in an order drawn from the seed")
        for column in ("label", "predicted_class"):
            numpy.testing.assert_array_equal(traces[0].requests[column], traces[1].requests[column])
        self.assertGreater(len(set(traces[0].requests["label"])), 1)

    def test_check_reads_all_of_it(self):
        self.assertIn("d.h5: right (data set)", self.skipstone("check", self.data(pixels(self.batch), LABELS)).out)
        inputs = numpy.ones((3000, 700), numpy.float32)
        inputs[2999, 699] = numpy.inf
        self.assertIn("/inputs: input 2999 has inf", self.skipstone("check", self.data(inputs), code=2).err)
        self.assertIn("/labels: label 1 is 0.5", self.skipstone("check", self.data(inputs[:2], [1, 0.5]), code=2).err)


if __name__ == "__main__":
    unittest.main()
