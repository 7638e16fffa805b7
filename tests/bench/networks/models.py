"""The networks that compare_networks.py runs, as ONNX files with random weights; batch norms are folded, as exporters do it.

    models.py FOLDER [NAME ...]
"""

import pathlib
import sys

import numpy
import onnx
from onnx import TensorProto, helper, numpy_helper


class Chain:
    """A graph under construction; `at` is the tensor that the next layer reads."""

    def __init__(self, name, channels, size):
        self.name, self.at, self.channels, self.size = name, "image", channels, size
        self.nodes, self.weights = [], []
        self.random = numpy.random.default_rng(1)
        self.input = helper.make_tensor_value_info("image", TensorProto.FLOAT, [1, channels, size, size])

    def node(self, kind, reads, **attributes):
        gives = f"{kind.lower()}{len(self.nodes)}"
        self.nodes.append(helper.make_node(kind, reads, [gives], name=gives, **attributes))
        self.at = gives
        return gives

    def constant(self, values):
        name = f"weights{len(self.weights)}"
        self.weights.append(numpy_helper.from_array(numpy.asarray(values, numpy.float32), name))
        return name

    def convolution(self, outputs, kernel, stride=1, padding=0, groups=1, end=None):
        inputs = self.channels // groups
        deviation = (2 / (inputs * kernel * kernel)) ** 0.5
        weights = self.random.standard_normal((outputs, inputs, kernel, kernel), numpy.float32) * deviation
        bias = self.random.standard_normal(outputs, numpy.float32) * 0.1
        pads = [padding] * 4 if isinstance(padding, int) else padding
        self.node("Conv", [self.at, self.constant(weights), self.constant(bias)], kernel_shape=[kernel, kernel],
                  strides=[stride, stride], pads=pads, group=groups)
        self.channels, self.size = outputs, (self.size + pads[0] + pads[2] - kernel) // stride + 1
        if end == "relu":
            self.node("Relu", [self.at])
        elif end == "relu6":
            self.node("Clip", [self.at, self.constant(0), self.constant(6)])
        return self

    def pool(self, kernel=2, stride=2):
        self.node("MaxPool", [self.at], kernel_shape=[kernel, kernel], strides=[stride, stride])
        self.size = (self.size - kernel) // stride + 1
        return self

    def response_norm(self):
        self.node("LRN", [self.at], size=5, alpha=1e-4, beta=0.75, bias=1.0)
        return self

    def average(self):
        self.node("GlobalAveragePool", [self.at])
        self.size = 1
        return self

    def flatten(self):
        self.node("Flatten", [self.at])
        self.channels, self.size = self.channels * self.size * self.size, 1
        return self

    def full(self, outputs, end=None):
        weights = self.random.standard_normal((outputs, self.channels), numpy.float32) * (2 / self.channels) ** 0.5
        bias = self.random.standard_normal(outputs, numpy.float32) * 0.1
        self.node("Gemm", [self.at, self.constant(weights), self.constant(bias)], transB=1)
        self.channels = outputs
        if end == "relu":
            self.node("Relu", [self.at])
        return self

    def model(self):
        self.node("Softmax", [self.at], axis=1)
        output = helper.make_tensor_value_info(self.at, TensorProto.FLOAT, [1, self.channels])
        graph = helper.make_graph(self.nodes, self.name, [self.input], [output], self.weights)
        made = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], ir_version=8)
        onnx.checker.check_model(made)
        return made


def vgg16():
    chain = Chain("vgg16", 3, 224)
    for outputs, count in ((64, 2), (128, 2), (256, 3), (512, 3), (512, 3)):
        for _ in range(count):
            chain.convolution(outputs, 3, padding=1, end="relu")
        chain.pool()
    return chain.flatten().full(4096, "relu").full(4096, "relu").full(1000).model()


def alexnet():
    """As published (Krizhevsky et al. 2012): two groups, response normalisation."""
    chain = Chain("alexnet", 3, 227)
    chain.convolution(96, 11, 4, end="relu").response_norm().pool(3)
    chain.convolution(256, 5, padding=2, groups=2, end="relu").response_norm().pool(3)
    chain.convolution(384, 3, padding=1, end="relu").convolution(384, 3, padding=1, groups=2, end="relu")
    chain.convolution(256, 3, padding=1, groups=2, end="relu").pool(3)
    return chain.flatten().full(4096, "relu").full(4096, "relu").full(1000).model()


def mobilenet_v1():
    chain = Chain("mobilenet_v1", 3, 224).convolution(32, 3, 2, [0, 0, 1, 1], end="relu6")
    for outputs, stride in ((64, 1), (128, 2), (128, 1), (256, 2), (256, 1), (512, 2), *[(512, 1)] * 5, (1024, 2), (1024, 1)):
        padding = 1 if stride == 1 else [0, 0, 1, 1]
        chain.convolution(chain.channels, 3, stride, padding, chain.channels, "relu6").convolution(outputs, 1, end="relu6")
    return chain.average().flatten().full(1000).model()


def mobilenet_v2():
    chain = Chain("mobilenet_v2", 3, 224).convolution(32, 3, 2, 1, end="relu6")
    for widening, outputs, count, first in ((1, 16, 1, 1), (6, 24, 2, 2), (6, 32, 3, 2), (6, 64, 4, 2), (6, 96, 3, 1), (6, 160, 3, 2),
                                            (6, 320, 1, 1)):
        for i in range(count):
            stride, reads, inputs = first if i == 0 else 1, chain.at, chain.channels
            if widening > 1:
                chain.convolution(inputs * widening, 1, end="relu6")
            chain.convolution(chain.channels, 3, stride, 1, chain.channels, "relu6").convolution(outputs, 1)
            if stride == 1 and inputs == outputs:
                chain.node("Add", [reads, chain.at])
    return chain.convolution(1280, 1, end="relu6").average().flatten().full(1000).model()


def squeezenet():
    """Version 1.0 (Iandola et al. 2016)."""
    chain = Chain("squeezenet", 3, 224).convolution(96, 7, 2, end="relu").pool(3)

    def fire(squeeze, expand):
        chain.convolution(squeeze, 1, end="relu")
        squeezed = chain.at
        left = chain.convolution(expand, 1, end="relu").at
        chain.at, chain.channels = squeezed, squeeze
        chain.convolution(expand, 3, padding=1, end="relu")
        chain.node("Concat", [left, chain.at], axis=1)
        chain.channels = 2 * expand

    for squeeze, expand in ((16, 64), (16, 64), (32, 128)):
        fire(squeeze, expand)
    chain.pool(3)
    for squeeze, expand in ((32, 128), (48, 192), (48, 192), (64, 256)):
        fire(squeeze, expand)
    chain.pool(3)
    fire(64, 256)
    return chain.convolution(1000, 1, end="relu").average().flatten().model()


MODELS = {"vgg16": vgg16, "alexnet": alexnet, "mobilenet_v1": mobilenet_v1, "mobilenet_v2": mobilenet_v2, "squeezenet": squeezenet}


def write(name, folder):
    """The file of a network in a folder, written unless it is there."""
    path = pathlib.Path(folder) / f"{name}.onnx"
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        onnx.save(MODELS[name](), path)
    return path


if __name__ == "__main__":
    for one in sys.argv[2:] or MODELS:
        print(write(one, sys.argv[1]))
