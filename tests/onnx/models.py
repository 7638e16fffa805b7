"""Small models in ONNX that together use every operator, attribute and habit of exporters that Skipstone reads. Each is made by a function
of this file, under a list of opsets; needs the package onnx."""

import numpy
import onnx
from onnx import TensorProto, helper, numpy_helper

NEWEST = onnx.defs.onnx_opset_version()
FROM_7 = (7, 9, 11, 13, 17, 18, NEWEST)
CASES = {}  # name -> (function, opsets)


def case(*opsets):
    def add(function):
        CASES[function.__name__] = (function, opsets or (13,))
        return function
    return add


class Graph:
    """A model that grows node by node; weights come from a random generator of its own."""

    def __init__(self, opset, shape=("N", 3, 8, 8)):
        self.opset, self.shape = opset, tuple(shape)
        self.random = numpy.random.default_rng(7)
        self.nodes, self.initializers, self.repeated = [], [], []
        self.x = "x"
        self.ir_version = 3 if opset < 9 else 8 if opset < 18 else onnx.IR_VERSION
        self.external = False

    def node(self, kind, *inputs, outputs=1, name=None, **attributes):
        number = len(self.nodes)
        names = [f"t{number}" if outputs == 1 else f"t{number}_{i}" for i in range(outputs)]
        self.nodes.append(helper.make_node(kind, list(inputs), names, name=f"n{number}" if name is None else name, **attributes))
        return names[0] if outputs == 1 else names

    def initializer(self, values, name=None):
        name = name or f"w{len(self.initializers)}"
        self.initializers.append(numpy_helper.from_array(numpy.asarray(values), name))
        return name

    def weight(self, *shape, scale=None):
        """Normal numbers, divided by the root of what they are summed over."""
        fan_in = numpy.prod(shape[1:]) if len(shape) > 1 else 1
        values = self.random.standard_normal(shape) * (scale if scale is not None else numpy.sqrt(2 / fan_in))
        return self.initializer(values.astype(numpy.float32))

    def constant(self, values, kind=numpy.float32):
        """Of a Constant node."""
        return self.node("Constant", value=numpy_helper.from_array(numpy.asarray(values, kind)))

    def whole(self, *values):
        return self.initializer(numpy.array(values, numpy.int64))

    def convolution(self, x, inputs, outputs, kernel=3, bias=True, groups=1, **attributes):
        kernel = (kernel, kernel) if isinstance(kernel, int) else kernel
        if groups != 1:
            attributes["group"] = groups
        return self.node("Conv", x, self.weight(outputs, inputs // groups, *kernel), *([self.weight(outputs, scale=0.3)] if bias else []),
                         kernel_shape=list(kernel), **attributes)

    def gemm(self, x, inputs, outputs):
        return self.node("Gemm", x, self.weight(outputs, inputs), self.weight(outputs, scale=0.3), transB=1)

    def axes(self, kind, x, axes, since, **attributes):
        """A node whose axes are an attribute before an opset, and an input from then on."""
        if self.opset < since:
            return self.node(kind, x, axes=list(axes), **attributes)
        return self.node(kind, x, self.whole(*axes), **attributes)

    def classifier(self, x, inputs, outputs=5):
        flat = self.node("Flatten", self.node("GlobalAveragePool", x), axis=1)
        return self.gemm(flat, inputs, outputs)

    def model(self, *outputs):
        inputs = [helper.make_tensor_value_info(self.x, TensorProto.FLOAT, self.shape)]
        if self.ir_version < 4:  # initializers are inputs, too
            inputs += [helper.make_tensor_value_info(t.name, t.data_type, t.dims) for t in self.initializers]
        results = [helper.make_tensor_value_info(name, TensorProto.FLOAT, None) for name in outputs]
        graph = helper.make_graph(self.nodes, "test", inputs, results, self.initializers)
        model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", self.opset)], ir_version=self.ir_version,
                                  producer_name="skipstone's tests")
        # A checker wants to know the outputs' shapes; those of all other tensors are left out, as exporters do.
        for mine, inferred in zip(model.graph.output, onnx.shape_inference.infer_shapes(model, data_prop=True).graph.output):
            mine.CopyFrom(inferred)
            if not mine.type.tensor_type.HasField("shape"):
                mine.CopyFrom(helper.make_tensor_value_info(mine.name, TensorProto.FLOAT, ("N", "classes")))
        return model


# Convolutions

@case(*FROM_7)
def convolutions(g):
    x = g.node("Relu", g.convolution(g.x, 3, 8, pads=[1, 1, 1, 1]))
    x = g.node("Relu", g.convolution(x, 8, 8, pads=[1, 1, 1, 1], strides=[2, 2], bias=False))
    return g.classifier(x, 8)


