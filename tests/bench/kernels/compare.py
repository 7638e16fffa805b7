#!/usr/bin/env python3
"""Our kernels against PyTorch, ONNX Runtime, OpenVINO and OpenCV: one pass through a network with the same weights and the same image.

Every engine is a process of its own on one core, with its best documented settings for inference; they take turns, a few passes each,
so that all of them meet the same moods of the machine. Prints each engine's median, the ratio of its time to ours (median over the
turns, smallest and largest), and how far its logits are from float64's.

    python3 -m venv peers && peers/bin/pip install torch onnxruntime openvino opencv-python-headless onnx h5py numpy
    ninja -C build kernel_passes
    peers/bin/python tests/bench/kernels/compare.py --weights resnet50-cifar10.h5
"""

import argparse
import os
import pathlib
import statistics
import subprocess
import sys
import tempfile
import time

ROOT = pathlib.Path(__file__).resolve().parents[3]
sys.path.insert(0, str(ROOT / "tests" / "bench" / "study"))
PEERS = ("torch", "torch-channels-last", "torch-compile", "torch-compile-autotune", "onnxruntime", "openvino", "opencv")


def load_torch(options):
    import torch
    import torch_networks

    torch.set_num_threads(options.threads)
    network, _, _, _ = torch_networks.load(ROOT / "profiles" / "networks" / f"{options.network}.toml", options.weights)
    return torch, network


def image(options):
    import numpy

    generator = numpy.random.default_rng(1)
    return generator.standard_normal((options.batch, 3, options.input, options.input)).astype(numpy.float32)


def torch_engine(options, way):
    torch, network = load_torch(options)
    given = torch.from_numpy(image(options))
    if way != "torch":
        network, given = network.to(memory_format=torch.channels_last), given.to(memory_format=torch.channels_last)
    with torch.inference_mode():
        if way.startswith("torch-compile"):
            import torch._inductor.config
            torch._inductor.config.freezing = True  # weights are constants: batch normalisation is folded into them
            run = torch.compile(network, mode="default" if way == "torch-compile" else "max-autotune")
        else:
            run = torch.jit.optimize_for_inference(torch.jit.freeze(torch.jit.trace(network, given)))
        for _ in range(3):
            run(given)

    def call():
        with torch.inference_mode():
            return run(given).numpy()

    return call, f"PyTorch {torch.__version__}"


def onnx_file(options):
    """The network in ONNX; the exporter folds batch norms."""
    torch, network = load_torch(options)
    file = tempfile.NamedTemporaryFile(suffix=".onnx", delete=False).name
    torch.onnx.export(network, torch.from_numpy(image(options)), file, input_names=["image"], dynamo=False)
    return file


def onnxruntime_engine(options, _):
    import onnxruntime

    settings = onnxruntime.SessionOptions()
    settings.intra_op_num_threads = options.threads
    settings.inter_op_num_threads = 1
    settings.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_ENABLE_ALL
    session = onnxruntime.InferenceSession(onnx_file(options), settings, providers=["CPUExecutionProvider"])
    given = {"image": image(options)}
    return lambda: session.run(None, given)[0], f"ONNX Runtime {onnxruntime.__version__}"


def openvino_engine(options, _):
    import openvino

    core = openvino.Core()
    settings = {"INFERENCE_NUM_THREADS": str(options.threads), "PERFORMANCE_HINT": "LATENCY", "INFERENCE_PRECISION_HINT": "f32",
                "NUM_STREAMS": "1"}
    compiled = core.compile_model(core.read_model(onnx_file(options)), "CPU", settings)
    request, given = compiled.create_infer_request(), image(options)
    return lambda: request.infer({0: given})[0], f"OpenVINO {openvino.__version__.split('-')[0]}"


def opencv_engine(options, _):
    import cv2

    cv2.setNumThreads(options.threads)
    network = cv2.dnn.readNetFromONNX(onnx_file(options))
    given = image(options)

    def call():
        network.setInput(given)
        return network.forward()

    return call, f"OpenCV {cv2.__version__}"


ENGINES = {"onnxruntime": onnxruntime_engine, "openvino": openvino_engine, "opencv": opencv_engine}


def serve(options):
    """A peer's process: the same protocol as kernel_passes."""
    call, version = ENGINES.get(options.serve, torch_engine)(options, options.serve)
    logits = call()
    for line in sys.stdin:
        seconds = []
        for _ in range(int(line)):
            begin = time.perf_counter()
            logits = call()
            seconds.append(time.perf_counter() - begin)
        print(*seconds, flush=True)
    print(*logits.ravel())
    print(version)


