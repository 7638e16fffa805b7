#!/usr/bin/env python3
"""What a network of an ONNX file gives is what ONNX Runtime gives, for every model of models.py and for published ones."""

import os
import pathlib
import sys
import unittest

HERE = pathlib.Path(__file__).resolve().parent
sys.path[:0] = [str(HERE.parent), str(HERE.parent / "cli")]

import environment  # noqa: E402

environment.go_on_in("onnx-packages", ("onnx", "onnxruntime", "numpy", "h5py"))

import models  # noqa: E402
import numpy  # noqa: E402
import onnx  # noqa: E402
import onnxruntime  # noqa: E402
from onnx import helper, numpy_helper  # noqa: E402
from support import ProgramTest, h5py  # noqa: E402

DATA = pathlib.Path(os.environ.get("SKIPSTONE_TEST_DATA", HERE.parents[1] / "shared/data"))
LIMIT = 1e-4  # of the largest output
onnxruntime.set_default_logger_severity(3)


def reference(model, inputs, output):
    """What ONNX Runtime gives for each image; one at a time where the model wants it so. model: a path."""
    session = onnxruntime.InferenceSession(str(model), providers=["CPUExecutionProvider"])
    wanted = session.get_inputs()[0]
    if wanted.shape and wanted.shape[0] == 1:
        return numpy.concatenate([session.run([output], {wanted.name: inputs[i:i + 1]})[0] for i in range(len(inputs))])
    return session.run([output], {wanted.name: inputs})[0]


class Numbers(ProgramTest):
    def largest_difference(self, model, inputs, output, several=False):
        """Of Skipstone's outputs from ONNX Runtime's, as a share of the largest one."""
        data, out = self.path("inputs.h5"), self.path("out.h5")
        with h5py.File(data, "w") as file:
            file["inputs"] = inputs
            if inputs.ndim == 4:
                file["inputs"].attrs["layout"] = "NCHW" if self.channels_first(model) else "NHWC"
        self.skipstone("infer", "--weights", model, "--data", data, "-o", out, "--force", *(["--output", output] if several else []))
        with h5py.File(out, "r") as file:
            found = file["logits"][:]
        expected = reference(model, inputs, output)
        self.assertEqual(found.shape, expected.shape)
        self.assertGreater(numpy.abs(expected).max(), 1e-6)
        self.assertGreater(numpy.abs(expected - expected[0]).max(), 1e-3 * numpy.abs(expected).max(), "all inputs give the same")
        return numpy.abs(found - expected).max() / numpy.abs(expected).max()

    @staticmethod
    def channels_first(path):
        """By the place of the fewest."""
        graph = onnx.load(str(path), load_external_data=False).graph
        constants = {tensor.name for tensor in graph.initializer}
        given = next(value for value in graph.input if value.name not in constants)
        dims = [d.dim_value for d in given.type.tensor_type.shape.dim]
        return len(dims) == 4 and dims[1] < dims[3]

    def test_every_kind_of_node(self):
        random = numpy.random.default_rng(1)
        for name, (_, opsets) in models.CASES.items():
            for opset in opsets:
                with self.subTest(model=name, opset=opset):
                    model, graph, outputs = models.build(name, opset)
                    onnx.checker.check_model(model)
                    path = self.path("model.onnx")
                    onnx.save(model, path, save_as_external_data=graph.external, location="weights.bin", size_threshold=0)
                    inputs = random.standard_normal((1 if graph.shape[0] == 1 else 3, *graph.shape[1:])).astype(numpy.float32)
                    if graph.shape[0] == 1:
                        inputs = random.standard_normal((3, *graph.shape[1:])).astype(numpy.float32)
                    for output in outputs:
                        self.assertLessEqual(self.largest_difference(path, inputs, output, len(outputs) > 1), LIMIT)