@case(7, 13)
def convolution_asymmetric(g):
    x = g.convolution(g.x, 3, 6, (3, 5), pads=[0, 1, 2, 3], strides=[1, 2])
    return g.classifier(g.convolution(x, 6, 4, (2, 2), pads=[1, 0, 0, 1]), 4)


@case(7, 13)
def convolution_same_upper(g):
    x = g.convolution(g.x, 3, 6, 3, auto_pad="SAME_UPPER", strides=[2, 2])
    return g.classifier(g.convolution(x, 6, 4, (2, 4), auto_pad="SAME_UPPER"), 4)


@case(7, 13)
def convolution_same_lower(g):
    x = g.convolution(g.x, 3, 6, 3, auto_pad="SAME_LOWER", strides=[2, 2])
    return g.classifier(g.convolution(x, 6, 4, (2, 4), auto_pad="SAME_LOWER"), 4)


@case(7, 13)
def convolution_valid(g):
    return g.classifier(g.convolution(g.x, 3, 6, 3, auto_pad="VALID", strides=[2, 1]), 6)


@case(7, 13)
def convolution_dilated(g):
    return g.classifier(g.convolution(g.x, 3, 6, 3, dilations=[2, 3], pads=[2, 3, 2, 3]), 6)


@case(7, 13)
def convolution_grouped(g):
    x = g.convolution(g.x, 3, 8, 1)
    x = g.convolution(x, 8, 12, 3, groups=4, pads=[1, 1, 1, 1])
    x = g.convolution(x, 12, 12, 3, groups=12, pads=[1, 1, 1, 1], strides=[2, 2])
    return g.classifier(g.convolution(x, 12, 24, 3, groups=12, bias=False), 24)


@case(7, 13)
def convolution_without_kernel_shape(g):
    return g.classifier(g.node("Conv", g.x, g.weight(6, 3, 3, 3)), 6)


@case(7, 13, NEWEST)
def convolution_1d(g):
    g.shape = ("N", 4, 20)
    x = g.node("Relu", g.node("Conv", g.x, g.weight(8, 4, 5), g.weight(8, scale=0.3), kernel_shape=[5], strides=[2], pads=[1, 2]))
    x = g.node("MaxPool", x, kernel_shape=[2], strides=[2])
    return g.gemm(g.node("Flatten", g.node("GlobalAveragePool", x)), 8, 5)


@case(13)
def fully_connected_1d(g):
    g.shape = ("N", 1, 16)
    x = g.node("Conv", g.x, g.weight(4, 1, 3), pads=[1, 1])
    x = g.node("AveragePool", x, kernel_shape=[2], strides=[2])
    return g.node("Gemm", g.node("Flatten", x), g.weight(5, 32), g.weight(5, scale=0.3), transB=1)


# Fully connected

@case(*FROM_7)
def flatten_keeps_channels_first(g):
    x = g.convolution(g.x, 3, 4, 3)
    return g.node("Gemm", g.node("Flatten", x, axis=1), g.weight(5, 4 * 6 * 6), g.weight(5, scale=0.3), transB=1)


@case(7, 13)
def gemm_variants(g):
    g.shape = ("N", 12)
    x = g.node("Gemm", g.x, g.weight(12, 8, scale=0.3), g.weight(8, scale=0.3), alpha=0.5, beta=2.0)
    x = g.node("Gemm", g.node("Tanh", x), g.weight(6, 8), g.weight(1, scale=1.0), transB=1)
    return g.node("Gemm", x, g.weight(6, 4), g.weight(1, 4, scale=0.5)) if g.opset < 11 else g.node("Gemm", x, g.weight(6, 4))


@case(7, 13, NEWEST)
def matmul_and_bias(g):
    g.shape = ("N", 10)
    x = g.node("Add", g.node("MatMul", g.x, g.weight(10, 8, scale=0.3)), g.weight(8, scale=0.3))
    x = g.node("Add", g.weight(6, scale=0.3), g.node("MatMul", g.node("Relu", x), g.weight(8, 6, scale=0.3)))
    return g.node("Softmax", x, axis=1)


@case(13)
def matmul_of_rows(g):
    g.shape = ("N", 7, 10)
    x = g.node("Relu", g.node("MatMul", g.x, g.weight(10, 8, scale=0.3)))
    return g.node("MatMul", g.axes("ReduceMean", x, [1], 18, keepdims=0), g.weight(8, 5, scale=0.3))


@case(7, 13)
def reshape_then_gemm(g):
    x = g.node("Reshape", g.convolution(g.x, 3, 4, 3), g.whole(-1, 144))
    return g.gemm(x, 144, 5)


