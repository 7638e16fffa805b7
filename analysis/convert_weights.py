#!/usr/bin/env python3
"""Makes a Skipstone weights file (HDF5) from a PyTorch state dict (.pt, .pth, .th) or a .safetensors file.

The state dict may be wrapped in a checkpoint ("state_dict", "model", "model_ema", …, also one in another), and its names may begin with
"module.", "_orig_mod.", "backbone." or the like. It must hold all tensors of the network, and none of another one; the number of classes
is its own. PyTorch is not needed, and nothing in the file is run.
"""

import argparse
import collections
import json
import math
import os
import pathlib
import shlex
import subprocess
import sys
import tempfile

import needs
import output_file


def shares(text):
    """Numbers of 0 … 1, one for each channel; a wrong one is told with what may be meant."""
    try:
        values = [float(part) for part in text.split(",")]
    except ValueError:
        values = []
    if not values or not all(map(math.isfinite, values)):
        raise argparse.ArgumentTypeError(f"{text!r} is not three numbers R,G,B (one, where the network reads one channel)")
    if max(values) > 1:
        meant = ",".join(f"{value / 255:.4g}" for value in values)
        raise argparse.ArgumentTypeError(f"{text} is not of pixel values in 0…1; of values in 0…255, divide by 255: {meant}")
    return values


def mean(text):
    values = shares(text)
    if min(values) < 0:
        raise argparse.ArgumentTypeError(f"{text}: the mean of values in 0…1 is not below 0 (what is subtracted has no minus here)")
    return values


def deviation(text):
    values = shares(text)
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
    parser.add_argument("--mean", type=mean, metavar="R,G,B",
                        help="of the training images, values in 0…1, one for each channel (default: ImageNet's, torchvision's; 0 and 1 where "
                             "the network does not read three channels)")
    parser.add_argument("--std", type=deviation, metavar="R,G,B",
                        help="likewise")
    return parser.parse_args(words)


try:
    import h5py
    import numpy
except ImportError as missing:
    if __name__ == "__main__":
        parse_arguments()  # --help needs no modules
    sys.exit(needs.explain(missing, "python3-h5py", "h5py"))

from foreign_file import name_foreign  # noqa: E402
from safetensors_file import SafetensorsError, StoredTensor, is_safetensors, read_safetensors  # noqa: E402
from torch_file import Tensor, TorchFileError, Unknown, read_torch_file  # noqa: E402

PROGRAM = pathlib.Path(__file__).resolve().parent.parent / "build" / "skipstone"
# Where checkpoints hold the network; what comes first is taken where there are several.
WRAPPERS = ("state_dict", "model_state_dict", "model_state", "model", "net", "network", "module", "weights", "params", "model_ema", "ema",
            "state_dict_ema", "ema_state_dict", "ema_model", "model_ema_state_dict", "ema_model_state_dict", "averaged_model")
# Parts of names that wrappers put in, anywhere: DataParallel and its like, torch.compile, FSDP, activation checkpointing, Opacus, Fabric.
INSERTED = {"module", "_orig_mod", "_fsdp_wrapped_module", "_checkpoint_wrapped_module", "_module", "_forward_module"}
IMAGENET_MEAN, IMAGENET_STD = [0.485, 0.456, 0.406], [0.229, 0.224, 0.225]
CLASSES = "classes"  # a dimension that the file decides


class ConversionError(Exception):
    """The user's input is wrong; the message says where and what."""


class Network:
    """What the program says of a network: name, input size, and name -> shape of every tensor."""

    def __init__(self, content):
        self.name = content["name"]
        self.input_size, _, self.channels = content["input"]
        self.tensors = {tensor["name"]: tuple(tensor["shape"]) for tensor in content["tensors"]}
        # The last operator is the classifier.
        prefix = next(reversed(self.tensors)).rpartition(".")[0] + "."
        self.classifier = [name for name in self.tensors if name.startswith(prefix)]
        for name in self.classifier:
            self.tensors[name] = (CLASSES, *self.tensors[name][1:])
        # A name that no other tensor's ends with.
        self.anchor = next(name for name in self.tensors if not any(other.endswith("." + name) for other in self.tensors))


