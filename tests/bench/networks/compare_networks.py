#!/usr/bin/env python3
"""Networks of other kinds than residual ones against ONNX Runtime and OpenVINO: one core, one image, the same ONNX file and input.

Every engine is a process of its own, pinned to one core, with its best documented settings; they take turns, a few passes each, so that
all of them meet the same moods of the machine. A pass counts by the processor time of its process, which on a quiet machine is what the
clock on the wall says, and which other programs on the machine do not lengthen. Prints for each network the medians, the ratio of the
faster one's time to ours (median over the turns, smallest and largest), how far outputs are apart, and the share of the roofline: the
least time for the multiplications at this core's peak, or for bringing the weights from memory, layer by layer, over our time. Winograd
multiplies less, and can pass 100 %. The last line has the geometric mean of the ratios.

    python3 -m venv peers && peers/bin/pip install onnx onnxruntime openvino numpy h5py
    ninja -C build skipstone kernel_passes
    peers/bin/python tests/bench/networks/compare_networks.py --data FOLDER

FOLDER has mlperf-tiny/ with the trained ResNet-8 and DS-CNN; without it, these two are left out. The other networks are made here, with
random weights (models.py beside this file). --precision int8: both peers get the network as ONNX Runtime quantises it (a scale for each output channel,
8-bit activations), ours calibrates itself with the same inputs."""

import argparse
import math
import os
import pathlib
import statistics
import subprocess
import sys
import tempfile
import time

ROOT = pathlib.Path(__file__).resolve().parents[3]
TRAINED = {"resnet8": "mlperf-tiny/resnet8_cifar10.onnx", "ds_cnn": "mlperf-tiny/ds_cnn_kws_float32.onnx"}
MADE = ("vgg16", "alexnet", "mobilenet_v1", "mobilenet_v2", "squeezenet")
PEERS = ("onnxruntime", "openvino")
SEEDS = (2, 3, 4)  # of the inputs that are calibrated with
CACHE_BYTES = 32e6  # weights of smaller networks stay in a cache from pass to pass


def input_of(model, seed=1):
    """Name and values of the one input, in the model's own order of axes."""
    import numpy
    import onnx

    graph = onnx.load(model, load_external_data=False).graph
    weights = {tensor.name for tensor in graph.initializer}
    given = next(value for value in graph.input if value.name not in weights)
    shape = [axis.dim_value or 1 for axis in given.type.tensor_type.shape.dim]
    return given.name, numpy.random.default_rng(seed).standard_normal(shape).astype(numpy.float32)


def onnxruntime_engine(model):
    import onnxruntime

    settings = onnxruntime.SessionOptions()
    settings.intra_op_num_threads = settings.inter_op_num_threads = 1
    settings.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_ENABLE_ALL
    session = onnxruntime.InferenceSession(model, settings, providers=["CPUExecutionProvider"])
    name, values = input_of(model)
    return lambda: session.run(None, {name: values})[0], f"ONNX Runtime {onnxruntime.__version__}"


def openvino_engine(model):
    import openvino

    settings = {"INFERENCE_NUM_THREADS": "1", "NUM_STREAMS": "1", "PERFORMANCE_HINT": "LATENCY", "INFERENCE_PRECISION_HINT": "f32"}
    request = openvino.Core().compile_model(model, "CPU", settings).create_infer_request()
    _, values = input_of(model)
    return (lambda: request.infer({0: values}, share_inputs=True, share_outputs=True)[0],
            f"OpenVINO {openvino.__version__.split('-')[0]}")


def serve(name, model):
    """A peer's process: the same protocol as kernel_passes."""
    call, version = {"onnxruntime": onnxruntime_engine, "openvino": openvino_engine}[name](model)
    result = call()
    for line in sys.stdin:
        seconds = []
        for _ in range(int(line)):
            begin = time.process_time()
            result = call()
            seconds.append(time.process_time() - begin)
        print(*seconds, flush=True)
    print(*result.ravel())
    print(version)


def bound(model, limits):
    """Multiplications, and the least seconds that they, or their weights, take."""
    import numpy
    import onnx

    made = onnx.shape_inference.infer_shapes(onnx.load(model))
    graph = made.graph
    weights = {tensor.name: numpy.prod(tensor.dims, dtype=int) for tensor in graph.initializer}
    filters = {tensor.name: tensor.dims for tensor in graph.initializer}
    shapes = {value.name: [axis.dim_value or 1 for axis in value.type.tensor_type.shape.dim] for value in [*graph.value_info, *graph.output]}
    total = 4 * sum(weights.values())
    macs, seconds = 0, 0.0
    for node in graph.node:
        if node.op_type in ("Conv", "Gemm", "MatMul") and node.input[1] in weights:
            count = weights[node.input[1]]
            if node.op_type == "Conv":
                count *= math.prod(shapes[node.output[0]][2:])
            macs += count
            stream = 4 * weights[node.input[1]] / limits["memory_byte_s"] if total > CACHE_BYTES else 0
            seconds += max(2 * count / limits["fma_flop_s"], stream)
    return macs, seconds


def quantised(model, path):
    """The model in 8 bits, for ONNX Runtime and OpenVINO."""
    from onnxruntime import quantization

    inputs = iter([dict([input_of(model, seed)]) for seed in SEEDS])

    class Reader(quantization.CalibrationDataReader):
        def get_next(self):
            return next(inputs, None)

    quantization.quantize_static(model, path, Reader(), quant_format=quantization.QuantFormat.QDQ, per_channel=True)
    return str(path)