@case(13)
def reshape_with_zero(g):
    x = g.node("Reshape", g.convolution(g.x, 3, 4, 3), g.whole(0, -1))
    return g.gemm(x, 144, 5)


@case(13)
def unflatten(g):
    g.shape = ("N", 48)
    x = g.node("Gemm", g.x, g.weight(64, 48), transB=1)
    return g.classifier(g.convolution(g.node("Reshape", x, g.whole(-1, 4, 4, 4)), 4, 6, 3), 6)


# Batch norms and other work per channel

def norm(g, x, channels, **attributes):
    positive = g.initializer((g.random.random(channels) + 0.5).astype(numpy.float32))
    return g.node("BatchNormalization", x, g.weight(channels, scale=1.0), g.weight(channels, scale=0.5), g.weight(channels, scale=0.5), positive, **attributes)


@case(*FROM_7)
def batch_norm(g):
    x = g.node("Relu", norm(g, g.convolution(g.x, 3, 8, 3, bias=False), 8, epsilon=1e-3))
    return g.classifier(g.node("Relu", norm(g, g.convolution(x, 8, 6, 3), 6)), 6)


@case(9, 13)
def batch_norm_without_convolution(g):
    x = norm(g, g.x, 3)
    x = g.convolution(g.node("Relu", x), 3, 6, 3)
    return g.classifier(norm(g, g.node("MaxPool", x, kernel_shape=[2, 2], strides=[2, 2]), 6), 6)


@case(7)
def batch_norm_with_momentum(g):
    return g.classifier(norm(g, g.convolution(g.x, 3, 8, 3), 8, momentum=0.5), 8)


@case(13)
def batch_norm_of_rows(g):
    g.shape = ("N", 12)
    return g.node("Gemm", g.node("Relu", norm(g, g.node("Gemm", g.x, g.weight(8, 12), transB=1), 8)), g.weight(8, 5))


@case(7, 13)
def scale_and_shift(g):
    x = g.convolution(g.x, 3, 6, 3)
    x = g.node("Add", g.node("Mul", x, g.weight(6, 1, 1, scale=1.0)), g.weight(1, 6, 1, 1, scale=0.5))
    x = g.node("Sub", x, g.constant(0.25))
    x = g.node("Div", x, g.initializer(numpy.array([2.0], numpy.float32)))
    x = g.node("Sub", g.constant([1.5]), x)
    return g.classifier(g.node("Mul", x, g.constant(-0.75)), 6)


@case(7, 13)
def spatial_constant(g):
    x = g.convolution(g.x, 3, 6, 3)
    return g.classifier(g.node("Relu", g.node("Add", x, g.weight(1, 6, 6, 6, scale=0.5))), 6)


@case(13)
def preprocessing_inside(g):
    g.shape = ("N", 3, 8, 8)
    x = g.node("Div", g.node("Sub", g.x, g.weight(1, 3, 1, 1, scale=0.3)), g.initializer(numpy.full((1, 3, 1, 1), 0.25, numpy.float32)))
    return g.classifier(g.convolution(x, 3, 6, 3), 6)


# Pools

@case(*FROM_7)
def max_pool(g):
    x = g.node("MaxPool", g.convolution(g.x, 3, 6, 3, pads=[1, 1, 1, 1]), kernel_shape=[3, 3], strides=[2, 2], pads=[1, 1, 1, 1])
    return g.classifier(g.node("MaxPool", x, kernel_shape=[2, 2]), 6)


@case(7, 13)
def max_pool_same(g):
    x = g.node("MaxPool", g.convolution(g.x, 3, 6, 3), kernel_shape=[3, 3], strides=[2, 2], auto_pad="SAME_UPPER")
    return g.classifier(g.node("MaxPool", x, kernel_shape=[2, 2], strides=[2, 2], auto_pad="SAME_LOWER"), 6)


@case(10, 13, NEWEST)
def max_pool_ceil(g):
    g.shape = ("N", 3, 9, 10)
    x = g.node("MaxPool", g.convolution(g.x, 3, 6, 1), kernel_shape=[3, 3], strides=[2, 2], ceil_mode=1)
    return g.classifier(g.node("MaxPool", x, kernel_shape=[2, 2], strides=[2, 2], ceil_mode=1, pads=[0, 0, 1, 1]), 6)


@case(10, 13)
def max_pool_dilated(g):
    return g.classifier(g.node("MaxPool", g.convolution(g.x, 3, 6, 1), kernel_shape=[2, 3], dilations=[3, 2]), 6)


@case(*FROM_7)
def average_pool(g):
    x = g.node("AveragePool", g.convolution(g.x, 3, 6, 3, pads=[1, 1, 1, 1]), kernel_shape=[3, 3], strides=[2, 2], pads=[1, 1, 1, 1])
    return g.classifier(x, 6)


