"""A weights file that carries its network's graph, made with h5py alone, and what the network gives, computed with numpy."""

import json

import h5py
import numpy

NAME = "mine"


def conv(name, outputs, kernel=3, **more):
    return {"name": name, "is": "convolution", "kernel": [kernel, kernel], "padding": [kernel // 2] * 4, "outputs": outputs, "bias": True, **more}


def graph(height=16, width=16, channels=3, classes=10, blocks=1):
    """A stem, residual blocks with identity shortcuts, and a classifier; about 90 bytes of text an operator."""
    operators = [conv("net/stem/conv", 8), {"name": "stem.relu", "is": "ReLU"}]
    for block in range(1, blocks + 1):
        begin = len(operators)
        operators += [conv(f"b{block}.conv", 8), {"name": f"b{block}.add", "is": "add", "reads": [begin + 1, begin]},
                      {"name": f"b{block}.relu", "is": "ReLU"}]
    operators += [conv("last.conv", 16, stride=[2, 2]), {"name": "last.relu", "is": "ReLU"}, {"name": "mean", "is": "global average"},
                  {"name": "fc", "is": "fully connected", "outputs": classes}]
    return {"format": "skipstone-graph", "version": 1, "input": [height, width, channels], "input_axes": "hwc", "output_axes": "c",
            "output": len(operators), "operators": operators}


def tensors(content):
    """name -> values, of every operator with weights."""
    random = numpy.random.default_rng(1)
    channels, found = content["input"][2], {}
    for op in content["operators"]:
        if op["is"] == "convolution":
            shape = (op["outputs"], channels, *op["kernel"])
        elif op["is"] == "fully connected":
            shape = (op["outputs"], channels)
        else:
            continue
        channels = op["outputs"]
        found[op["name"] + ".weight"] = (random.normal(size=shape) / numpy.sqrt(numpy.prod(shape[1:]))).astype("float32")
        found[op["name"] + ".bias"] = (0.1 * random.normal(size=shape[0])).astype("float32")
    return found


def write(path, content=None, attributes=None, **sizes):
    """attributes: {name: value, or None to leave it out}."""
    content = content or graph(**sizes)
    channels = content["input"][2]
    said = {"network": NAME, "graph": json.dumps(content), "input_mean": [0.5] * channels, "input_std": [0.25] * channels, **(attributes or {})}
    with h5py.File(path, "w", libver="latest") as file:  # attributes of any size
        for name, value in said.items():
            if value is not None:
                file.attrs[name] = value
        for name, values in tensors(content).items():
            file[name] = values
    return str(path)


def logits(content, image):
    """What the network gives for an input [H,W,C], already as it reads it."""
    weights, given = tensors(content), [image.astype("float64")]
    for number, op in enumerate(content["operators"]):
        x = [given[tensor] for tensor in op.get("reads", [number])]
        if op["is"] == "convolution":
            w, stride = weights[op["name"] + ".weight"], op.get("stride", [1, 1])
            padded = numpy.pad(x[0], ((1, 1), (1, 1), (0, 0)))
            windows = numpy.lib.stride_tricks.sliding_window_view(padded, (3, 3), axis=(0, 1))[::stride[0], ::stride[1]]
            given.append(numpy.einsum("hwckl,ockl->hwo", windows, w) + weights[op["name"] + ".bias"])
        elif op["is"] == "ReLU":
            given.append(numpy.maximum(x[0], 0))
        elif op["is"] == "add":
            given.append(x[0] + x[1])
        elif op["is"] == "global average":
            given.append(x[0].mean(axis=(0, 1)))
        else:
            given.append(weights[op["name"] + ".weight"] @ x[0] + weights[op["name"] + ".bias"])
    return given[content["output"]]