def read_network(name):
    """The network of that name, or of the profile in that file, by the program: SKIPSTONE in the environment names it, or the words
    that start it; else it is this checkout's."""
    named = os.environ.get("SKIPSTONE") or str(PROGRAM)
    words = [named] if os.path.exists(named) else shlex.split(named)
    try:
        said = subprocess.run([*words, "networks", name, "--tensors", "--json"], stdin=subprocess.DEVNULL, capture_output=True, text=True)
    except OSError as error:
        raise ConversionError(f"{words[0]}: the program, which knows the networks, cannot be started ({error.strerror}); build it, or set "
                              "SKIPSTONE to where it is") from error
    if said.returncode != 0:
        raise ConversionError(f"--network {name}: {said.stderr.strip().removeprefix('skipstone: ')}")
    return Network(json.loads(said.stdout))


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


def candidates(content, network):
    """What may be the network, of all dictionaries in the file: once for every prefix that a convolution's name has."""
    for path, dictionary in dictionaries(content):
        raw = {key: value for key, value in dictionary.items() if isinstance(key, str)}
        named = {without_wrappers(key): value for key, value in raw.items()}
        if len(named) < len(raw):  # the network with and without wrappers, side by side
            named = raw
        tensors = {name: value for name, value in named.items() if is_tensor(value)}
        unread = {name: value.name for name, value in named.items() if isinstance(value, Unknown)}
        anchor = network.anchor
        prefixes = {name[:-len(anchor)] for name in tensors if name == anchor or name.endswith("." + anchor)} or {""}
        owner = {name: max((prefix for prefix in prefixes if name.startswith(prefix)), key=len, default=None) for name in named}
        for prefix in sorted(prefixes):
            inside = {name[len(prefix):]: value for name, value in tensors.items() if owner[name] == prefix}
            outside = [name for name in tensors if owner[name] != prefix]
            if inside:
                yield Candidate(path, prefix, with_last_layer(inside, network.tensors), outside,
                                {name[len(prefix):]: kind for name, kind in unread.items() if owner[name] == prefix})


def with_last_layer(state, expected):
    """The last layer goes by either name."""
    for ours, theirs in (("fc", "linear"), ("linear", "fc")):
        if f"{ours}.weight" in expected and f"{ours}.weight" not in state:
            renamed = {f"{theirs}.{part}": f"{ours}.{part}" for part in ("weight", "bias")}
            state = {renamed.get(name, name): value for name, value in state.items()}
    return state


def find_network(content, network, key):
    """The candidate that is the network, or comes nearest to it, and remarks; raises ConversionError where it is not clear which."""
    if isinstance(content, Unknown):
        raise ConversionError(f"holds a whole pickled model ({content.name}), not a state dict; save model.state_dict() instead")
    expected = network.tensors
    found = list(candidates(content, network))
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


def select(content, wanted, key=None):
    """(name -> float array of every tensor of the network, remarks); raises ConversionError unless the file holds them and no others."""
    expected, network = wanted.tensors, wanted.name
    candidate, remarks = find_network(content, wanted, key)
    state = candidate.tensors
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
    first, *others = wanted.classifier
    for other in others:
        if weights[other].shape[0] != weights[first].shape[0]:
            raise ConversionError(f"{other} and {first} differ in the number of classes")
    return weights, remarks


def for_each_channel(option, values, network, usual, plain):
    """What an option says of each channel of the network's input, or what is usual for colours, else plain."""
    if values is None:
        return usual if network.channels == len(usual) else [plain] * network.channels
    if len(values) != network.channels:
        raise ConversionError(f"{option}: has {len(values)} numbers; {network.name} reads {network.channels} channel{'s' if network.channels != 1 else ''}")
    return values


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
    network = read_network(arguments.network)
    try:
        weights, remarks = select(read_source(arguments.source), network, arguments.key)
    except OSError as error:
        raise ConversionError(f"{arguments.source}: cannot be read ({error.strerror})") from error
    except (TorchFileError, SafetensorsError, ConversionError) as error:
        raise ConversionError(f"{arguments.source}: {error}") from error
    classes = weights[network.classifier[0]].shape[0]
    attributes = {
        "network": network.name, "input_size": arguments.input_size or network.input_size,
        "input_mean": numpy.array(for_each_channel("--mean", arguments.mean, network, IMAGENET_MEAN, 0), float),
        "input_std": numpy.array(for_each_channel("--std", arguments.std, network, IMAGENET_STD, 1), float), "classes": classes,
        "source": arguments.origin or pathlib.Path(arguments.source).name, "license": arguments.license}
    write(arguments.destination, weights, attributes, arguments.float16)
    for remark in remarks:
        print(f"convert_weights.py: {arguments.source}: {remark}", file=sys.stderr)
    return (f"{arguments.destination}: {network.name}, {len(weights)} tensors, "
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
