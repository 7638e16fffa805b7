"""What the tests of the program share: a small scenario, how the program is started, and its traces."""

import copy
import json
import os
import pathlib
import signal
import struct
import subprocess
import sys
import tempfile
import time
import unittest
import zlib

try:
    import h5py
    import numpy
except ImportError as missing:
    print(f"skipped: {missing}")
    sys.exit(77)

ROOT = pathlib.Path(__file__).resolve().parents[2]
PROGRAM = os.environ.get("SKIPSTONE_PROGRAM", str(ROOT / "build" / "skipstone"))
LAUNCHER = os.environ.get("SKIPSTONE_TEST_LAUNCHER", "mpirun -n {ranks} --oversubscribe --bind-to none --mca mpi_yield_when_idle 1")
OPEN_MPI = "--mca" in LAUNCHER
# Lines are as wide as they like, whatever the terminal is that the tests are run from.
ENVIRONMENT = {name: value for name, value in os.environ.items() if name != "COLUMNS"}
SANITIZER = os.environ.get("SKIPSTONE_SANITIZE", "")
LIMIT_S = 120  # for one start of the program

COMPUTE, TRANSMIT, RECEIVE, WAIT = 1, 2, 3, 4
OVERRUN, RETRANSMITTED = 1, 2
DONE, REJECTED = 1, 2

# Four devices of which none can run a whole request in a round, so that every request hops.
SCENARIO = {
    "seed": 7,
    "network": {"profile": "resnet20-cifar"},
    "accuracy": {
        "table": {
            "format": "skipstone-accuracy",
            "version": 1,
            "network": "resnet20-cifar",
            "row": [
                {"dropped": [], "accuracy": 0.92},
                {"dropped": ["s2b2"], "accuracy": 0.88},
                {"dropped": ["s3b2"], "accuracy": 0.86},
                {"dropped": ["s2b2", "s3b2"], "accuracy": 0.82},
                {"dropped": ["s4b2"], "accuracy": 0.70},
            ],
        }
    },
    "fleet": {
        "devices": [
            {"profile": "khan2023-low", "name": "low", "count": 3, "mac_rate": "100 MMAC/s", "macs_per_round": "30 MMAC"},
            {"profile": "khan2023-high", "name": "big", "mac_rate": "200 MMAC/s", "macs_per_round": "60 MMAC"},
        ]
    },
    "links": {"min": "7.2 Mbit/s", "max": "72.2 Mbit/s"},
    "requests": {"count": 3},
    "rounds": {"count": 3},
    "objective": {"alpha": 0.7},
    "planner": {"name": "greedy"},
    "emulation": {"clock": "virtual", "dilation": "auto", "kernels": False},
}

# One device that can run everything.
ALONE = {"fleet.devices": [{"profile": "khan2023-low", "name": "only", "mac_rate": "100 MMAC/s"}]}


def launcher(ranks):
    """The words that start this many ranks of the program behind them."""
    return LAUNCHER.replace("{ranks}", str(ranks)).split()


