#!/usr/bin/env python3
"""Makes a Skipstone weights file (HDF5) from a PyTorch state dict.

The state dict may be wrapped in a checkpoint ("state_dict", "model_state_dict", "model", "net") and its names may begin with
"module.". It must hold exactly the tensors of the network; the number of classes is its own. PyTorch is not needed, and nothing in
the file is run.
"""

import argparse
import os
import pathlib
import re
import sys
import tempfile
import tomllib

try:
    import h5py
    import numpy
except ImportError as missing:
    sys.exit(f"convert_weights.py: {missing}; install Debian's package: apt-get install python3-h5py")

from torch_file import Tensor, TorchFileError, Unknown, read_torch_file

NETWORKS = pathlib.Path(__file__).resolve().parent.parent / "profiles" / "networks"
WRAPPERS = ("state_dict", "model_state_dict", "model", "net")
IMAGENET_MEAN = (0.485, 0.456, 0.406)  # torchvision's
IMAGENET_STD = (0.229, 0.224, 0.225)
BATCH_NORM = ("weight", "bias", "running_mean", "running_var")
CLASSES = "classes"  # a dimension that the file decides


class ConversionError(Exception):
    """The user's input is wrong; the message says where and what."""


def read_profile(name):
    """The network profile of that name under profiles/networks, or in that file."""
    path = pathlib.Path(name)
    if path.suffix != ".toml":
        path = NETWORKS / f"{name}.toml"
        if not path.exists():
            known = ", ".join(sorted(file.stem for file in NETWORKS.glob("*.toml")))
            raise ConversionError(f"--network {name}: there is no such profile; known are {known}")
    try:
        with open(path, "rb") as file:
            profile = tomllib.load(file)
    except (OSError, tomllib.TOMLDecodeError) as error:
        raise ConversionError(f"{path}: cannot be read ({error})") from error
    missing = [key for key in ("name", "stages") if key not in profile]
    if missing:
        raise ConversionError(f"{path}: is no network profile ({missing[0]} is missing)")
    return profile


def expected_tensors(profile):
    """Name -> shape of every tensor of the network, torchvision's names (design: the generated network's weight_tensors())."""
    tensors = {}
    width = profile.get("width", 64)
    expansion = profile.get("expansion", 4)
    imagenet = profile.get("stem", "imagenet") == "imagenet"

    def convolution(name, norm, inputs, outputs, kernel):
        tensors[f"{name}.weight"] = (outputs, inputs, kernel, kernel)
        for statistic in BATCH_NORM:
            tensors[f"{norm}.{statistic}"] = (outputs,)

    convolution("conv1", "bn1", 3, width, 7 if imagenet else 3)
    channels = width
    for stage, blocks in enumerate(profile["stages"]):
        inner = width << stage
        outer = inner * expansion
        for index in range(blocks):
            prefix = f"layer{stage + 1}.{index}"
            path = [(channels, inner, 1), (inner, inner, 3), (inner, outer, 1)]
            if profile.get("block", "bottleneck") == "basic":
                path = [(channels, inner, 3), (inner, outer, 3)]
            for number, (inputs, outputs, kernel) in enumerate(path, 1):
                convolution(f"{prefix}.conv{number}", f"{prefix}.bn{number}", inputs, outputs, kernel)
            changes = channels != outer or (stage > 0 and index == 0)
            if changes and profile.get("shortcut", "projection") == "projection":
                convolution(f"{prefix}.downsample.0", f"{prefix}.downsample.1", channels, outer, 1)
            channels = outer
    head = "fc" if imagenet else "linear"
    tensors[f"{head}.weight"] = (CLASSES, channels)
    tensors[f"{head}.bias"] = (CLASSES,)
    return tensors


def find_state_dict(content):
    """The dictionary of tensors in what torch.save wrote, "module." prefixes taken off."""
    seen = content
    for _ in range(3):
        if not isinstance(seen, dict):
            break
        if seen and all(isinstance(key, str) for key in seen) and any(isinstance(v, Tensor) for v in seen.values()):
            return {re.sub(r"^(module\.)+", "", key): v for key, v in seen.items() if isinstance(v, Tensor)}
        seen = next((seen[key] for key in WRAPPERS if key in seen), None)
    if isinstance(seen, Unknown):
        raise ConversionError(f"holds a whole pickled model ({seen.name}), not a state dict; "
                              "save model.state_dict() instead")
    what = f"a dictionary of {', '.join(map(str, list(content)[:5]))}" if isinstance(content, dict) else (
        f"a {type(content).__name__}")
    raise ConversionError(f"holds no state dict ({what}); save model.state_dict(), bare or under 'state_dict'")


def some(names):
    names = sorted(names)
    return ", ".join(names[:5]) + (f" and {len(names) - 5} more" if len(names) > 5 else "")


def matches(shape, expected):
    return len(shape) == len(expected) and all(e in (CLASSES, n) for n, e in zip(shape, expected))