@case(7, 13, NEWEST)
def average_pool_counts_padding(g):
    x = g.node("AveragePool", g.convolution(g.x, 3, 6, 3), kernel_shape=[3, 3], pads=[1, 0, 2, 1], count_include_pad=1)
    return g.classifier(x, 6)


@case(10, 13)
def average_pool_ceil(g):
    g.shape = ("N", 3, 9, 10)
    x = g.node("AveragePool", g.convolution(g.x, 3, 6, 1), kernel_shape=[3, 3], strides=[2, 2], ceil_mode=1)
    return g.classifier(x, 6)


@case(19, NEWEST)
def average_pool_ceil_counts_padding(g):
    g.shape = ("N", 3, 9, 10)
    x = g.node("AveragePool", g.convolution(g.x, 3, 6, 1), kernel_shape=[3, 3], strides=[2, 2], pads=[1, 1, 0, 0], ceil_mode=1, count_include_pad=1)
    return g.classifier(x, 6)


@case(19)
def average_pool_dilated(g):
    return g.classifier(g.node("AveragePool", g.convolution(g.x, 3, 6, 1), kernel_shape=[2, 2], dilations=[2, 3]), 6)


@case(7, 13)
def average_pool_same(g):
    return g.classifier(g.node("AveragePool", g.convolution(g.x, 3, 6, 1), kernel_shape=[3, 3], strides=[2, 2], auto_pad="SAME_UPPER"), 6)


@case(7, 13)
def global_max_pool(g):
    return g.gemm(g.node("Flatten", g.node("GlobalMaxPool", g.convolution(g.x, 3, 6, 3))), 6, 5)


@case(7, 13, 18)
def reductions(g):
    x = g.convolution(g.x, 3, 6, 3)
    a = g.axes("ReduceMean", x, [2, 3], 18, keepdims=1)
    b = g.axes("ReduceMax", x, [-1, -2], 18, keepdims=1)
    c = g.axes("ReduceSum", x, [2, 3], 13, keepdims=1)
    d = g.axes("ReduceMin", x, [2, 3], 18, keepdims=1)
    x = g.node("Concat", a, b, g.node("Mul", c, g.constant(0.05)), d, axis=1)
    return g.gemm(g.node("Flatten", x), 24, 5)


@case(7, 13, NEWEST)
def local_response_norm(g):
    x = g.node("LRN", g.convolution(g.x, 3, 8, 3), size=5, alpha=0.5, beta=0.75, bias=2.0)
    return g.classifier(g.convolution(x, 8, 4, 3), 4)


# Activations

@case(*FROM_7)
def activations(g):
    x = g.convolution(g.x, 3, 6, 1)
    for kind, attributes in (("LeakyRelu", {"alpha": 0.1}), ("Elu", {"alpha": 0.7}), ("Sigmoid", {}), ("Tanh", {}), ("HardSigmoid", {"alpha": 0.3, "beta": 0.4})):
        x = g.convolution(g.node(kind, x, **attributes), 6, 6, 1)
    return g.classifier(x, 6)


@case(7, 13)
def activations_with_defaults(g):
    x = g.convolution(g.x, 3, 6, 1)
    for kind in ("LeakyRelu", "Elu", "HardSigmoid"):
        x = g.convolution(g.node(kind, x), 6, 6, 1)
    return g.classifier(x, 6)


@case(7, 9, 11, 13, NEWEST)
def clip(g):
    x = g.convolution(g.x, 3, 6, 1)
    if g.opset < 11:
        x = g.node("Clip", x, min=0.0, max=6.0)
        x = g.node("Clip", g.convolution(x, 6, 6, 1), max=0.5)
        return g.classifier(g.node("Clip", g.convolution(x, 6, 6, 1), min=-0.5), 6)
    x = g.node("Clip", x, g.constant(0.0), g.constant(6.0))
    x = g.node("Clip", g.convolution(x, 6, 6, 1), "", g.initializer(numpy.float32(0.5)))
    return g.classifier(g.node("Clip", g.convolution(x, 6, 6, 1), g.initializer(numpy.float32(-0.5))), 6)


@case(13)
def clip_by_min_and_max(g):
    x = g.node("Min", g.node("Max", g.convolution(g.x, 3, 6, 1), g.constant(0.0)), g.constant(1.0))
    return g.classifier(x, 6)


@case(7, 9, 16)
def prelu(g):
    x = g.node("PRelu", g.convolution(g.x, 3, 6, 1), g.weight(6, 1, 1, scale=0.3))
    return g.classifier(g.node("PRelu", g.convolution(x, 6, 4, 3), g.weight(1, scale=0.3)), 4)