def _toml(value):
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, dict):
        return "{" + ", ".join(f"{json.dumps(key)} = {_toml(item)}" for key, item in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(_toml(item) for item in value) + "]"
    return json.dumps(value)


def scenario_text(changes=None):
    """The scenario above as TOML; changes: {"section.key": value, or None to leave the key out}."""
    scenario = copy.deepcopy(SCENARIO)
    for place, value in (changes or {}).items():
        *sections, key = place.split(".")
        table = scenario
        for section in sections:
            table = table.setdefault(section, {})
        if value is None:
            table.pop(key, None)
        else:
            table[key] = value
    text = f"seed = {scenario.pop('seed')}\n"
    for section, keys in scenario.items():
        text += f"\n[{section}]\n" + "".join(f"{key} = {_toml(value)}\n" for key, value in keys.items())
    return text


class Result:
    def __init__(self, code, out, err):
        self.code, self.out, self.err = code, out, err

    def __repr__(self):
        return f"exit {self.code}\n--- stdout\n{self.out[-4000:]}\n--- stderr\n{self.err[-4000:]}"


class Trace:
    """A trace, read whole: tables as numpy arrays under their names, attributes as plain values."""

    def __init__(self, path):
        self.path = path
        with h5py.File(path, "r", swmr=True) as file:
            self.attributes = {key: _plain(value) for key, value in file.attrs.items()}
            provenance = file["provenance"]
            self.provenance = {key: _plain(value) for key, value in provenance.attrs.items()}
            self.provenance.update({key: _plain(value[()]) for key, value in provenance.items()})
            committed = len(file["rounds"])
            for name in ("devices", "blocks", "rounds", "plans", "requests", "events", "battery", "clocks", "outages"):
                rows = file[name][:]
                if "round" in (rows.dtype.names or ()):
                    rows = rows[rows["round"] < committed]
                setattr(self, name, rows)
            self.rates = file["links/rate_bit_s"][:committed] if "rate_bit_s" in file["links"] else None

    def kind(self, kind, **columns):
        """Events of a kind, with these values in their columns."""
        return where(self.events, kind=kind, **columns)

    def transfers(self):
        """Pairs of a transmit event and the receive event of the same tensor."""
        received = {tuple(e[c] for c in ("round", "request", "block", "peer", "device")): e for e in self.kind(RECEIVE)}
        return [(e, received[tuple(e[c] for c in ("round", "request", "block", "device", "peer"))]) for e in self.kind(TRANSMIT)]

    def names(self, table):
        return [text(name) for name in getattr(self, table)["name"]]


def read_line(process):
    """A line of a process' output. readline() would keep back what follows it, and communicate() then knows nothing of that."""
    line = b""
    while not line.endswith(b"\n") and (byte := os.read(process.stdout.fileno(), 1)):
        line += byte
    return line.decode()


def where(rows, **columns):
    for column, value in columns.items():
        rows = rows[rows[column] == value]
    return rows


def text(value):
    return value.decode() if isinstance(value, bytes) else str(value)


def _plain(value):
    if isinstance(value, bytes):
        return value.decode()
    if isinstance(value, numpy.ndarray) and value.shape == ():
        return _plain(value[()])
    return value


def durations(events):
    return events["end_s"] - events["begin_s"]


def lateness(trace):
    """Design's formula, of every compute and transfer event, with those events."""
    events = trace.events[trace.events["kind"] != WAIT]
    rounds = trace.rounds[events["round"]]
    host = (events["host_end_s"] - rounds["host_start_s"]) / trace.provenance["dilation"]
    model = events["end_s"] - rounds["start_s"]
    return (host - model) / numpy.maximum(durations(events), 0.010), events


class ProgramTest(unittest.TestCase):
    """Has a folder of its own, in which the program runs."""

    maxDiff = None

    def setUp(self):
        folder = tempfile.TemporaryDirectory(prefix="skipstone-cli-")
        self.addCleanup(folder.cleanup)
        self.folder = pathlib.Path(folder.name)
        self._numbered = 0

    def path(self, name):
        return str(self.folder / name)

    def new_path(self, suffix):
        self._numbered += 1
        return self.path(f"{self._numbered:03}{suffix}")

    def write(self, name, content):
        path = self.folder / name
        path.write_bytes(content) if isinstance(content, bytes) else path.write_text(content)
        return str(path)

    def scenario(self, changes=None):
        return self.write(pathlib.Path(self.new_path(".toml")).name, scenario_text(changes))

    def start(self, *arguments, ranks=None, program=None, environment=None, **options):
        """Starts the program, under the launcher if ranks are given; program: another one in its place, or before it."""
        command = [*(program or [PROGRAM]), *map(str, arguments)]
        if ranks is not None:
            command = [*launcher(ranks), *command]
        process = subprocess.Popen(
            command, cwd=self.folder, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
            start_new_session=True, env={"SKIPSTONE_CACHE": "off", **ENVIRONMENT, **(environment or {})}, **options)
        self.addCleanup(self._end, process)
        return process

    @staticmethod
    def _end(process):
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
        process.communicate()

    def wait(self, process, limit_s=LIMIT_S):
        try:
            out, err = process.communicate(timeout=limit_s)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            out, err = process.communicate()
            self.fail(f"did not end within {limit_s} s: {Result(None, out, err)}")
        return Result(process.returncode, out, err)

    def skipstone(self, *arguments, code=0, **options):
        """Runs the program to its end and holds its exit status against `code` (None: any)."""
        result = self.wait(self.start(*arguments, **options))
        if code is not None:
            self.assertEqual(result.code, code, f"{arguments}: {result}")
        return result

    def run_scenario(self, changes=None, *arguments, code=0, **options):
        """Runs the small scenario with changes; returns its trace."""
        output = self.new_path(".h5")
        self.skipstone("run", self.scenario(changes), "-o", output, *arguments, code=code, **options)
        return Trace(output)

    def wait_for_rounds(self, path, number, process, limit_s=30):
        """Reads the trace while it is written, until it has so many rounds."""
        end = time.monotonic() + limit_s
        while time.monotonic() < end:
            self.assertIsNone(process.poll(), "ended early")
            try:
                with h5py.File(path, "r", swmr=True) as file:
                    if len(file["rounds"]) >= number:
                        return
            except OSError:
                pass  # not there yet
            time.sleep(0.02)
        self.fail(f"no {number} rounds within {limit_s} s")

    def digest(self, path):
        result = self.skipstone("check", "--digest", path)
        digest = result.out.split()[0]
        self.assertRegex(digest, "^[0-9a-f]{64}$")
        return digest

    def assert_close(self, found, expected, relative=1e-9, message=""):
        numpy.testing.assert_allclose(found, expected, rtol=relative, atol=1e-12, err_msg=str(message))


def weights_tensors(stages=(3, 3, 3), width=16, classes=10):
    """Names and shapes of a CIFAR ResNet's tensors, in its order."""
    tensors = {}

    def convolution(name, norm, inputs, outputs):
        tensors[f"{name}.weight"] = (outputs, inputs, 3, 3)
        for statistic in ("weight", "bias", "running_mean", "running_var"):
            tensors[f"{norm}.{statistic}"] = (outputs,)

    convolution("conv1", "bn1", 3, width)
    channels = width
    for stage, blocks in enumerate(stages):
        for block in range(blocks):
            outputs = width << stage
            prefix = f"layer{stage + 1}.{block}."
            convolution(prefix + "conv1", prefix + "bn1", channels, outputs)
            convolution(prefix + "conv2", prefix + "bn2", outputs, outputs)
            channels = outputs
    tensors["linear.weight"] = (classes, channels)
    tensors["linear.bias"] = (classes,)
    return tensors


def write_weights(path, network="resnet20-cifar", stages=(3, 3, 3), favourite=None):
    """A weights file; favourite: the class that this network sees in every image."""
    random = numpy.random.default_rng(3)
    with h5py.File(path, "w") as file:
        file.attrs.update({"network": network, "input_size": 32, "classes": 10, "source": "a test", "license": "none"})
        file.attrs["input_mean"] = numpy.array([0.485, 0.456, 0.406])
        file.attrs["input_std"] = numpy.array([0.229, 0.224, 0.225])
        for name, shape in weights_tensors(stages).items():
            if name.endswith("running_var") or (len(shape) == 1 and name.endswith(".weight")):
                values = numpy.ones(shape)
            elif len(shape) == 1:
                values = numpy.zeros(shape)
            else:
                values = random.standard_normal(shape) / numpy.sqrt(numpy.prod(shape[1:]))
            if name == "linear.bias" and favourite is not None:
                values[favourite] = 1e6
            file[name] = values.astype(numpy.float32)
    return str(path)


def cifar_batch(labels):
    """A CIFAR-10 batch: a label and 3072 bytes of pixels per image."""
    random = numpy.random.default_rng(11)
    return b"".join(bytes([label]) + random.integers(0, 256, 3072, dtype=numpy.uint8).tobytes() for label in labels)


def png():
    """A picture of one grey pixel."""

    def chunk(name, content):
        return struct.pack(">I", len(content)) + name + content + struct.pack(">I", zlib.crc32(name + content))

    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", struct.pack(">IIBBBBB", 1, 1, 8, 0, 0, 0, 0)) + \
        chunk(b"IDAT", zlib.compress(b"\0\x80")) + chunk(b"IEND", b"")


if __name__ == "__main__":
    sys.exit("support.py holds no tests")
