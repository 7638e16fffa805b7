#!/usr/bin/env python3
"""What `skipstone study` costs, on this machine, beside PyTorch and beside itself.

Three comparisons, interleaved; every figure is the median of its repetitions with its spread:
  torch    ResNet-56, the whole network over the test images: the study's engine against PyTorch in the fastest of several ways to run
           it (eager and frozen, batch norm folded by it, channels last, several batch sizes). Both times run from decoded 8-bit images in
           memory to predicted classes, normalising included; start-up, weights and compiling a graph are outside of both, compiling
           oneDNN's kernels is inside of ours. Both use the same number of threads. The classes must be the same.
  sharing  ResNet-50, the baseline and all single and pair drops of its identity blocks: with shared prefixes against every set on its own.
  ranks    the same study by one thread, by two threads, and by two ranks of one thread.

Wall time says something only on a machine that does nothing else; "processor" compares processor seconds, which other load distorts
less (set OMP_WAIT_POLICY=passive then, or PyTorch's waiting threads count as work; the study's start-up, with the
compilation of its kernels, is taken off there).
"""
import argparse
import copy
import itertools
import json
import lzma
import os
import pathlib
import re
import resource
import statistics
import subprocess
import sys
import tempfile
import time

ROOT = pathlib.Path(__file__).resolve().parents[3]
NETWORKS = ROOT / "profiles" / "networks"
RECORD_BYTES = 1 + 3 * 32 * 32  # CIFAR-10: a label and the pixels
LAUNCH = ["--oversubscribe", "--bind-to", "none", "--mca", "mpi_yield_when_idle", "1"]


def spread(values, unit):
    return f"{statistics.median(values):.4g} {unit} ({min(values):.4g} to {max(values):.4g})"


def children_processor_s():
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return usage.ru_utime + usage.ru_stime


class Study:
    """One run of `skipstone study`: its table as JSON; seconds of its engine and of the whole process; processor seconds."""

    def __init__(self, options, folder, *arguments, ranks=None):
        table = pathlib.Path(folder) / "table.toml"
        command = [options.program, "study", "-o", str(table), *map(str, arguments)]
        environment = dict(os.environ)
        if ranks is not None:
            command = ["mpirun", "-n", str(ranks), *LAUNCH, *command]
            if os.geteuid() == 0:
                environment.update(OMPI_ALLOW_RUN_AS_ROOT="1", OMPI_ALLOW_RUN_AS_ROOT_CONFIRM="1")
        before, begin = children_processor_s(), time.monotonic()
        result = subprocess.run(command, capture_output=True, text=True, env=environment)
        self.process_s = time.monotonic() - begin
        self.processor_s = children_processor_s() - before
        if result.returncode != 0:
            sys.exit(f"{' '.join(command)}: exit {result.returncode}\n{result.stdout}{result.stderr}")
        self.table = json.loads(table.with_suffix(".json").read_text())
        self.engine_s = float(re.search(r"^engine: ([\d.]+) s", result.stdout, re.MULTILINE)[1])

    def confusions(self):
        return {(tuple(row["dropped"]), row["mode"]): row["confusion"] for row in self.table["rows"]}


def start_processor_s(options, folder, *arguments):
    """Processor seconds of a study that has one image to do: its start-up."""
    return Study(options, folder, *arguments, "--drops", "none", "--limit", 1).processor_s


def real_file(options, name):
    path = pathlib.Path(options.data) / name
    if not path.exists():
        sys.exit(f"{path} is missing; --data names the folder with the CIFAR-10 test images and the trained weights")
    return path


def converted(options, folder, name, network):
    path = pathlib.Path(folder) / f"{network}.h5"
    subprocess.run(["/usr/bin/python3", ROOT / "analysis" / "convert_weights.py", real_file(options, name), path, "--network", network],
                   check=True, stdout=subprocess.DEVNULL)
    return path


class TorchWay:
    """A way to run a network in PyTorch: images as a loader hands them over, normalised and classified batch by batch."""

    def __init__(self, name, model, batch, layout, preprocess):
        self.name = f"{name}, batch {batch}"
        self.model, self.batch, self.layout, self.preprocess = model, batch, layout, preprocess

    def run(self, torch, pixels):
        """Wall and processor seconds, and the predicted classes."""
        processor, begin = time.process_time(), time.monotonic()
        with torch.inference_mode():
            found = []
            for images in torch.split(pixels, self.batch):
                images = self.preprocess(images).contiguous(memory_format=self.layout)
                found.append(self.model(images).argmax(1))
            classes = torch.cat(found)
        return time.monotonic() - begin, time.process_time() - processor, classes.tolist()


