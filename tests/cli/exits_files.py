"""A network with exits as files, made with h5py alone: weights with heads, and rules; and what comes out, computed with numpy."""

import hashlib
import json
import pathlib

import h5py
import numpy

import graph_weights

BLOCKS = 3
AFTER = [f"b{block}.conv" for block in range(1, BLOCKS + 1)]  # the blocks behind which the exits are


def head(after, classes=10):
    """An average over the image, and a fully connected operator."""
    return {"format": "skipstone-graph", "version": 1, "input": [32, 32, 8], "input_axes": "hwc", "output_axes": "c", "output": 2,
            "operators": [{"name": f"exit.{after}.mean", "is": "global average"},
                          {"name": f"exit.{after}.fc", "is": "fully connected", "outputs": classes}]}


def head_tensors():
    random = numpy.random.default_rng(5)
    return {name: values for after in AFTER for name, values in (
        (f"exit.{after}.fc.weight", (2 * random.normal(size=(10, 8))).astype("float32")),
        (f"exit.{after}.fc.bias", random.normal(size=10).astype("float32")))}


def content():
    return graph_weights.graph(height=32, width=32, blocks=BLOCKS)


def write_weights(path):
    exits = [{"after": after, "graph": head(after)} for after in AFTER]
    graph_weights.write(path, content(), {"exits": json.dumps(exits, separators=(",", ":"))})
    with h5py.File(path, "a", libver="latest") as file:
        for name, values in head_tensors().items():
            file[name] = values
    return str(path)


def write_rules(path, weights, thresholds):
    """thresholds: {block: threshold}, in the chain's order."""
    sha256 = hashlib.sha256(pathlib.Path(weights).read_bytes()).hexdigest()
    leaving = [1 / (len(thresholds) + 1)] * (len(thresholds) + 1)
    text = f'format = "skipstone-exit-rules"\nversion = 1\nnetwork = "{graph_weights.NAME}"\nweights_sha256 = "{sha256}"\ntables = ["choose.h5"]\n'
    text += "".join(f'\n[[rules]]\nexit = "{after}"\nthreshold = {threshold!r}\n' for after, threshold in thresholds.items())
    text += f"\n[[promised]]\ndropped = []\naccuracy = 0.9\nmean_macs = 1e6\nleaving = {leaving}\n"
    pathlib.Path(path).write_text(text)
    return str(path)


def verdicts(image):
    """Of an image [32,32,3] as the network reads it: (class, confidence) of each exit, and of the end."""
    graph, tensors = content(), head_tensors()
    outcomes = []
    for block, after in enumerate(AFTER):
        features = graph_weights.logits({**graph, "output": 2 + 3 * (block + 1)}, image).mean(axis=(0, 1))
        outcomes.append(tensors[f"exit.{after}.fc.weight"] @ features + tensors[f"exit.{after}.fc.bias"])
    outcomes.append(graph_weights.logits(graph, image))
    return [(int(numpy.argmax(x)), float(1 / numpy.exp(x - x.max()).sum())) for x in outcomes]


def cifar_batch():
    """A CIFAR-10 batch of ten images that differ much, with the labels 0 to 9."""
    random = numpy.random.default_rng(17)
    records = b""
    for label in range(10):
        image = random.uniform(0, 255, (3, 1, 1)) + random.uniform(10, 120) * random.normal(size=(3, 32, 32))
        records += bytes([label]) + numpy.clip(image, 0, 255).astype(numpy.uint8).tobytes()
    return records


def cifar_images(batch):
    """label -> image as the network reads it, of a CIFAR-10 batch each of whose labels is there once."""
    records = numpy.frombuffer(batch, dtype=numpy.uint8).reshape(-1, 3073)
    pixels = records[:, 1:].reshape(-1, 3, 32, 32).transpose(0, 2, 3, 1) / 255
    return {int(record[0]): (image - 0.5) / 0.25 for record, image in zip(records, pixels)}


def thresholds_between(confidences):
    """Of each exit's confidences one value in the widest gap near their middle, which no rounding can cross."""
    found = []
    for values in confidences:
        ordered = sorted(values)
        middle = range(len(ordered) // 3, 2 * len(ordered) // 3)
        lower = max(middle, key=lambda i: ordered[i + 1] - ordered[i])
        found.append(round((ordered[lower] + ordered[lower + 1]) / 2, 6))
    return found
