#!/usr/bin/env python3
"""How soon the program computes: ResNet-50 v1, 224 x 224, or the network in a weights file of one's own, float32, batch 1, one core,
from the start of the process to its first logits.

Every start is a process of its own, pinned to one core, with a weights file; what is compared is interleaved:
  no cache   SKIPSTONE_CACHE=off: the weights file is read, batch norms are folded, weights are packed
  first      an empty cache folder: the same, the file is hashed, and the packed weights are kept
  cached     the packed weights are mapped
The time ends when the line of the first round arrives here: after its logits, and after its rows are in the trace. Below it, where the
time of cached starts goes, and how much processor time such a process takes until its end, which other programs do not lengthen. --program may be given more than once: other builds, interleaved, too.

With --ranks, also the memory of so many ranks of the same run (virtual clock): their proportional set sizes, and how much of them the
packed weights are. With --study (a weights file and CIFAR-10 images), that of ranks of a study."""
import argparse
import os
import pathlib
import shutil
import statistics
import subprocess
import tempfile
import time

import h5py
import numpy

SETTLED_S = 2.2  # files that changed more recently are read once more
LAUNCH = ["--oversubscribe", "--bind-to", "none", "--mca", "mpi_yield_when_idle", "1"]
SCENARIO = """
seed = 1
[network]
{network}
[accuracy]
table = "none"
[fleet]
devices = [{{profile = "khan2023-high", mac_rate = "1000 GMAC/s", macs_per_round = "1000 GMAC", memory = "8 GB"}}]
[links]
profile = "khan2023"
[requests]
count = 1
[rounds]
count = {rounds}
[planner]
name = "no-drop"
[emulation]
clock = "virtual"
"""


def environment(**changes):
    allowed = {**os.environ, **changes}
    allowed.pop("OMP_NUM_THREADS", None)
    if os.geteuid() == 0:
        allowed.update(OMPI_ALLOW_RUN_AS_ROOT="1", OMPI_ALLOW_RUN_AS_ROOT_CONFIRM="1")
    return allowed


def write_weights(path):
    """He-normal ResNet-50 with 1000 classes, last batch norms of the blocks at 1/4."""
    random = numpy.random.default_rng(1)
    with h5py.File(path, "w") as file:
        file.attrs.update({"network": "resnet50", "input_size": 224, "classes": 1000, "source": "a benchmark", "license": "none"})
        file.attrs["input_mean"], file.attrs["input_std"] = [0.485, 0.456, 0.406], [0.229, 0.224, 0.225]

        def convolution(name, norm, outputs, inputs, kernel, gain=1.0):
            deviation = (2 / (inputs * kernel * kernel)) ** 0.5
            file[name + ".weight"] = random.standard_normal((outputs, inputs, kernel, kernel), numpy.float32) * numpy.float32(deviation)
            for statistic, value in (("weight", gain), ("bias", 0), ("running_mean", 0), ("running_var", 1)):
                file[f"{norm}.{statistic}"] = numpy.full(outputs, value, numpy.float32)

        convolution("conv1", "bn1", 64, 3, 7)
        channels = 64
        for stage, (blocks, width) in enumerate(zip((3, 4, 6, 3), (64, 128, 256, 512)), 1):
            for block in range(blocks):
                at = f"layer{stage}.{block}."
                convolution(at + "conv1", at + "bn1", width, channels, 1)
                convolution(at + "conv2", at + "bn2", width, width, 3)
                convolution(at + "conv3", at + "bn3", 4 * width, width, 1, 0.25)
                if block == 0:
                    convolution(at + "downsample.0", at + "downsample.1", 4 * width, channels, 1)
                channels = 4 * width
        file["fc.weight"] = random.standard_normal((1000, channels), numpy.float32) * numpy.float32(0.03)
        file["fc.bias"] = numpy.zeros(1000, numpy.float32)


def start(command, core, changes, until=None):
    """Milliseconds from the start of a process until it has written a text, or until its end; milliseconds of processor time."""
    begin = time.monotonic()
    process = subprocess.Popen(command, stdout=subprocess.PIPE, env=environment(**changes),
                               preexec_fn=lambda: os.sched_setaffinity(0, {core}))
    text, seconds = b"", None
    while piece := os.read(process.stdout.fileno(), 65536):
        text += piece
        if until and seconds is None and until in text:
            seconds = time.monotonic() - begin
    _, status, used = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode != 0 or (until and seconds is None):
        raise SystemExit(f"{' '.join(command)} failed")
    return 1e3 * (seconds or time.monotonic() - begin), 1e3 * (used.ru_utime + used.ru_stime)


def passes(trace):
    """Milliseconds from the run's start to the first kernel, and of each round's kernels from the first to the last one's end."""
    with h5py.File(trace, "r", swmr=True) as file:
        events = file["events"][:]
    events = events[events["kind"] == 1]
    begins = [events["host_begin_s"][events["round"] == r].min() for r in numpy.unique(events["round"])]
    ends = [events["host_end_s"][events["round"] == r].max() for r in numpy.unique(events["round"])]
    return 1e3 * begins[0], [1e3 * (end - begin) for begin, end in zip(begins, ends)]


def text_of(values, unit="ms"):
    return f"{statistics.median(values):7.1f} {unit}   ({min(values):.1f} to {max(values):.1f})"