@case(14, NEWEST)
def hard_swish(g):
    return g.classifier(g.convolution(g.node("HardSwish", g.convolution(g.x, 3, 6, 1)), 6, 6, 3), 6)


@case(11, 13)
def hard_swish_spelled_out(g):
    x = g.convolution(g.x, 3, 6, 1)
    gate = g.node("Clip", g.node("Add", x, g.constant(3.0)), g.constant(0.0), g.constant(6.0))
    x = g.convolution(g.node("Div", g.node("Mul", x, gate), g.constant(6.0)), 6, 6, 3)
    gate = g.node("Mul", g.node("Clip", g.node("Add", x, g.constant(3.0)), g.constant(0.0), g.constant(6.0)), g.constant(1 / 6))
    x = g.convolution(g.node("Mul", gate, x), 6, 6, 3)
    return g.classifier(g.node("Mul", x, g.node("HardSigmoid", x, alpha=1 / 6, beta=0.5)), 6)


@case(13)
def silu_spelled_out(g):
    x = g.convolution(g.x, 3, 6, 1)
    x = g.convolution(g.node("Mul", x, g.node("Sigmoid", x)), 6, 6, 3)
    return g.classifier(g.node("Mul", g.node("Sigmoid", x), x), 6)


@case(20, NEWEST)
def gelu(g):
    x = g.convolution(g.node("Gelu", g.convolution(g.x, 3, 6, 1)), 6, 6, 3)
    return g.classifier(g.node("Gelu", x, approximate="tanh"), 6)


@case(13)
def gelu_spelled_out(g):
    x = g.convolution(g.x, 3, 6, 1)
    half = g.node("Mul", x, g.node("Add", g.node("Erf", g.node("Div", x, g.constant(numpy.sqrt(2)))), g.constant(1.0)))
    return g.classifier(g.convolution(g.node("Mul", half, g.constant(0.5)), 6, 6, 3), 6)


@case(7, 13)
def elementwise_functions(g):
    x = g.node("Abs", g.convolution(g.x, 3, 6, 1))
    x = g.node("Sqrt", g.node("Add", x, g.constant(0.1)))
    x = g.node("Log", g.node("Add", x, g.constant(1.0)))
    x = g.node("Neg", g.node("Exp", g.node("Neg", x)))
    return g.classifier(g.convolution(g.node("Mul", x, x), 6, 6, 3), 6)


@case(13)
def softmax_over_channels(g):
    x = g.node("Softmax", g.convolution(g.x, 3, 6, 3), axis=1)
    return g.classifier(g.convolution(x, 6, 4, 3), 4)


@case(7, 11, 13)
def softmax_at_the_end(g):
    return g.node("Softmax", g.classifier(g.convolution(g.x, 3, 6, 3), 6), axis=1)


@case(7, 11)
def softmax_flattens(g):
    """Before opset 13 softmax is over all axes from its own on: here C, H and W."""
    g.shape = ("N", 3, 4, 4)
    return g.node("Softmax", g.convolution(g.x, 3, 4, 3), axis=1)


@case(7, 13)
def log_softmax(g):
    return g.node("LogSoftmax", g.classifier(g.convolution(g.x, 3, 6, 3), 6), axis=1)


# More than one tensor

@case(*FROM_7)
def residual(g):
    x = g.node("Relu", norm(g, g.convolution(g.x, 3, 8, 3, pads=[1, 1, 1, 1], bias=False), 8))
    for stride, inputs, outputs in ((1, 8, 8), (2, 8, 12), (1, 12, 12)):
        y = g.node("Relu", norm(g, g.convolution(x, inputs, outputs, 3, pads=[1, 1, 1, 1], strides=[stride, stride], bias=False), outputs))
        y = norm(g, g.convolution(y, outputs, outputs, 3, pads=[1, 1, 1, 1], bias=False), outputs)
        s = x if stride == 1 else norm(g, g.convolution(x, inputs, outputs, 1, strides=[2, 2], bias=False), outputs)
        x = g.node("Relu", g.node("Add", s, y))
    return g.classifier(x, 12)


@case(7, 13)
def concat(g):
    x = g.convolution(g.x, 3, 6, 1)
    x = g.node("Concat", x, g.node("Relu", g.convolution(x, 6, 4, 3, pads=[1, 1, 1, 1])), x, axis=1)
    return g.classifier(g.convolution(x, 16, 4, 3), 4)


@case(7, 13)
def concat_over_height(g):
    x = g.convolution(g.x, 3, 6, 1)
    x = g.node("Concat", x, g.convolution(x, 6, 6, 3, pads=[0, 1, 1, 1]), axis=2)
    return g.classifier(g.convolution(g.node("Concat", x, x, axis=-1 if g.opset >= 11 else 3), 6, 4, 3), 4)


