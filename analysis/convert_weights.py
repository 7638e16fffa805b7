#!/usr/bin/env python3
"""Makes a Skipstone weights file (HDF5) from a PyTorch state dict (.pt, .pth, .th) or a .safetensors file.

The state dict may be wrapped in a checkpoint ("state_dict", "model", "model_ema", …, also one in another), and its names may begin with
"module.", "_orig_mod.", "backbone." or the like. It must hold all tensors of the network, and none of another one; the number of classes
is its own. PyTorch is not needed, and nothing in the file is run.
"""

import argparse
import collections
import math
import os
import pathlib
import sys
import tempfile

import needs
import output_file


def three_shares(text):
    """Three numbers of 0 … 1; a wrong one is told with what may be meant."""
    try:
        values = [float(part) for part in text.split(",")]
    except ValueError:
        values = []
    if len(values) != 3 or not all(map(math.isfinite, values)):
        raise argparse.ArgumentTypeError(f"{text!r} is not three numbers R,G,B")
    if max(values) > 1:
        meant = ",".join(f"{value / 255:.4g}" for value in values)
        raise argparse.ArgumentTypeError(f"{text} is not of pixel values in 0…1; of values in 0…255, divide by 255: {meant}")
    return values


def mean(text):
    values = three_shares(text)
    if min(values) < 0:
        raise argparse.ArgumentTypeError(f"{text}: the mean of values in 0…1 is not below 0 (what is subtracted has no minus here)")
    return values


def deviation(text):
    values = three_shares(text)
    if min(values) <= 0:
        raise argparse.ArgumentTypeError(f"{text}: values are divided by it, so that it must be above 0")
    return values


def pixels(text):
    value = int(text)
    if not 1 <= value <= 4096:
        raise ValueError(text)
    return value


def parse_arguments(words=None):
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("source", metavar="SOURCE", help="PyTorch file (.pt, .pth, .th) or .safetensors")
    parser.add_argument("destination", metavar="DESTINATION", help="weights file to write (.h5)")
    parser.add_argument("--network", required=True, metavar="PROFILE", help="network profile: a name, or a .toml file")
    parser.add_argument("--key", metavar="KEY", help="where in the file the state dict is, if there are several: model_ema, checkpoint/ema, …")
    parser.add_argument("--float16", action="store_true", help="store convolutions in half precision")
    parser.add_argument("--input-size", type=pixels, metavar="N",
                        help="height and width that the network was trained for (default: the profile's)")
    parser.add_argument("--source", dest="origin", default="", metavar="TEXT",
                        help="where the weights come from (default: the file's name)")
    parser.add_argument("--license", default="not stated", metavar="TEXT", help="their licence")
    parser.add_argument("--mean", type=mean, default=[0.485, 0.456, 0.406], metavar="R,G,B",
                        help="of the training images, values in 0…1 (default: ImageNet's, torchvision's)")
    parser.add_argument("--std", type=deviation, default=[0.229, 0.224, 0.225], metavar="R,G,B",
                        help="likewise")
    return parser.parse_args(words)


try:
    import tomllib

    import h5py
    import numpy
except ImportError as missing:
    if __name__ == "__main__":
        parse_arguments()  # --help needs no modules
    sys.exit(needs.explain(missing, "python3-h5py", "h5py"))

from foreign_file import name_foreign  # noqa: E402
from safetensors_file import SafetensorsError, StoredTensor, is_safetensors, read_safetensors  # noqa: E402
from torch_file import Tensor, TorchFileError, Unknown, read_torch_file  # noqa: E402

NETWORKS = pathlib.Path(__file__).resolve().parent.parent / "profiles" / "networks"
# Where checkpoints hold the network; what comes first is taken where there are several.
WRAPPERS = ("state_dict", "model_state_dict", "model_state", "model", "net", "network", "module", "weights", "params", "model_ema", "ema",
            "state_dict_ema", "ema_state_dict", "ema_model", "model_ema_state_dict", "ema_model_state_dict", "averaged_model")
# Parts of names that wrappers put in, anywhere: DataParallel and its like, torch.compile, FSDP, activation checkpointing, Opacus, Fabric.
INSERTED = {"module", "_orig_mod", "_fsdp_wrapped_module", "_checkpoint_wrapped_module", "_module", "_forward_module"}
ANCHOR = "layer1.0.conv1.weight"  # of every network here
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