def pictures(shape, count, low=0.0, high=1.0):
    """Random numbers of which neighbours are alike, so that means over them differ."""
    random = numpy.random.default_rng(2)
    values = random.uniform(low, high, (count, *shape))
    for axis in (2, 3) if len(shape) == 3 else ():
        values = values.take(numpy.arange(values.shape[axis]) // 16 * 16, axis)
    return (0.8 * values + 0.2 * random.uniform(low, high, values.shape)).astype(numpy.float32)


def with_random_weights(model):
    """The same network with weights in place of the constants that ConstantOfShape makes; batch norms normalise what comes to them."""
    random = numpy.random.default_rng(5)
    shapes = {t.name: numpy_helper.to_array(t) for t in model.graph.initializer}
    of_norms = {name for node in model.graph.node if node.op_type == "BatchNormalization" for name in node.input[3:]}
    scales = {node.input[1] for node in model.graph.node if node.op_type == "BatchNormalization"}
    unsqueezed = {node.output[0]: node.input[0] for node in model.graph.node if node.op_type == "Unsqueeze"}
    factors = {unsqueezed.get(node.input[1]) for node in model.graph.node if node.op_type == "Mul"}
    drawn = []
    for node in [node for node in model.graph.node if node.op_type == "ConstantOfShape"]:
        model.graph.node.remove(node)
        name, shape = node.output[0], tuple(int(n) for n in shapes[node.input[0]])
        if name in scales or name in factors:
            values = random.uniform(0.8, 1.2, shape)
        elif name not in of_norms:
            values = random.standard_normal(shape) * (numpy.sqrt(2 / numpy.prod(shape[1:])) if len(shape) > 1 else 0.1)
        else:
            continue
        drawn.append(numpy_helper.from_array(values.astype(numpy.float32), name))
    model.graph.initializer.extend(drawn)
    for node in model.graph.node:
        if node.op_type == "BatchNormalization":  # each has its own: in the files they share constants
            node.input[3], node.input[4] = node.output[0] + ".mean", node.output[0] + ".variance"
    if of_norms:
        model.graph.initializer.extend(statistics(model))
    if model.graph.node[-1].op_type == "Softmax":
        temper(model, next(t for t in drawn if len(t.dims) > 1 and 1000 in t.dims))
    return model


def fetch(model, names):
    """Values of tensors of a model for one picture."""
    twin = onnx.ModelProto()
    twin.CopyFrom(model)
    twin.graph.output.extend(helper.make_tensor_value_info(name, 1, None) for name in names)
    session = onnxruntime.InferenceSession(twin.SerializeToString(), providers=["CPUExecutionProvider"])
    given = session.get_inputs()[0]
    return session.run(names, {given.name: pictures(given.shape[1:], 1)})


def temper(model, last):
    """Divides the last weights so that the softmax at the end prefers some classes, and no single one."""
    spread = fetch(model, [model.graph.node[-1].input[0]])[0].std() / 2
    tensor = next(t for t in model.graph.initializer if t.name == last.name)
    tensor.CopyFrom(numpy_helper.from_array(numpy_helper.to_array(tensor) / numpy.float32(spread), tensor.name))


def statistics(model):
    """Mean and variance of what comes to each batch norm of a model, found by a twin in which each divides by its own."""
    twin, wanted = onnx.ModelProto(), {}
    twin.CopyFrom(model)
    del twin.graph.node[:]
    for node in model.graph.node:
        if node.op_type != "BatchNormalization":
            twin.graph.node.append(node)
            continue
        x, scale, shift, mean, variance = node.input
        y = node.output[0]
        add = lambda kind, inputs, output, **a: twin.graph.node.append(helper.make_node(kind, inputs, [output], **a))  # noqa: E731
        add("ReduceMean", [x], y + ":mean", axes=[0, 2, 3])
        add("Sub", [x, y + ":mean"], y + ":centred")
        add("Mul", [y + ":centred", y + ":centred"], y + ":squares")
        add("ReduceMean", [y + ":squares"], y + ":exact", axes=[0, 2, 3])
        add("Add", [y + ":exact", "little"], y + ":variance")
        add("Sqrt", [y + ":variance"], y + ":deviation")
        add("Div", [y + ":centred", y + ":deviation"], y + ":normal")
        for name in (scale, shift):
            add("Unsqueeze", [name], y + name, axes=[1, 2])
        add("Mul", [y + ":normal", y + scale], y + ":scaled")
        add("Add", [y + ":scaled", y + shift], y)
        wanted.update({y + ":mean": mean, y + ":variance": variance})
    twin.graph.initializer.append(numpy_helper.from_array(numpy.float32(0.01), "little"))
    found = fetch(twin, list(wanted))
    return [numpy_helper.from_array(values.reshape(-1), name) for name, values in zip(wanted.values(), found)]


@unittest.skipUnless((DATA / "onnx").is_dir(), f"{DATA}/onnx is not there")
class Published(Numbers):
    def compare(self, path, count=2, low=0.0, high=1.0):
        session = onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
        shape = [n if isinstance(n, int) else 0 for n in session.get_inputs()[0].shape]
        inputs = pictures(shape[1:], count, low, high)
        outputs = [output.name for output in session.get_outputs()]
        for output in outputs:
            difference = self.largest_difference(path, inputs, output, len(outputs) > 1)
            print(f"{pathlib.Path(path).name} {output}: {difference:.1e} of the largest", flush=True)
            self.assertLessEqual(difference, LIMIT)

    def test_small_ones(self):
        for name, high in (("resnet8_cifar10", 255), ("ds_cnn_kws_float32", 30), ("mobilenet_v1_025_vww", 1), ("autoencoder_ad01", 1)):
            with self.subTest(name):
                self.compare(DATA / f"mlperf-tiny/{name}.onnx", 4, 0 if name != "ds_cnn_kws_float32" else -30, high)

    def test_heart_beats(self):
        self.compare(DATA / "ecg/ecg_acharya_odai.onnx", 4, -2, 2)

    def test_faces(self):
        self.compare(DATA / "onnx/fer2013_mini_XCEPTION_102_0.66.onnx", 4, -1, 1)

    def test_two_outputs(self):
        self.compare(DATA / "onnx/ultraface-RFB-320_simplified.onnx", 2, -1, 1)

    def test_three_outputs(self):
        self.compare(DATA / "onnx/basic_pitch_nmp.onnx", 2, -1, 1)

    def test_light_ones(self):
        for path in sorted((DATA / "onnx").glob("light_*.onnx")):
            with self.subTest(path.stem):
                model = with_random_weights(onnx.load(str(path)))
                changed = self.path(path.name)
                onnx.save(model, changed)
                self.compare(changed)


if __name__ == "__main__":
    unittest.main()