@case(7, 13)
def sums(g):
    x = g.convolution(g.x, 3, 6, 1)
    x = g.node("Sum", x, g.node("Relu", x), g.convolution(x, 6, 6, 1))
    x = g.node("Max", g.node("Sub", x, g.convolution(x, 6, 6, 1)), g.convolution(x, 6, 6, 1))
    return g.classifier(g.node("Min", x, g.convolution(x, 6, 6, 1)), 6)


@case(7, 13)
def squeeze_and_excite(g):
    x = g.convolution(g.x, 3, 8, 3)
    s = g.node("Relu", g.convolution(g.node("GlobalAveragePool", x), 8, 4, 1))
    return g.classifier(g.node("Mul", x, g.node("Sigmoid", g.convolution(s, 4, 8, 1))), 8)


@case(13)
def squeeze_and_excite_by_matmul(g):
    x = g.convolution(g.x, 3, 8, 3)
    s = g.node("Flatten", g.node("GlobalAveragePool", x))
    s = g.node("Sigmoid", g.node("Gemm", g.node("Relu", g.node("Gemm", s, g.weight(8, 4))), g.weight(4, 8)))
    s = g.axes("Unsqueeze", s, [2, 3], 13)
    return g.classifier(g.node("Mul", s, x), 8)


@case(13)
def divides_tensors(g):
    x = g.convolution(g.x, 3, 6, 1)
    y = g.node("Add", g.node("Sigmoid", g.convolution(x, 6, 6, 1)), g.constant(0.5))
    return g.classifier(g.node("Div", x, y), 6)


@case(7, 13, 18)
def split(g):
    x = g.convolution(g.x, 3, 8, 1)
    if g.opset < 13:
        a, b, c = g.node("Split", x, outputs=3, axis=1, split=[2, 4, 2])
    else:
        a, b, c = g.node("Split", x, g.whole(2, 4, 2), outputs=3, axis=1)
    x = g.node("Concat", c, g.node("Relu", b), g.node("Add", a, c), axis=1)
    return g.classifier(g.convolution(x, 8, 4, 3), 4)


@case(13, 18)
def split_evenly(g):
    x = g.convolution(g.x, 3, 8, 1)
    a, b = g.node("Split", x, outputs=2, axis=1, **({"num_outputs": 2} if g.opset >= 18 else {}))
    return g.classifier(g.node("Mul", a, g.node("Sigmoid", b)), 4)


@case(7, 10, 13)
def slices(g):
    x = g.convolution(g.x, 3, 8, 1)

    def cut(x, axes, starts, ends, steps=None):
        if g.opset < 10:
            return g.node("Slice", x, axes=axes, starts=starts, ends=ends)
        return g.node("Slice", x, g.whole(*starts), g.whole(*ends), g.whole(*axes), *([g.whole(*steps)] if steps else []))

    x = g.node("Concat", cut(x, [1], [0], [3]), cut(x, [1], [-3], [2**62]), axis=1)
    x = cut(x, [2, 3], [1, 0], [-1, 7])
    if g.opset >= 10:
        x = cut(x, [2, 3], [0, 1], [100, 7], [2, 3])
    return g.classifier(g.convolution(x, 6, 4, 2), 4)


@case(7, 11, 13, 18)
def pads(g):
    x = g.convolution(g.x, 3, 6, 1)

    def pad(x, sides, mode="constant", value=0.0):
        if g.opset < 11:
            return g.node("Pad", x, pads=sides, mode=mode, value=value)
        return g.node("Pad", x, g.whole(*sides), *([g.initializer(numpy.float32(value))] if value else []), mode=mode)

    x = g.convolution(pad(x, [0, 0, 1, 2, 0, 0, 2, 1]), 6, 6, 3)
    x = g.convolution(pad(x, [0, 0, 1, 0, 0, 0, 0, 1], value=0.5), 6, 6, 3)
    x = g.convolution(pad(x, [0, 0, 2, 1, 0, 0, 1, 2], mode="reflect"), 6, 6, 3)
    return g.classifier(pad(x, [0, 0, 1, 1, 0, 0, 0, 2], mode="edge"), 6)


@case(13)
def pad_before_pool(g):
    x = g.node("Relu", g.convolution(g.x, 3, 6, 1))
    x = g.node("MaxPool", g.node("Pad", x, g.whole(0, 0, 1, 1, 0, 0, 1, 1)), kernel_shape=[3, 3], strides=[2, 2])
    return g.classifier(g.node("AveragePool", g.node("Pad", x, g.whole(0, 0, 1, 0, 0, 0, 0, 1)), kernel_shape=[2, 2]), 6)


# What only renames