def measure_starts(programs, network, folder, core, repetitions):
    one, five = folder / "one.toml", folder / "five.toml"
    one.write_text(SCENARIO.format(network=network, rounds=1))
    five.write_text(SCENARIO.format(network=network, rounds=5))
    trace, cache, empty = folder / "trace.h5", folder / "cache", folder / "empty"
    run = ["run", str(one), "-o", str(trace)]
    found = {}
    for program in programs:  # fills the cache
        start([program, *run], core, {"SKIPSTONE_CACHE": str(cache)})
    time.sleep(SETTLED_S)
    for program in programs:  # whole check of what is there; from here on it is known to be right
        start([program, *run], core, {"SKIPSTONE_CACHE": str(cache)})
    for _ in range(repetitions):
        for program in programs:
            def note(what, value):
                found.setdefault(program, {}).setdefault(what, []).append(value)
            note("no cache", start([program, *run], core, {"SKIPSTONE_CACHE": "off"}, b"round 0")[0])
            shutil.rmtree(empty, ignore_errors=True)
            note("first", start([program, *run], core, {"SKIPSTONE_CACHE": str(empty)}, b"round 0")[0])
            cached, processor = start([program, *run], core, {"SKIPSTONE_CACHE": str(cache)}, b"round 0")
            note("cached", cached)
            note("processor", processor)
            before, (first,) = passes(trace)
            note("set-up", before)
            note("first pass", first)
            note("program", start([program, "--version"], core, {})[0])
            start([program, "run", str(five), *run[2:]], core, {"SKIPSTONE_CACHE": str(cache)})
            note("later pass", statistics.median(passes(trace)[1][1:]))
    for program in programs:
        rows = found[program]
        print(f"{program}, {repetitions} starts each")
        for what, remark in (("no cache", ""), ("first", "empty cache, which it fills"),
                             ("cached", "required: at most 150 ms; 300 ms for VGG16")):
            print(f"  {what:10} {text_of(rows[what])}  {remark}")
        print("  of the cached start")
        for what, remark in (("program", "skipstone --version: loading it and its libraries"),
                             ("set-up", "from there to the first kernel: scenario, layout, mapping the weights, trace, image"),
                             ("first pass", "all blocks, oneDNN's kernels made on the way"),
                             ("later pass", "for comparison"),
                             ("processor", "time of it, until the process ends")):
            print(f"    {what:10} {text_of(rows[what])}  {remark}")


def memory_of(pid):
    """Proportional set size in MB of a process: all, and of packed weights."""
    total = weights = 0
    in_weights = False
    with open(f"/proc/{pid}/smaps") as file:
        for line in file:
            if "-" in line.split(maxsplit=1)[0]:
                in_weights = ".packed" in line or "skipstone-weights" in line
            elif line.startswith("Pss:"):
                total += int(line.split()[1])
                weights += in_weights * int(line.split()[1])
    return total / 1e3, weights / 1e3


def measure_memory(title, program, ranks, arguments, changes):
    """The most that all ranks together have, once they share weights if they ever do."""
    launcher = subprocess.Popen(["mpirun", "-n", str(ranks), *LAUNCH, program, *arguments], stdout=subprocess.DEVNULL,
                                env=environment(**changes))
    most = (0.0, 0.0)
    while launcher.poll() is None:
        time.sleep(0.1)
        children = subprocess.run(["ps", "-o", "pid=", "--ppid", str(launcher.pid)], capture_output=True, text=True).stdout.split()
        try:
            if len(children) == ranks:
                found = [memory_of(pid) for pid in children]
                now = sum(f[0] for f in found), sum(f[1] for f in found)
                most = max(most, now, key=lambda sizes: (sizes[1] > 0, sizes[0]))
        except OSError:
            pass  # one of them just ended
    if launcher.returncode != 0:
        raise SystemExit(f"{title} failed")
    print(f"  {title:24} {most[0]:6.0f} MB proportional set size together, {most[1]:4.0f} MB of it packed weights that are shared")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--program", action="append", required=True, help="a skipstone to measure")
    parser.add_argument("--weights", type=pathlib.Path, metavar="FILE", help="measure the network in this file, not ResNet-50")
    parser.add_argument("--starts", type=int, default=11, help="of each kind")
    parser.add_argument("--core", type=int, default=max(os.sched_getaffinity(0)))
    parser.add_argument("--ranks", type=int, help="measure the memory of so many ranks, too")
    parser.add_argument("--study", nargs=2, metavar=("WEIGHTS", "IMAGES"), help="with --ranks: measure ranks of a study, too")
    options = parser.parse_args()
    programs = [str(pathlib.Path(program).resolve()) for program in options.program]
    with tempfile.TemporaryDirectory(prefix="skipstone-startup-") as name:
        folder = pathlib.Path(name)
        weights = options.weights.resolve() if options.weights else folder / "weights.h5"
        network = f'weights = "{weights}"'
        if not options.weights:
            write_weights(weights)
            network = f'profile = "resnet50"\n{network}'
            time.sleep(SETTLED_S)
        measure_starts(programs, network, folder, options.core, options.starts)
        for program in programs if options.ranks else []:
            print(f"{program}, {options.ranks} ranks")
            ranks = folder / "ranks.toml"
            ranks.write_text(SCENARIO.format(network=network, rounds=40))
            run = ["run", str(ranks), "-o", str(folder / "ranks.h5")]
            for what in ("off", str(folder / "cache")):
                title = "no cache" if what == "off" else "cached"
                measure_memory(f"run, {title}", program, options.ranks, run, {"SKIPSTONE_CACHE": what})
                if options.study:
                    study = ["study", "--weights", options.study[0], "--data", options.study[1], "--limit", str(8 * options.ranks),
                             "--batch", "4", "--drops", "none", "--threads", "1", "--restart", "-o", str(folder / "study.toml")]
                    measure_memory(f"study, {title}", program, options.ranks, study, {"SKIPSTONE_CACHE": what})


if __name__ == "__main__":
    main()