def calibrated(model, weights, options):
    """The calibration of our network."""
    import h5py
    import numpy

    data, calibration = weights.with_suffix(".inputs.h5"), weights.with_suffix(".toml")
    with h5py.File(data, "w") as file:
        file["inputs"] = numpy.concatenate([ours_order(input_of(model, seed)[1], model) for seed in SEEDS])
    subprocess.run([options.skipstone, "calibrate", "--weights", weights, "--data", data, "--count", str(len(SEEDS)), "-o", calibration], check=True,
                   stdout=subprocess.DEVNULL)
    return calibration


def measure(name, model, options, limits, folder):
    import numpy

    sys.path.insert(0, str(ROOT / "tests" / "bench" / "kernels"))
    from compare import Engine  # the other side of the protocol

    cores = ["taskset", "-c", str(options.core)]
    environment = {"OMP_NUM_THREADS": "1"}
    given = folder / f"{name}.f32"
    given.write_bytes(ours_order(input_of(model)[1], model).tobytes())
    weights = folder / f"{name}.h5"
    subprocess.run([options.skipstone, "import", model, "-o", weights], check=True, stdout=subprocess.DEVNULL)
    calibration, theirs = [], model
    if options.precision == "int8":
        calibration, theirs = [calibrated(model, weights, options)], quantised(model, folder / f"{name}.int8.onnx")
    engines = [Engine("ours", [*cores, options.program, "--processor-time", ROOT / "profiles", "-", "-", options.precision, "standard", weights,
                               given, *calibration], environment)]
    engines += [Engine(peer, [*cores, sys.executable, __file__, "--serve", peer, theirs], environment) for peer in PEERS]
    for engine in engines:
        if not engine.turn(3):
            raise SystemExit(f"{name}, {engine.name}: {engine.why()}")
        engine.seconds.clear()
    begin = time.monotonic()
    turn = 0
    while turn < options.turns or time.monotonic() - begin < options.least:
        for engine in engines[turn % len(engines):] + engines[:turn % len(engines)]:
            engine.turn(options.passes)
        turn += 1
    outputs = [numpy.array(engine.end()) for engine in engines]
    ours, *peers = engines
    faster = min(peers, key=lambda peer: statistics.median(peer.seconds))
    ratios = [other / mine for other, mine in zip(faster.seconds, ours.seconds)]
    macs, least = bound(model, limits)
    medians = [statistics.median(engine.seconds) for engine in engines]
    apart = max(abs(outputs[0] - other).max() / abs(other).max() for other in outputs[1:])
    row = [f"{1e3 * value:9.3f}" for value in medians]
    print(f"{name:14} {macs / 1e6:9.1f} {' '.join(row)} {statistics.median(ratios):7.3f} {min(ratios):6.2f} {max(ratios):6.2f}"
          f" {100 * least / medians[0]:9.0f} % {apart:8.1e}", flush=True)
    return statistics.median(ratios), [peer.version for peer in peers]


def ours_order(values, model):
    """The input as [N,H,W,C]; the trained networks take it so."""
    import numpy

    is_trained = pathlib.Path(model).name in (pathlib.Path(path).name for path in TRAINED.values())
    return numpy.ascontiguousarray(values if is_trained else values.transpose(0, 2, 3, 1))


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--networks", default=",".join((*MADE, *TRAINED)), metavar="NAME,...")
    parser.add_argument("--data", type=pathlib.Path, metavar="FOLDER")
    parser.add_argument("--precision", choices=("float32", "int8"), default="float32")
    parser.add_argument("--models", type=pathlib.Path, metavar="FOLDER", help="where made networks are kept; default: nowhere")
    parser.add_argument("--turns", type=int, default=9, metavar="N")
    parser.add_argument("--passes", type=int, default=5, metavar="N", help="of each engine in a turn")
    parser.add_argument("--least", type=float, default=3, metavar="SECONDS", help="that each network is measured")
    parser.add_argument("--core", type=int, default=max(os.sched_getaffinity(0)))
    parser.add_argument("--program", type=pathlib.Path, default=ROOT / "build" / "tests" / "bench" / "kernels" / "kernel_passes")
    parser.add_argument("--skipstone", type=pathlib.Path, default=ROOT / "build" / "skipstone")
    parser.add_argument("--serve", nargs=2, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.serve:
        return serve(*options.serve)

    import models

    limits = subprocess.run(["taskset", "-c", str(options.core), options.program, "--limits"], check=True, capture_output=True, text=True).stdout
    limits = dict(zip(("fma_flop_s", "memory_byte_s"), map(float, limits.split())))
    print(f"one core: {limits['fma_flop_s'] / 1e9:.0f} GFLOP/s, {limits['memory_byte_s'] / 1e9:.1f} GB/s from memory")
    print(f"{'network':14} {'MMAC':>9} {'ours/ms':>9} {'ORT/ms':>9} {'OV/ms':>9} {'ratio':>7} {'min':>6} {'max':>6} {'roofline':>11} {'apart':>8}")
    ratios, versions = [], ()
    with tempfile.TemporaryDirectory(prefix="skipstone-networks-") as name:
        folder = pathlib.Path(name)
        for network in options.networks.split(","):
            if network in TRAINED and not options.data:
                continue
            model = options.data / TRAINED[network] if network in TRAINED else models.write(network, options.models or folder)
            ratio, versions = measure(network, str(model), options, limits, folder)
            ratios.append(ratio)
    print(f"geometric mean of the ratios: {statistics.geometric_mean(ratios):.3f}, the least: {min(ratios):.3f}; {', '.join(versions)}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