@case(7, 13)
def identity_and_dropout(g):
    x = g.node("Identity", g.convolution(g.x, 3, 6, 3))
    x = g.node("Dropout", x) if g.opset >= 12 else g.node("Dropout", x, ratio=0.5)
    return g.node("Identity", g.classifier(g.node("Identity", x), 6))


@case(9, 13)
def casts(g):
    return g.classifier(g.node("Cast", g.convolution(g.node("Cast", g.x, to=TensorProto.FLOAT), 3, 6, 3), to=TensorProto.FLOAT), 6)


@case(7, 13)
def squeeze(g):
    x = g.axes("Squeeze", g.node("GlobalAveragePool", g.convolution(g.x, 3, 6, 3)), [2, 3], 13)
    return g.gemm(x, 6, 5)


@case(7, 13)
def channel_shuffle(g):
    x = g.convolution(g.x, 3, 12, 1, bias=False)
    x = g.node("Reshape", x, g.whole(-1, 3, 4, 8, 8) if g.opset > 7 else g.whole(0, 3, 4, 8, 8))
    x = g.node("Reshape", g.node("Transpose", x, perm=[0, 2, 1, 3, 4]), g.whole(-1, 12, 8, 8))
    return g.classifier(g.convolution(x, 12, 12, 3, groups=3), 12)


@case(13)
def space_to_depth(g):
    x = g.node("SpaceToDepth", g.convolution(g.x, 3, 4, 1), blocksize=2)
    return g.classifier(g.convolution(x, 16, 4, 3), 4)


@case(7, 13)
def nhwc_with_transposes(g):
    """As tf2onnx writes it."""
    g.shape = ("N", 8, 8, 3)
    x = g.node("Transpose", g.x, perm=[0, 3, 1, 2])
    x = g.node("Relu", g.convolution(x, 3, 6, 3, auto_pad="SAME_UPPER", strides=[2, 2]))
    x = g.node("MaxPool", x, kernel_shape=[2, 2], strides=[2, 2])
    x = g.node("Reshape", g.node("Transpose", x, perm=[0, 2, 3, 1]), g.whole(-1, 24))
    return g.node("Softmax", g.node("Add", g.node("MatMul", x, g.weight(24, 5, scale=0.3)), g.weight(5, scale=0.3)))


@case(13)
def nhwc_inside(g):
    g.shape = ("N", 8, 8, 3)
    x = g.node("Transpose", g.convolution(g.node("Transpose", g.x, perm=[0, 3, 1, 2]), 3, 6, 3), perm=[0, 2, 3, 1])
    x = g.node("Relu", g.node("Mul", g.node("Add", x, g.weight(6, scale=0.5)), g.weight(1, 1, 1, 6, scale=1.0)))
    x = g.node("Transpose", x, perm=[0, 3, 1, 2])
    x = g.node("Transpose", g.convolution(x, 6, 4, 3), perm=[0, 2, 3, 1])
    return g.node("MatMul", g.axes("ReduceMean", x, [1, 2], 18, keepdims=0), g.weight(4, 5))


@case(13)
def ends_in_an_image(g):
    return g.convolution(g.node("Relu", g.convolution(g.x, 3, 6, 3)), 6, 2, 3, pads=[1, 1, 1, 1])


@case(13)
def ends_in_rows(g):
    """As detectors do: [N, places, values]."""
    x = g.node("Transpose", g.convolution(g.x, 3, 8, 3), perm=[0, 2, 3, 1])
    return g.node("Softmax", g.node("Reshape", x, g.whole(-1, 72, 4)), axis=2)


@case(13)
def softmax_over_width(g):
    return g.node("Softmax", g.convolution(g.x, 3, 4, 3), axis=3)


# What is constant

@case(11, 13)
def shape_chain(g):
    """x.view(x.size(0), -1), as PyTorch exported it for years."""
    x = g.convolution(g.x, 3, 4, 3)
    batch = g.node("Gather", g.node("Shape", x), g.initializer(numpy.int64(0)), axis=0)
    batch = g.axes("Unsqueeze", batch, [0], 13)
    rest = g.axes("Unsqueeze", g.initializer(numpy.int64(-1)), [0], 13)
    return g.node("Gemm", g.node("Reshape", x, g.node("Concat", batch, rest, axis=0)), g.weight(5, 144), transB=1)


@case(13)
def computed_shape(g):
    x = g.convolution(g.x, 3, 4, 3)
    shape = g.node("Shape", x)
    channels = g.node("Slice", shape, g.whole(1), g.whole(4), g.whole(0))
    product = g.node("ReduceProd", channels, keepdims=1)
    return g.node("Gemm", g.node("Reshape", x, g.node("Concat", g.whole(-1), product, axis=0)), g.weight(5, 144), transB=1)