class Engine:
    def __init__(self, name, command, environment):
        self.name, self.version, self.seconds = name, "ours", []
        self.errors = tempfile.TemporaryFile("w+")
        self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=self.errors, text=True,
                                        env={**os.environ, **environment})

    def turn(self, passes):
        try:
            self.process.stdin.write(f"{passes}\n")
            self.process.stdin.flush()
            line = self.process.stdout.readline()
        except BrokenPipeError:
            line = ""
        if not line:
            return False
        self.seconds.append(statistics.median(map(float, line.split())))
        return True

    def end(self):
        out, _ = self.process.communicate()
        lines = out.splitlines()
        if len(lines) > 1:
            self.version = lines[1]
        return [float(value) for value in lines[0].split()]

    def why(self):
        self.process.wait()
        self.errors.seek(0)
        return (self.errors.read().strip().splitlines() or ["?"])[-1]


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--weights", required=True, type=pathlib.Path, metavar="FILE.h5")
    parser.add_argument("--network", default="resnet50", metavar="PROFILE")
    parser.add_argument("--input", type=int, default=224, metavar="N")
    parser.add_argument("--batch", type=int, default=1, metavar="N")
    parser.add_argument("--threads", type=int, default=1, metavar="N")
    parser.add_argument("--turns", type=int, default=15, metavar="N")
    parser.add_argument("--passes", type=int, default=5, metavar="N", help="of each engine in a turn")
    parser.add_argument("--engines", default=",".join(PEERS), metavar="NAME,...", help=f"of {', '.join(PEERS)}")
    parser.add_argument("--calibration", type=pathlib.Path, metavar="FILE.toml", help="ours in bfloat16 and int8, too")
    parser.add_argument("--program", type=pathlib.Path, default=ROOT / "build" / "tests" / "bench" / "kernels" / "kernel_passes")
    parser.add_argument("--serve", choices=PEERS, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.serve:
        return serve(options)

    import numpy

    images = tempfile.NamedTemporaryFile(suffix=".f32")
    images.write(numpy.ascontiguousarray(image(options).transpose(0, 2, 3, 1)).tobytes())
    images.flush()
    environment = {"OMP_NUM_THREADS": str(options.threads)}
    cores = ",".join(map(str, sorted(os.sched_getaffinity(0))[:options.threads]))

    def ours(name, precision, convolutions, *rest):
        return Engine(name, ["taskset", "-c", cores, options.program, ROOT / "profiles", options.network, str(options.input), precision, convolutions,
                             options.weights, images.name, *rest], environment)

    engines = [ours("ours", "float32", "standard"), ours("ours, direct", "float32", "direct")]
    if options.calibration:
        engines += [ours("ours, bfloat16", "bfloat16", "direct"), ours("ours, int8", "int8", "direct", options.calibration)]
    arguments = [f"--{key}={getattr(options, key)}" for key in ("weights", "network", "input", "batch", "threads")]
    engines += [Engine(name, ["taskset", "-c", cores, sys.executable, __file__, *arguments, "--serve", name], environment)
                for name in options.engines.split(",") if name]

    for engine in list(engines):  # warm-up; who cannot start drops out
        if not engine.turn(2):
            print(f"{engine.name}: left out: {engine.why()}", file=sys.stderr)
            engines.remove(engine)
        engine.seconds.clear()
    if not engines or engines[0].name != "ours":
        return 1
    for turn in range(options.turns):
        for engine in engines[turn % len(engines):] + engines[:turn % len(engines)]:
            engine.turn(options.passes)

    torch, network = load_torch(options)
    with torch.inference_mode():
        exact = network.double()(torch.from_numpy(image(options)).double()).numpy().ravel()
    print(f"{options.network}, {options.input} x {options.input}, batch {options.batch}, {options.threads} thread(s), "
          f"{options.turns} turns of {options.passes} passes")
    print(f"{'engine':34} {'median/ms':>10} {'time/ours':>10} {'min':>6} {'max':>6} {'logits off by':>14} {'class':>6}")
    base = engines[0].seconds
    for engine in engines:
        ratios = [mine / our for mine, our in zip(engine.seconds, base)]
        logits = numpy.array(engine.end())
        off = abs(logits - exact).max() / abs(exact).max()
        same = (logits.reshape(options.batch, -1).argmax(1) == exact.reshape(options.batch, -1).argmax(1)).all()
        label = engine.name if engine.version == "ours" else f"{engine.name} ({engine.version})"
        print(f"{label:34} {1e3 * statistics.median(engine.seconds):10.2f} {statistics.median(ratios):10.3f} {min(ratios):6.2f} {max(ratios):6.2f} "
              f"{off:14.1e} {'same' if same else 'other':>6}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