class Candidate:
    """Tensors of a dictionary in the file that may be the network's: by their names in the network, without wrappers' parts and prefix."""

    def __init__(self, path, prefix, tensors, outside, unread):
        self.path, self.prefix, self.tensors, self.outside, self.unread = path, prefix, tensors, outside, unread

    def label(self):
        return "/".join([*self.path, *([self.prefix[:-1]] if self.prefix else [])])

    def rank(self):
        """Known wrappers in their order, then other keys."""
        return [WRAPPERS.index(key) if key in WRAPPERS else len(WRAPPERS) for key in self.label().replace(".", "/").split("/") if key]

    def fits(self, expected):
        return all(name in self.tensors and matches(self.tensors[name].shape, shape) for name, shape in expected.items())


def is_tensor(value):
    return isinstance(value, (Tensor, StoredTensor))


def without_wrappers(name):
    return ".".join(part for part in name.split(".") if part not in INSERTED)


def dictionaries(content):
    """(path, dictionary) of every dictionary of names in what the file holds, the outermost first."""
    waiting, seen = collections.deque([((), content)]), set()
    while waiting:
        path, value = waiting.popleft()
        if not isinstance(value, (dict, list, tuple)) or id(value) in seen:  # a pickle may hold one twice, or within itself
            continue
        seen.add(id(value))
        if not isinstance(value, dict):
            waiting += [((*path, str(place)), inner) for place, inner in enumerate(value)]
            continue
        yield path, value
        waiting += [((*path, str(key)), inner) for key, inner in value.items() if isinstance(key, (str, int))]


def candidates(content, expected):
    """What may be the network, of all dictionaries in the file: once for every prefix that a convolution's name has."""
    for path, dictionary in dictionaries(content):
        raw = {key: value for key, value in dictionary.items() if isinstance(key, str)}
        named = {without_wrappers(key): value for key, value in raw.items()}
        if len(named) < len(raw):  # the network with and without wrappers, side by side
            named = raw
        tensors = {name: value for name, value in named.items() if is_tensor(value)}
        unread = {name: value.name for name, value in named.items() if isinstance(value, Unknown)}
        prefixes = {name[:-len(ANCHOR)] for name in tensors if name == ANCHOR or name.endswith("." + ANCHOR)} or {""}
        owner = {name: max((prefix for prefix in prefixes if name.startswith(prefix)), key=len, default=None) for name in named}
        for prefix in sorted(prefixes):
            inside = {name[len(prefix):]: value for name, value in tensors.items() if owner[name] == prefix}
            outside = [name for name in tensors if owner[name] != prefix]
            if inside:
                yield Candidate(path, prefix, with_last_layer(inside, expected), outside,
                                {name[len(prefix):]: kind for name, kind in unread.items() if owner[name] == prefix})


def with_last_layer(state, expected):
    """The last layer goes by either name."""
    for ours, theirs in (("fc", "linear"), ("linear", "fc")):
        if f"{ours}.weight" in expected and f"{ours}.weight" not in state:
            renamed = {f"{theirs}.{part}": f"{ours}.{part}" for part in ("weight", "bias")}
            state = {renamed.get(name, name): value for name, value in state.items()}
    return state


def find_network(content, expected, key):
    """The candidate that is the network, or comes nearest to it, and remarks; raises ConversionError where it is not clear which."""
    if isinstance(content, Unknown):
        raise ConversionError(f"holds a whole pickled model ({content.name}), not a state dict; save model.state_dict() instead")
    found = list(candidates(content, expected))
    if key is not None:
        chosen = [candidate for candidate in found if candidate.label() == key]
        if not chosen:
            raise ConversionError(f"--key {key}: has no tensors there; has them in {some(label_of(candidate) for candidate in found)}")
        return chosen[0], []
    if not found:
        raise ConversionError(what_is_there(content))
    fitting = sorted((candidate for candidate in found if candidate.fits(expected)), key=Candidate.rank)
    if not fitting:
        return max(found, key=lambda candidate: sum(name in candidate.tensors for name in expected)), []
    if len(fitting) == 1:
        return fitting[0], []
    names = ", ".join(map(label_of, fitting))
    if fitting[0].rank() == fitting[1].rank():
        raise ConversionError(f"holds the network more than once ({names}); choose with --key")
    return fitting[0], [f"holds the network more than once ({names}); {label_of(fitting[0])} is taken, --key chooses another"]