def torch_ways(torch, network, preprocess, pixels, batches, wanted):
    """What PyTorch 1.13 has to make inference fast, each warmed up; wanted: a part of the names."""
    from torch.fx.experimental import optimization

    plain, last = torch.contiguous_format, torch.channels_last
    layouts = {"contiguous": plain, "channels last": last}
    folded = optimization.fuse(network)  # batch norm into the convolutions
    ways = []
    for batch, (layout_name, layout) in itertools.product(batches, layouts.items()):
        example = preprocess(pixels[:batch]).contiguous(memory_format=layout)

        def frozen(model, layout=layout, example=example):
            return torch.jit.freeze(torch.jit.trace(copy.deepcopy(model).to(memory_format=layout), example))

        def fused_by_onednn():
            torch.jit.enable_onednn_fusion(True)  # takes effect while the graph warms up
            return frozen(network)

        makers = {
            "eager": lambda: copy.deepcopy(network).to(memory_format=layout),
            "eager, batch norm folded": lambda: copy.deepcopy(folded).to(memory_format=layout),
            "frozen, batch norm folded": lambda: frozen(folded),
            "frozen, optimize_for_inference": lambda: torch.jit.optimize_for_inference(frozen(network)),
            "frozen, oneDNN graph fusion": fused_by_onednn,
        }
        if layout is plain:
            makers["fx optimize_for_inference"] = lambda: optimization.optimize_for_inference(network)
        for name, make in makers.items():
            if wanted not in f"{name}, {layout_name}, batch {batch}":
                continue
            with torch.no_grad():
                way = TorchWay(f"{name}, {layout_name}", make(), batch, layout, preprocess)
            for _ in range(3):
                way.run(torch, pixels[:batch])
            torch.jit.enable_onednn_fusion(False)
            ways.append(way)
    return ways


def fastest(torch, ways, pixels, measure):
    """The fastest of the ways; each runs twice in turn, its best time counts."""
    best = {}
    for _ in range(2):
        for way in ways:
            seconds = way.run(torch, pixels)[measure]
            best[way] = min(seconds, best.get(way, seconds))
    ranking = sorted(ways, key=best.get)
    for way in ranking:
        print(f"    {len(pixels) / best[way]:8.1f} images/s  {way.name}")
    return ranking[0]


def confusion_of(labels, classes, count=10):
    matrix = [[0] * count for _ in range(count)]
    for label, found in zip(labels, classes):
        matrix[label][found] += 1
    return matrix


def compare_with_torch(options, folder):
    try:
        import torch
        import torch_networks
    except ImportError as missing:
        sys.exit(f"{missing}; the comparison with PyTorch needs Debian's packages: apt-get install python3-torch python3-h5py")
    import warnings
    warnings.filterwarnings("ignore", module="torch")
    torch.set_num_threads(options.threads)
    data = real_file(options, "cifar10-test.bin.xz")
    weights = converted(options, folder, "resnet56-4bfd9763.th", "resnet56-cifar")
    records = lzma.open(data).read()[:options.limit * RECORD_BYTES]
    records = torch.frombuffer(bytearray(records), dtype=torch.uint8).view(-1, RECORD_BYTES)
    labels, pixels = records[:, 0].tolist(), records[:, 1:].reshape(-1, 3, 32, 32)
    network, size, mean, std = torch_networks.load(NETWORKS / "resnet56-cifar.toml", weights)

    def preprocess(images):
        return torch_networks.preprocess(images, size, mean, std)

    print(f"ResNet-56, {len(pixels)} images, {options.threads} threads; PyTorch {torch.__version__}, its ways:")
    ways = torch_ways(torch, network, preprocess, pixels, (32, 128), options.way)
    if not ways:
        sys.exit(f"--way {options.way}: no way has such a name")
    way = fastest(torch, ways, pixels[:384], 0 if options.by == "wall" else 1)

    files = ("--weights", weights, "--data", data)
    start_s = start_processor_s(options, folder, *files)
    ours, theirs = [], []
    for _ in range(options.repetitions):
        ours.append(Study(options, folder, *files, "--drops", "none", "--limit", len(pixels), "--batch", options.batch, "--threads",
                          options.threads))
        theirs.append(way.run(torch, pixels))
    print("  study, engine              ", spread([run.engine_s for run in ours], "s"))
    print("  study, whole process       ", spread([run.process_s for run in ours], "s"))
    print("  PyTorch, its fastest way   ", spread([wall for wall, _, _ in theirs], "s"))
    print("  study's engine / PyTorch   ", spread([run.engine_s / other[0] for run, other in zip(ours, theirs)], "  allowed: 1.0"))
    print("  processor seconds, likewise",
          spread([(run.processor_s - start_s) / other[1] for run, other in zip(ours, theirs)], ""))
    confusion = next(iter(ours[0].confusions().values()))
    expected = confusion_of(labels, theirs[0][2])
    apart = sum(abs(a - b) for line, other in zip(confusion, expected) for a, b in zip(line, other)) // 2
    print(f"  right: {ours[0].table['rows'][0]['correct']} (PyTorch {sum(expected[c][c] for c in range(10))}); "
          f"images counted in another cell of the confusion matrix: {apart}")
    return apart <= 2