def select(state, profile):
    """Name -> float array of every tensor of the network; raises ConversionError unless `state` holds them and no others."""
    expected = expected_tensors(profile)
    state = {name: tensor for name, tensor in state.items() if not name.endswith(".num_batches_tracked")}
    for ours, theirs in (("fc", "linear"), ("linear", "fc")):  # the last layer goes by either name
        if f"{ours}.weight" in expected and f"{ours}.weight" not in state:
            for part in ("weight", "bias"):
                if f"{theirs}.{part}" in state:
                    state[f"{ours}.{part}"] = state.pop(f"{theirs}.{part}")
    network = profile["name"]
    if missing := expected.keys() - state.keys():
        raise ConversionError(f"has not all tensors of {network}: {some(missing)} missing")
    if surplus := state.keys() - expected.keys():
        raise ConversionError(f"has tensors that {network} has not: {some(surplus)}; is it another network?")
    weights = {}
    for name, shape in expected.items():
        if not matches(state[name].shape, shape):
            raise ConversionError(f"{name} has shape {list(state[name].shape)}; {network} needs "
                                  f"[{', '.join(map(str, shape))}]")
        values = state[name].array()
        if values.dtype.kind != "f":
            raise ConversionError(f"{name} holds {values.dtype} instead of floating-point numbers (a quantised network?)")
        if values.size == 0:
            raise ConversionError(f"{name} is empty")
        if not numpy.isfinite(values).all():
            raise ConversionError(f"{name} holds NaN or infinity")
        if name.endswith(".running_var") and (values < 0).any():
            raise ConversionError(f"{name} holds a negative variance")
        weights[name] = values
    head = next(name for name, shape in expected.items() if shape == (CLASSES,))
    if weights[head].shape[0] != weights[head.replace(".bias", ".weight")].shape[0]:
        raise ConversionError(f"{head} and {head.replace('.bias', '.weight')} differ in the number of classes")
    return weights


def as_stored(name, values, half):
    """float32, or float16 for convolutions and the last layer's matrix (batch norm and bias stay float32)."""
    kind = numpy.float16 if half and values.ndim > 1 else numpy.float32
    with numpy.errstate(over="ignore"):
        stored = values.astype(kind)
    if not numpy.isfinite(stored).all():
        raise ConversionError(f"{name} has values too large for {numpy.dtype(kind).name}"
                              + ("; leave --float16 away" if half else ""))
    return stored


def write(destination, weights, attributes, half):
    """Writes the weights file beside its final name, then renames it: it is whole or not there."""
    destination = pathlib.Path(destination)
    stored = {name: as_stored(name, values, half) for name, values in weights.items()}
    temporary = None
    try:
        handle, temporary = tempfile.mkstemp(prefix=destination.name + ".", suffix=".part", dir=destination.parent)
        os.close(handle)
        with h5py.File(temporary, "w") as file:
            for name, values in stored.items():
                file.create_dataset(name, data=values)
            for name, value in attributes.items():
                file.attrs[name] = value
        mask = os.umask(0)
        os.umask(mask)
        os.chmod(temporary, 0o666 & ~mask)  # mkstemp's files are the owner's alone
        os.replace(temporary, destination)
        temporary = None
    except OSError as error:
        raise ConversionError(f"{destination}: cannot be written ({error})") from error
    finally:
        if temporary is not None:
            os.unlink(temporary)


def three_numbers(text):
    values = [float(part) for part in text.split(",")]
    if len(values) != 3 or not all(numpy.isfinite(values)):
        raise ValueError(text)
    return values


def three_positive_numbers(text):
    values = three_numbers(text)
    if min(values) <= 0:
        raise ValueError(text)
    return values


def pixels(text):
    value = int(text)
    if not 1 <= value <= 4096:
        raise ValueError(text)
    return value


def parse_arguments(arguments):
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("source", metavar="SOURCE", help="PyTorch file (.pt, .pth, .th)")
    parser.add_argument("destination", metavar="DESTINATION", help="weights file to write (.h5)")
    parser.add_argument("--network", required=True, metavar="PROFILE", help="network profile: a name, or a .toml file")
    parser.add_argument("--float16", action="store_true", help="store convolutions in half precision")
    parser.add_argument("--input-size", type=pixels, metavar="N",
                        help="height and width that the network was trained for (default: the profile's)")
    parser.add_argument("--source", dest="origin", default="", metavar="TEXT",
                        help="where the weights come from (default: the file's name)")
    parser.add_argument("--license", default="not stated", metavar="TEXT", help="their licence")
    parser.add_argument("--mean", type=three_numbers, default=list(IMAGENET_MEAN), metavar="R,G,B",
                        help="of the training images, values in 0..1 (default: ImageNet's)")
    parser.add_argument("--std", type=three_positive_numbers, default=list(IMAGENET_STD), metavar="R,G,B",
                        help="likewise")
    return parser.parse_args(arguments)


def convert(arguments):
    profile = read_profile(arguments.network)
    try:
        weights = select(find_state_dict(read_torch_file(arguments.source)), profile)
    except OSError as error:
        raise ConversionError(f"{arguments.source}: cannot be read ({error.strerror})") from error
    except (TorchFileError, ConversionError) as error:
        raise ConversionError(f"{arguments.source}: {error}") from error
    classes = next(reversed(weights.values())).shape[0]
    attributes = {
        "network": profile["name"], "input_size": arguments.input_size or profile.get("input", 224),
        "input_mean": numpy.array(arguments.mean), "input_std": numpy.array(arguments.std), "classes": classes,
        "source": arguments.origin or pathlib.Path(arguments.source).name, "license": arguments.license}
    write(arguments.destination, weights, attributes, arguments.float16)
    return (f"{arguments.destination}: {profile['name']}, {len(weights)} tensors, "
            f"{sum(values.size for values in weights.values()):,} values, {classes} classes")


def main():
    try:
        print(convert(parse_arguments(sys.argv[1:])))
    except ConversionError as error:
        print(f"convert_weights.py: {error}", file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