def label_of(candidate):
    return candidate.label() or "the top"


def what_is_there(content):
    for path, dictionary in dictionaries(content):
        for key, value in dictionary.items():
            if isinstance(value, Unknown) and (key in WRAPPERS or not path):
                return f"holds a whole pickled model ({value.name}, under {key!r}), not a state dict; save model.state_dict() instead"
    what = f"a dictionary of {', '.join(map(str, list(content)[:5]))}" if isinstance(content, dict) else (
        f"a {type(content).__name__}")
    return f"holds no state dict ({what}); save model.state_dict(), bare or under 'state_dict'"


def some(names):
    names = sorted(names)
    return ", ".join(names[:5]) + (f" and {len(names) - 5} more" if len(names) > 5 else "")


def matches(shape, expected):
    return len(shape) == len(expected) and all(e in (CLASSES, n) for n, e in zip(shape, expected))


def is_stray(name, tensor):
    """Not of the network: counters, accuracies and losses (single numbers), states of random generators."""
    return tensor.shape == () or "rng_state" in name.split(".")[-1]


def select(content, profile, key=None):
    """(name -> float array of every tensor of the network, remarks); raises ConversionError unless the file holds them and no others."""
    expected = expected_tensors(profile)
    candidate, remarks = find_network(content, expected, key)
    state = candidate.tensors
    network = profile["name"]
    surplus = [name for name in state if name not in expected and not is_stray(name, state[name])]
    where = f" (in {candidate.label()})" if candidate.label() else ""
    if missing := expected.keys() - state.keys():
        unread = [f"{name} ({candidate.unread[name]})" for name in sorted(missing) if name in candidate.unread]
        raise ConversionError(f"has not all tensors of {network}{where}: {some(missing)} missing"
                              + (f"; of a kind that is not read: {some(unread)}" if unread else "")
                              + (f"; left over: {some([*surplus, *candidate.outside])}" if surplus or candidate.outside else ""))
    if surplus:
        raise ConversionError(f"has tensors that {network} has not{where}: {some(surplus)}; is it another network?")
    strays = [name for name in state if name not in expected and not name.endswith("num_batches_tracked")] + candidate.outside
    if strays:
        remarks.append(f"left out, not of the network: {some(strays)}")
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
    return weights, remarks


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


def read_source(path):
    """What a file holds; raises ConversionError where it is of a kind that is not read, and OSError where it cannot be."""
    if not os.path.isdir(path):
        with open(path, "rb") as file:
            if is_safetensors(file.read(9)):
                return read_safetensors(path)
    if foreign := name_foreign(path):
        raise ConversionError(foreign)
    return read_torch_file(path)


def convert(arguments):
    if wrong := output_file.problem(arguments.destination, arguments.source, arguments.network):
        raise ConversionError(wrong)
    profile = read_profile(arguments.network)
    try:
        weights, remarks = select(read_source(arguments.source), profile, arguments.key)
    except OSError as error:
        raise ConversionError(f"{arguments.source}: cannot be read ({error.strerror})") from error
    except (TorchFileError, SafetensorsError, ConversionError) as error:
        raise ConversionError(f"{arguments.source}: {error}") from error
    classes = next(reversed(weights.values())).shape[0]
    attributes = {
        "network": profile["name"], "input_size": arguments.input_size or profile.get("input", 224),
        "input_mean": numpy.array(arguments.mean), "input_std": numpy.array(arguments.std), "classes": classes,
        "source": arguments.origin or pathlib.Path(arguments.source).name, "license": arguments.license}
    write(arguments.destination, weights, attributes, arguments.float16)
    for remark in remarks:
        print(f"convert_weights.py: {arguments.source}: {remark}", file=sys.stderr)
    return (f"{arguments.destination}: {profile['name']}, {len(weights)} tensors, "
            f"{sum(values.size for values in weights.values()):,} values, {classes} classes")


def main(words=None):
    output_file.open_closed_streams()
    try:
        print(convert(parse_arguments(words)))
    except ConversionError as error:
        print(f"convert_weights.py: {error}", file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