@case(9, 13)
def constant_of_shape(g):
    weights = g.node("ConstantOfShape", g.whole(6, 3, 3, 3), value=numpy_helper.from_array(numpy.array([0.1], numpy.float32)))
    return g.classifier(g.node("Conv", g.x, weights, g.node("ConstantOfShape", g.whole(6))), 6)


@case(9, 13)
def weights_in_constants(g):
    weights = (g.random.standard_normal((6, 3, 3, 3)) / 5).astype(numpy.float32)
    return g.classifier(g.node("Conv", g.x, g.constant(weights)), 6)


@case(13)
def computed_weights(g):
    """Weights that are put together from others: a transposed one, a scaled one, a reshaped one."""
    w = g.node("Transpose", g.weight(3, 6, 3, 3, scale=0.2), perm=[1, 0, 2, 3])
    w = g.node("Mul", w, g.constant(1.5))
    x = g.convolution(g.node("Conv", g.x, w), 6, 4, 3)
    w = g.node("Cast", g.node("Reshape", g.weight(20, scale=0.5), g.whole(4, 5)), to=TensorProto.FLOAT)
    return g.node("MatMul", g.node("Flatten", g.node("GlobalAveragePool", x)), w)


@case(13)
def half_weights(g):
    w = g.initializer((g.random.standard_normal((6, 3, 3, 3)) / 5).astype(numpy.float16))
    return g.classifier(g.node("Conv", g.x, g.node("Cast", w, to=TensorProto.FLOAT)), 6)


@case(13)
def shared_weights(g):
    w = g.weight(6, 6, 3, 3)
    x = g.convolution(g.x, 3, 6, 1)
    for _ in range(3):
        x = g.node("Relu", g.node("Conv", x, w, pads=[1, 1, 1, 1]))
    return g.classifier(x, 6)


@case(13)
def nodes_without_names(g):
    x = g.node("Relu", g.convolution(g.x, 3, 6, 3, name=""), name="")
    return g.classifier(g.convolution(x, 6, 4, 3, name=""), 4)


@case(13)
def nodes_with_awkward_names(g):
    x = g.node("Relu", g.convolution(g.x, 3, 6, 3, name="/layer.1/conv/../Conv"), name="same")
    x = g.node("Relu", g.convolution(x, 6, 6, 1, name="//x/./"))
    return g.classifier(g.convolution(x, 6, 4, 3, name="..", pads=[1, 1, 1, 1]), 4)


@case(13)
def fixed_batch(g):
    g.shape = (1, 3, 8, 8)
    x = g.node("Reshape", g.convolution(g.x, 3, 4, 3), g.whole(1, 144))
    return g.gemm(x, 144, 5)


@case(13)
def one_channel(g):
    g.shape = ("N", 1, 12, 8)
    return g.classifier(g.convolution(g.x, 1, 6, 3), 6)


@case(13)
def image_without_channels(g):
    """[N, H, W], as recordings have it."""
    g.shape = ("N", 12, 8)
    return g.classifier(g.convolution(g.axes("Unsqueeze", g.x, [1], 13), 1, 6, 3), 6)


@case(13)
def external_data(g):
    g.external = True
    return convolutions(g)


@case(13)
def several_outputs(g):
    x = g.node("Relu", g.convolution(g.x, 3, 6, 3))
    return g.classifier(x, 6), g.classifier(g.convolution(x, 6, 4, 3), 4, 3)


@case(13)
def unused_nodes(g):
    x = g.convolution(g.x, 3, 6, 3)
    g.convolution(x, 6, 4, 1)
    return g.classifier(x, 6)


@case(13, NEWEST)
def mobile(g):
    """Inverted residuals with ReLU6."""

    def relu6(x):
        return g.node("Clip", x, g.constant(0.0), g.constant(6.0))

    x = relu6(norm(g, g.convolution(g.x, 3, 8, 3, pads=[1, 1, 1, 1], strides=[2, 2], bias=False), 8))
    for _ in range(2):
        y = relu6(norm(g, g.convolution(x, 8, 24, 1, bias=False), 24))
        y = relu6(norm(g, g.convolution(y, 24, 24, 3, groups=24, pads=[1, 1, 1, 1], bias=False), 24))
        x = g.node("Add", x, norm(g, g.convolution(y, 24, 8, 1, bias=False), 8))
    return g.classifier(x, 8)


def build(name, opset):
    """The model of a case, its graph (with x's shape), and the names of its outputs."""
    graph = Graph(opset)
    outputs = CASES[name][0](graph)
    outputs = [outputs] if isinstance(outputs, str) else list(outputs)
    return graph.model(*outputs), graph, outputs