def compare_sharing(options, folder):
    """All sets in one study, with and without shared prefixes."""
    blocks = [f"s{stage}b{block}" for stage, count in ((2, 3), (3, 4), (4, 6), (5, 3)) for block in range(2, count + 1)]
    sets = [[block] for block in blocks] + [list(pair) for pair in itertools.combinations(blocks, 2)]
    drops = pathlib.Path(folder) / "drops.toml"
    drops.write_text("".join(f"[[row]]\ndropped = {json.dumps(dropped)}\n" for dropped in sets))
    files = ("--weights", real_file(options, "resnet50-cifar10.h5"), "--data", real_file(options, "cifar10-test.bin.xz"))

    def study(share):
        return Study(options, folder, *files, "--drops", drops, "--limit", options.sharing_limit, "--batch", options.batch, "--threads",
                     options.threads, "--share", share)

    print(f"ResNet-50, {options.sharing_limit} images, the baseline, {len(blocks)} single drops and {len(sets) - len(blocks)} pairs, "
          f"threads: {options.threads}")
    start_s = start_processor_s(options, folder, *files)
    pairs = [(study("on"), study("off")) for _ in range(options.repetitions)]
    same = all(on.confusions() == off.confusions() for on, off in pairs)
    print("  shared prefixes            ", spread([on.engine_s for on, _ in pairs], "s"))
    print("  every set on its own       ", spread([off.engine_s for _, off in pairs], "s"))
    print("  ratio                      ", spread([on.engine_s / off.engine_s for on, off in pairs], "  allowed: 0.45"))
    print("  processor seconds, likewise",
          spread([(on.processor_s - start_s) / (off.processor_s - start_s) for on, off in pairs], ""))
    print("  results:", "the same" if same else "DIFFERENT")
    return same


def compare_ranks(options, folder):
    data, weights = real_file(options, "cifar10-test.bin.xz"), real_file(options, "resnet50-cifar10.h5")

    def study(threads, ranks=None):
        return Study(options, folder, "--weights", weights, "--data", data, "--drops", "singles", "--limit", options.ranks_limit,
                     "--batch", options.batch, "--threads", threads, ranks=ranks)

    print(f"ResNet-50, {options.ranks_limit} images, all single drops")
    runs = [(study(1), study(2), study(1, 1), study(1, 2)) for _ in range(options.repetitions)]
    for position, name in enumerate(("1 thread", "2 threads", "1 rank of 1 thread", "2 ranks of 1 thread")):
        print(f"  {name:27}", spread([run[position].engine_s for run in runs], "s"),
              "  of 1 thread's", spread([run[position].engine_s / run[0].engine_s for run in runs], ""))
    same = all(run.table["rows"] == runs[0][0].table["rows"] for repetition in runs for run in repetition)
    print("  results:", "the same" if same else "DIFFERENT")
    return same


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("program", help="the skipstone to measure")
    parser.add_argument("--data", required=True, metavar="FOLDER",
                        help="has cifar10-test.bin.xz, resnet56-4bfd9763.th and resnet50-cifar10.h5")
    parser.add_argument("--parts", default="torch,sharing,ranks", help="what to compare (default: %(default)s)")
    parser.add_argument("--limit", type=int, default=10000, help="images for torch (default: %(default)s)")
    parser.add_argument("--sharing-limit", type=int, default=1000, help="images for sharing (default: %(default)s)")
    parser.add_argument("--ranks-limit", type=int, default=320, help="images for ranks (default: %(default)s)")
    parser.add_argument("--batch", type=int, default=32, help="of the study (default: %(default)s)")
    parser.add_argument("--threads", type=int, default=2, help="of the study and of PyTorch (default: %(default)s)")
    parser.add_argument("--repetitions", type=int, default=5)
    parser.add_argument("--by", choices=("wall", "processor"), default="wall", help="how PyTorch's fastest way is found")
    parser.add_argument("--way", default="", metavar="TEXT", help="only ways of PyTorch with this in their names")
    options = parser.parse_args()
    options.program = str(pathlib.Path(options.program).resolve())
    compare = {"torch": compare_with_torch, "sharing": compare_sharing, "ranks": compare_ranks}
    parts = options.parts.split(",")
    if unknown := [part for part in parts if part not in compare]:
        parser.error(f"--parts {unknown[0]}: there are {', '.join(compare)}")
    with tempfile.TemporaryDirectory() as folder:
        right = [compare[part](options, folder) for part in parts]
    return 0 if all(right) else 1


if __name__ == "__main__":
    sys.exit(main())
