#!/usr/bin/env python3
"""The converter from PyTorch state dicts: what it writes, what it refuses, and that it runs nothing that a file says."""

import contextlib
import importlib.util
import io
import json
import os
import pathlib
import pickle
import stat
import subprocess
import sys
import tempfile
import types
import unittest
import zipfile
from unittest import mock

try:
    import h5py
    import numpy
except ImportError as missing:
    print(f"skipped: {missing}")
    sys.exit(77)

ROOT = pathlib.Path(__file__).resolve().parents[2]
SCRIPT = ROOT / "analysis" / "convert_weights.py"
PROGRAM = os.environ.get("SKIPSTONE_PROGRAM", str(ROOT / "build" / "skipstone"))
os.environ["SKIPSTONE"] = PROGRAM  # whom the script asks
TEST_DATA = pathlib.Path(os.environ.get("SKIPSTONE_TEST_DATA", ROOT.parent / "shared" / "data"))
sys.path.insert(0, str(SCRIPT.parent))

import convert_weights  # noqa: E402
import torch_file  # noqa: E402

PROFILE = """
name = "tiny"
stages = [1, 2]
block = "basic"
width = 2
expansion = 1
shortcut = "{shortcut}"
stem = "{stem}"
input = 8
classes = 10
"""


class Name:
    """A name that the pickle refers to, written without importing it."""

    def __init__(self, module, name):
        self.module, self.name = module, name

    def __call__(self):
        raise AssertionError("only written, never called")


class Call:
    def __init__(self, function, *arguments):
        self.function, self.arguments = function, arguments


class TorchPickler(pickle._Pickler):
    """Pickles numpy arrays as torch.save does tensors; `arrays` are what goes beside the pickle."""

    STORAGES = {"f4": "FloatStorage", "f8": "DoubleStorage", "f2": "HalfStorage", "i8": "LongStorage"}

    def __init__(self, file, legacy):
        super().__init__(file, 2)
        self.legacy, self.arrays = legacy, []

    def save(self, obj, save_persistent_id=True):
        if isinstance(obj, Name):
            self.write(pickle.GLOBAL + f"{obj.module}\n{obj.name}\n".encode())
        elif isinstance(obj, Call):
            self.save_reduce(obj.function, obj.arguments)
        elif isinstance(obj, numpy.ndarray):
            self.arrays.append(obj)
            steps = tuple(step // obj.itemsize for step in obj.strides)
            self.save_reduce(Name("torch._utils", "_rebuild_tensor_v2"),
                             (StorageReference(obj, len(self.arrays) - 1), 0, obj.shape, steps, False, None))
        else:
            super().save(obj, save_persistent_id)

    def persistent_id(self, obj):
        if not isinstance(obj, StorageReference):
            return None
        kind = Name("torch", self.STORAGES[obj.array.dtype.str[1:]])
        return ("storage", kind, str(obj.key), "cpu", obj.array.size) + ((None,) if self.legacy else ())


class StorageReference:
    def __init__(self, array, key):
        self.array, self.key = array, key


def zip_file(content):
    data, file = io.BytesIO(), io.BytesIO()
    pickler = TorchPickler(data, legacy=False)
    pickler.dump(content)
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr("archive/data.pkl", data.getvalue())
        for key, array in enumerate(pickler.arrays):
            archive.writestr(f"archive/data/{key}", array.tobytes("A"))
        archive.writestr("archive/version", "3\n")
    return file.getvalue()


def legacy_file(content):
    file = io.BytesIO()
    for header in (torch_file.LEGACY_MAGIC, torch_file.LEGACY_PROTOCOL, {"little_endian": True}):
        pickle.dump(header, file, 2)
    pickler = TorchPickler(file, legacy=True)
    pickler.dump(content)
    pickle.dump([str(key) for key in range(len(pickler.arrays))], file, 2)
    for array in pickler.arrays:
        file.write(array.size.to_bytes(8, "little") + array.tobytes("A"))
    return file.getvalue()


def run(*words):
    """The script in this process: returncode and stderr."""
    with contextlib.redirect_stderr(io.StringIO()) as said, contextlib.redirect_stdout(io.StringIO()):
        try:
            status = convert_weights.main([str(word) for word in words])
        except SystemExit as end:  # argparse's
            status = end.code
    return types.SimpleNamespace(returncode=status, stderr=said.getvalue())


class ConverterCase(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = pathlib.Path(folder.name)
        self.profile = self.write_profile()

    def write_profile(self, shortcut="projection", stem="cifar"):
        path = self.folder / "tiny.toml"
        path.write_text(PROFILE.format(shortcut=shortcut, stem=stem))
        return path

    def state(self, classes=3, **changes):
        random = numpy.random.default_rng(1)
        tensors = convert_weights.read_network(str(self.profile)).tensors
        state = {}
        for name, shape in tensors.items():
            shape = [classes if n == convert_weights.CLASSES else n for n in shape]
            state[name] = random.random(shape, numpy.float32)
            if name.endswith("running_var"):
                state[name.replace("running_var", "num_batches_tracked")] = numpy.array(7)
        state.update(changes)
        return {name: value for name, value in state.items() if value is not None}

    def convert(self, content, *options, encode=zip_file, destination="out.h5"):
        source = self.folder / "in.pt"
        source.write_bytes(content if isinstance(content, bytes) else encode(content))
        before = sorted(os.listdir(self.folder))
        self.result = run(source, self.folder / destination, "--network", self.profile, *options)
        if self.result.returncode != 0:
            self.assertEqual(sorted(os.listdir(self.folder)), before, "a failed conversion left something behind")
        return self.result

    def assertConverts(self, content, *options, **keywords):
        result = self.convert(content, *options, **keywords)
        self.assertEqual(result.returncode, 0, result.stderr)
        with h5py.File(self.folder / "out.h5") as file:
            return {name: file[name][()] for name in file}, dict(file.attrs)

    def assertRefused(self, content, message, *options, **keywords):
        result = self.convert(content, *options, **keywords)
        self.assertEqual(result.returncode, 2, result.stderr)
        self.assertIn(message, result.stderr)
        self.assertNotIn("Traceback", result.stderr)


class Writes(ConverterCase):
    def assertHolds(self, weights, state):
        expected = {name: value for name, value in state.items() if "num_batches" not in name}
        self.assertEqual(weights.keys(), expected.keys())
        for name, value in expected.items():
            numpy.testing.assert_array_equal(weights[name], value, err_msg=name)

    def test_both_formats_and_every_wrapper(self):
        state = self.state()
        prefixed = {f"module.{name}": value for name, value in state.items()}
        for encode in (zip_file, legacy_file):
            for content in (state, prefixed, {"epoch": 3, "best": 0.5, "state_dict": prefixed},
                            {"model_state_dict": state, "optimizer": {"state": {}}}):
                with self.subTest(encode=encode.__name__, keys=list(content)[:2]):
                    weights, _ = self.assertConverts(content, encode=encode)
                    self.assertHolds(weights, state)
                    self.assertTrue(all(value.dtype == numpy.float32 for value in weights.values()))

    def test_as_a_program(self):
        (self.folder / "in.pt").write_bytes(zip_file(dict(self.state(), epoch=numpy.array(3))))
        result = subprocess.run([sys.executable, SCRIPT, self.folder / "in.pt", self.folder / "out.h5", "--network", self.profile],
                                capture_output=True, text=True, timeout=60)
        self.assertEqual(result.returncode, 0)
        self.assertIn("out.h5: tiny, 42 tensors", result.stdout)
        self.assertIn("left out, not of the network: epoch", result.stderr)

    def test_attributes(self):
        _, attributes = self.assertConverts(self.state(classes=4))
        self.assertEqual((attributes["network"], attributes["input_size"], attributes["classes"]), ("tiny", 8, 4))
        self.assertEqual(list(attributes["input_mean"]), [0.485, 0.456, 0.406])
        self.assertEqual(list(attributes["input_std"]), [0.229, 0.224, 0.225])
        self.assertEqual((attributes["source"], attributes["license"]), ("in.pt", "not stated"))
        _, attributes = self.assertConverts(
            self.state(), "--input-size", "16", "--source", "a paper", "--license", "MIT", "--mean", "0.5,0.25,0",
            "--std", "1,0.5,0.25")
        self.assertEqual((attributes["input_size"], attributes["source"], attributes["license"]), (16, "a paper", "MIT"))
        self.assertEqual(list(attributes["input_mean"]), [0.5, 0.25, 0])
        self.assertEqual(list(attributes["input_std"]), [1, 0.5, 0.25])

    def test_float16_is_for_convolutions(self):
        state = self.state()
        weights, _ = self.assertConverts(state, "--float16")
        for name, value in weights.items():
            wide = state[name].ndim == 1
            self.assertEqual(value.dtype, numpy.float32 if wide else numpy.float16, name)
            numpy.testing.assert_allclose(value, state[name], rtol=0 if wide else 2**-11, atol=1e-7)

    def test_layout_and_precision_of_the_source_do_not_matter(self):
        wide = numpy.arange(18, dtype=numpy.float64).reshape(3, 6)
        transposed = numpy.asfortranarray(numpy.arange(12, dtype=numpy.float32).reshape(3, 4))
        with_wide = self.state(**{"linear.bias": numpy.array([1, 2, 3], numpy.float16), "linear.weight": transposed})
        weights, _ = self.assertConverts(with_wide)
        numpy.testing.assert_array_equal(weights["linear.weight"], transposed)
        numpy.testing.assert_array_equal(weights["linear.bias"], [1, 2, 3])
        self.assertRefused(self.state(**{"linear.weight": wide}), "linear.weight has shape [3, 6]")

    def test_zero_pad_networks_have_no_projections(self):
        self.profile = self.write_profile(shortcut="zero-pad")
        weights, _ = self.assertConverts(self.state())
        self.assertFalse([name for name in weights if "downsample" in name])

    def test_the_last_layer_goes_by_either_name(self):
        state = self.state()
        renamed = {name.replace("linear", "fc"): value for name, value in state.items()}
        self.assertHolds(self.assertConverts(renamed)[0], state)

    def test_the_same_input_gives_the_same_bytes(self):
        self.assertConverts(self.state())
        first = (self.folder / "out.h5").read_bytes()
        self.assertConverts(self.state())
        self.assertEqual((self.folder / "out.h5").read_bytes(), first)

    def test_networks_of_other_families(self):
        for self.profile, channels, size in (("lenet-5", 1, 32), ("alexnet-2014", 3, 224)):
            state = {f"module.{name}": value for name, value in self.state(classes=4).items()}
            weights, attributes = self.assertConverts(state)
            self.assertHolds({f"module.{name}": value for name, value in weights.items()}, state)
            self.assertEqual((attributes["input_size"], attributes["classes"]), (size, 4))
            self.assertEqual(len(attributes["input_mean"]), channels)
        self.profile = "lenet-5"
        _, attributes = self.assertConverts(self.state())
        self.assertEqual((list(attributes["input_mean"]), list(attributes["input_std"])), ([0], [1]))
        _, attributes = self.assertConverts(self.state(), "--mean", "0.5", "--std", "0.25")
        self.assertEqual((list(attributes["input_mean"]), list(attributes["input_std"])), ([0.5], [0.25]))
        self.assertRefused(self.state(), "--std: has 3 numbers; lenet-5 reads 1 channel", "--std", "1,1,1")

    def test_names_are_torchvisions(self):
        tensors = convert_weights.read_network("resnet50").tensors
        self.assertEqual(len(tensors), 267)
        self.assertEqual(tensors["conv1.weight"], (64, 3, 7, 7))
        self.assertEqual(tensors["layer1.0.downsample.0.weight"], (256, 64, 1, 1))
        self.assertEqual(tensors["layer3.5.conv2.weight"], (256, 256, 3, 3))
        self.assertEqual(tensors["layer4.2.bn3.running_var"], (2048,))
        self.assertEqual(tensors["fc.weight"], ("classes", 2048))


class Refuses(ConverterCase):
    def test_tensors_that_are_missing_or_too_many(self):
        self.assertRefused(self.state(**{"layer2.1.bn2.bias": None}), "has not all tensors of tiny: layer2.1.bn2.bias")
        self.assertRefused(self.state(**{"layer2.2.conv1.weight": numpy.ones(1, numpy.float32)}),
                           "has tensors that tiny has not: layer2.2.conv1.weight")

    def test_wrong_shapes(self):
        self.assertRefused(self.state(**{"conv1.weight": numpy.ones((2, 3, 5, 5), numpy.float32)}),
                           "conv1.weight has shape [2, 3, 5, 5]; tiny needs [2, 3, 3, 3]")
        self.assertRefused(self.state(**{"linear.bias": numpy.ones(7, numpy.float32)}), "differ in the number of classes")

    def test_values_that_are_no_weights(self):
        bad = numpy.array([1, numpy.nan], numpy.float32)
        self.assertRefused(self.state(**{"bn1.weight": bad}), "bn1.weight holds NaN or infinity")
        self.assertRefused(self.state(**{"bn1.running_var": numpy.array([1, -1], numpy.float32)}),
                           "bn1.running_var holds a negative variance")
        self.assertRefused(self.state(**{"bn1.weight": numpy.array([1, 2])}), "instead of floating-point numbers")
        large = numpy.full((2, 3, 3, 3), 1e5, numpy.float32)
        self.assertRefused(self.state(**{"conv1.weight": large}), "too large for float16", "--float16")

    def test_what_is_no_state_dict(self):
        self.assertRefused({"epoch": 3}, "holds no state dict (a dictionary of epoch)")
        self.assertRefused([1, 2], "holds no state dict (a list)")
        self.assertRefused(Call(Name("resnet", "ResNet50")), "holds a whole pickled model (resnet.ResNet50)")
        self.assertRefused(b"\x80not a pickle at all", "is not a file that torch.save wrote")
        self.assertRefused(b"", "in.pt: is empty")

    def test_files_cut_anywhere(self):
        for encode in (zip_file, legacy_file):
            whole = encode(self.state())
            for share in (0.01, 0.3, 0.6, 0.9, 0.999):
                with self.subTest(encode=encode.__name__, share=share):
                    self.assertRefused(whole[:int(len(whole) * share)], "in.pt: is ")

    def test_nothing_in_the_file_is_run(self):
        mark = self.folder / "mark"
        for function in (Name("os", "system"), Name("builtins", "exec"), Name("torch.hub", "load")):
            hostile = dict(self.state(), extra=Call(function, f"touch {mark}"))
            self.assertConverts(hostile)
            self.assertFalse(mark.exists())

    def test_tensors_that_reach_beyond_their_array(self):
        class Reaching(numpy.ndarray):
            strides = (8 * 4,)

        state = self.state(**{"bn1.bias": numpy.ones(2, numpy.float32).view(Reaching)})
        self.assertRefused(state, "is damaged (a tensor reaches beyond its array)")

    def test_bad_options(self):
        for options in (["--mean", "1,2"], ["--std", "1,0,1"], ["--input-size", "0"], ["--mean", "a,b,c"], ["--mean", "nan,0,0"],
                        ["--std=-0.2,0.2,0.2"], ["--mean=-0.5,0.5,0.5"]):
            self.assertEqual(self.convert(self.state(), *options).returncode, 2)
        self.assertRefused(self.state(), "there is no network profile \"resnet5O\"; the nearest is \"resnet50\"", "--network", "resnet5O")

    def test_mean_and_deviation_of_values_in_0_to_255(self):
        self.assertRefused(self.state(), "of values in 0…255, divide by 255: 0.485,0.456,0.406", "--mean", "123.675,116.28,103.53")
        self.assertRefused(self.state(), "divide by 255: 0.229,0.224,0.225", "--std", "58.395,57.12,57.375")

    def test_without_the_program(self):
        for named, message in ((self.folder / "absent", "absent: the program, which knows the networks, cannot be started"),
                               (f"env -i {self.folder / 'absent'}", "--network ")):
            with mock.patch.dict(os.environ, {"SKIPSTONE": str(named)}):
                self.assertEqual(run("in.pt", self.folder / "out.h5", "--network", self.profile).returncode, 2)
                self.assertIn(message, run("in.pt", self.folder / "out.h5", "--network", self.profile).stderr)
        with mock.patch.dict(os.environ, {"SKIPSTONE": f"env {PROGRAM}"}):
            self.assertEqual(convert_weights.read_network(str(self.profile)).name, "tiny")

    def test_paths_that_do_not_work(self):
        self.assertRefused(self.state(), "cannot be written", destination="absent/out.h5")
        result = subprocess.run([sys.executable, SCRIPT, "absent.pt", "out.h5", "--network", self.profile],
                                capture_output=True, text=True)
        self.assertEqual(result.returncode, 2)
        self.assertIn("absent.pt: cannot be read (No such file or directory)", result.stderr)

    def test_a_failed_conversion_keeps_the_old_file(self):
        (self.folder / "out.h5").write_text("old")
        self.assertRefused(self.state(**{"conv1.weight": None}), "missing")
        self.assertEqual((self.folder / "out.h5").read_text(), "old")

    def test_the_file_has_ordinary_permissions(self):
        self.assertConverts(self.state())
        reference = self.folder / "reference"
        reference.touch()
        self.assertEqual(stat.S_IMODE((self.folder / "out.h5").stat().st_mode), stat.S_IMODE(reference.stat().st_mode))


class Finds(ConverterCase):
    """The network in checkpoints of many makes."""

    def assertFinds(self, content, *options, said="", encode=zip_file):
        weights, _ = self.assertConverts(content, *options, encode=encode)
        for name, value in self.wanted.items():
            numpy.testing.assert_array_equal(weights[name], value, err_msg=name)
        self.assertEqual(len(weights), len(self.wanted))
        self.assertIn(said, self.result.stderr)
        if not said:
            self.assertEqual(self.result.stderr, "")

    def setUp(self):
        super().setUp()
        self.net = self.state()
        self.wanted = {name: value for name, value in self.net.items() if "num_batches" not in name}
        self.other = {name: value + 1 for name, value in self.net.items()}

    def prefixed(self, prefix, state=None):
        return {prefix + name: value for name, value in (state or self.net).items()}

    def test_a_checkpoint_of_the_imagenet_example(self):
        scalar = numpy.array(0.75, numpy.float32)
        self.assertFinds({"epoch": 90, "arch": "resnet18", "state_dict": self.prefixed("module."), "best_acc1": scalar,
                          "optimizer": {"state": {0: {"momentum_buffer": numpy.ones(3, numpy.float32)}}, "param_groups": [{"lr": 0.1}]}})

    def test_every_wrapper(self):
        for key in convert_weights.WRAPPERS + ("whatever",):
            with self.subTest(key):
                self.assertFinds({"loss": numpy.array(0.1, numpy.float32), key: self.net, "epoch": 3})

    def test_a_wrapper_in_a_wrapper(self):
        self.assertFinds({"checkpoint": {"trainer": {"model_state": {"state_dict": self.prefixed("module._orig_mod.")}}}})

    def test_in_lists_and_within_itself(self):
        self.assertFinds([3, {"loss": 0.5}, (self.net, "notes")])
        self.assertFinds({"checkpoints": {10: self.net}, "optimizer": {"state": {0: {"momentum_buffer": numpy.ones(3, numpy.float32)}}}})
        content = {"net": self.net}
        content["all"] = [content, content]
        self.assertFinds(content)

    def test_prefixes(self):
        for prefix in ("module.", "_orig_mod.", "module._orig_mod.", "_orig_mod.module.", "module.module.", "_forward_module.",
                       "_fsdp_wrapped_module.", "model.", "net.backbone.", "model._orig_mod.", "resnet."):
            with self.subTest(prefix):
                self.assertFinds(self.prefixed(prefix))
                self.assertFinds({"state_dict": self.prefixed(prefix)}, encode=legacy_file)

    def test_wrappers_of_single_blocks(self):
        inside = {name.replace("layer1.0.", "layer1.0._checkpoint_wrapped_module.").replace("layer2.", "layer2._orig_mod."): value
                  for name, value in self.net.items()}
        self.assertFinds(self.prefixed("module.", inside))

    def test_an_average_beside_the_network(self):
        told = "holds the network more than once (state_dict, state_dict_ema); state_dict is taken, --key chooses another"
        both = {"state_dict_ema": self.other, "state_dict": self.net}
        self.assertFinds(both, said=told)
        self.wanted = {name: self.other[name] for name in self.wanted}
        self.assertFinds(both, "--key", "state_dict_ema")

    def test_data_parallel_compiled_and_averaged(self):
        content = {"model": self.prefixed("module._orig_mod."), "n_averaged": numpy.array(7),
                   "model_ema": {"module": self.prefixed("module.", self.other), "decay": 0.999}}
        self.assertFinds(content, said="(model, model_ema/module); model is taken")
        swa = dict(self.prefixed("module."), n_averaged=numpy.array(7))
        self.assertFinds({"ema": swa}, said="left out, not of the network: n_averaged")

    def test_stray_numbers_and_other_modules_are_told(self):
        strays = {"best_acc1": numpy.array(0.5, numpy.float32), "epoch": numpy.array(3), "cuda_rng_state": numpy.arange(16)}
        self.assertFinds(dict(self.net, **strays), said="left out, not of the network: best_acc1, cuda_rng_state, epoch")
        lightning = dict(self.prefixed("model."), **{"criterion.weight": numpy.ones(3, numpy.float32)})
        self.assertFinds({"state_dict": lightning}, said="left out, not of the network: criterion.weight")

    def test_two_networks_under_unknown_names_need_a_choice(self):
        both = self.prefixed("student.") | self.prefixed("teacher.", self.other)
        told = "left out, not of the network: teacher.bn1.bias"
        for content, at, said in ((both, "", told), ({"state_dict": both}, "state_dict/", told),
                                  ({"student": self.net, "teacher": self.other}, "", "")):
            with self.subTest(at=at):
                self.assertRefused(content, f"holds the network more than once ({at}student, {at}teacher); choose with --key")
                self.assertFinds(content, "--key", f"{at}student", said=said)
        self.assertRefused(both, "--key pupil: has no tensors there; has them in student, teacher", "--key", "pupil")

    def test_with_and_without_a_wrapper_side_by_side(self):
        self.assertFinds(self.net | self.prefixed("module.", self.other), said="(the top, module); the top is taken")

    def test_what_is_missing_and_what_is_left_over_are_both_told(self):
        renamed = {name.replace("linear.", "classifier."): value for name, value in self.net.items()}
        self.assertRefused(self.prefixed("module.", renamed),
                           "linear.bias, linear.weight missing; left over: classifier.bias, classifier.weight")
        foreign = {name.replace("layer", "blocks."): value for name, value in self.net.items()}
        self.assertRefused({"state_dict": foreign}, "left over: blocks.1.0.bn1.bias")

    def test_kinds_of_numbers(self):
        wanted = self.wanted
        for kind in (numpy.float16, numpy.float64):
            self.wanted = {name: value.astype(kind).astype(numpy.float32) for name, value in wanted.items()}
            self.assertFinds({name: value.astype(kind) for name, value in self.net.items() if value.shape})
        self.assertRefused({name: value.astype(numpy.int64) for name, value in self.net.items()},
                           "holds int64 instead of floating-point numbers")

    def test_a_part_of_a_kind_that_is_not_read_is_named(self):
        quantised = dict(self.net, **{"conv1.weight": Call(Name("torch._utils", "_rebuild_qtensor"), 1)})
        self.assertRefused(quantised, "conv1.weight missing; of a kind that is not read: conv1.weight (torch._utils._rebuild_qtensor)")

    def test_a_whole_model_under_a_key(self):
        self.assertRefused({"epoch": 3, "model": Call(Name("models.yolo", "Model"))}, "holds a whole pickled model (models.yolo.Model, under 'model')")


def safetensors_file(content, **changes):
    """changes: name -> entry of the head instead of the right one (None: none)."""
    kinds = {"f2": "F16", "f4": "F32", "f8": "F64", "i8": "I64", "u2": "BF16"}
    head, data = {"__metadata__": {"format": "pt"}}, b""
    for name, value in content.items():
        raw = numpy.ascontiguousarray(value).tobytes()
        head[name] = {"dtype": kinds[value.dtype.str[1:]], "shape": list(value.shape), "data_offsets": [len(data), len(data) + len(raw)]}
        data += raw
    head = {name: entry for name, entry in {**head, **changes}.items() if entry is not None}
    text = json.dumps(head).encode()
    return len(text).to_bytes(8, "little") + text + data


class Safetensors(ConverterCase):
    def test_is_read(self):
        state = self.state()
        wanted = {name: value for name, value in state.items() if "num_batches" not in name}
        for prefix in ("", "module.", "resnet."):
            weights, _ = self.assertConverts({prefix + name: value for name, value in state.items()}, encode=safetensors_file)
            self.assertEqual(weights.keys(), wanted.keys())
            for name, value in wanted.items():
                numpy.testing.assert_array_equal(weights[name], value, err_msg=name)

    def test_kinds_of_numbers(self):
        state = self.state(**{"bn1.weight": numpy.array([0x3FC0, 0xBE80], "<u2"),  # bfloat16: 1.5, −0.25
                              "bn1.bias": numpy.array([2, 3], numpy.float64), "bn1.running_mean": numpy.array([4, 5], numpy.float16)})
        weights, _ = self.assertConverts(state, encode=safetensors_file)
        self.assertEqual([list(weights[f"bn1.{name}"]) for name in ("weight", "bias", "running_mean")], [[1.5, -0.25], [2, 3], [4, 5]])
        whole = self.state(**{"bn1.weight": numpy.array([1, 2])})
        self.assertRefused(whole, "bn1.weight holds int64 instead of floating-point numbers", encode=safetensors_file)

    @unittest.skipUnless(importlib.util.find_spec("safetensors"), "the safetensors library is not installed")
    def test_what_the_library_itself_writes(self):
        import safetensors.numpy
        state = self.state()
        weights, _ = self.assertConverts(safetensors.numpy.save(state, {"format": "pt"}))
        for name, value in weights.items():
            numpy.testing.assert_array_equal(value, state[name], err_msg=name)

    def test_damaged_and_hostile_heads(self):
        state = self.state()
        whole = safetensors_file(state)
        entry = {"dtype": "F32", "shape": [2], "data_offsets": [0, 8]}
        huge = {"dtype": "F32", "shape": [2**40, 2**40], "data_offsets": [0, 2**61]}
        text = json.dumps(dict.fromkeys(state, entry)).encode()
        twice = b'{"a":{"dtype":"F32","shape":[0],"data_offsets":[0,0]},"a":{"dtype":"F32","shape":[0],"data_offsets":[0,0]}}'
        deep = b'{"a":' * 5000
        cases = {
            whole[:100]: "is truncated or damaged (its head has", whole[:-1]: "is truncated or damaged (its arrays take",
            whole + b"x": "is truncated or damaged (its arrays take",
            (10**11).to_bytes(8, "little") + b"{}" * 50: "its head has 100000000000 bytes",
            len(text).to_bytes(8, "little") + text: "its arrays overlap",
            len(twice).to_bytes(8, "little") + twice: "has a name twice",
            len(deep).to_bytes(8, "little") + deep: "its head is no JSON",
            (20).to_bytes(8, "little") + b'{"a": [1, 2, 3]    }': "the head's entry 'a' has no right form",
        }
        for content, message in cases.items():
            with self.subTest(message):
                self.assertRefused(content, message)
        for name, wrong in (("dtype", dict(entry, dtype=7)), ("shape", dict(entry, shape=[-2])), ("shape", dict(entry, shape="2")),
                            ("shape", dict(entry, shape=[True])), ("data_offsets", dict(entry, data_offsets=[8, 0])),
                            ("data_offsets", dict(entry, data_offsets=[0, 2**70])), ("data_offsets", dict(entry, shape=[3])),
                            ("data_offsets", huge)):
            with self.subTest(wrong=wrong):
                self.assertRefused(safetensors_file(state, **{"conv1.weight": wrong}), f"'conv1.weight' has no right {name}")
        self.assertRefused(safetensors_file(state, extra=dict(entry, dtype="F8_E4M3", data_offsets=[0, 2])), "its arrays overlap")


class NamesOtherFiles(ConverterCase):
    def test_by_their_first_bytes(self):
        arrays, keras, hdf5 = io.BytesIO(), io.BytesIO(), self.folder / "keras.h5"
        numpy.savez(arrays, **{"conv1.weight": numpy.ones(3)})
        with zipfile.ZipFile(keras, "w") as archive:
            archive.writestr("config.json", "{}")
            archive.writestr("model.weights.h5", b"")
        script = io.BytesIO()
        with zipfile.ZipFile(script, "w") as archive:
            for name in ("data.pkl", "constants.pkl", "code/__torch__.py"):
                archive.writestr(f"net/{name}", b"")
        with h5py.File(hdf5, "w") as file:
            file["conv2d/kernel"] = numpy.ones(3)
        array = io.BytesIO()
        numpy.save(array, numpy.ones(3))
        cases = {
            arrays.getvalue(): "is a numpy archive (.npz)", keras.getvalue(): "is a Keras model (.keras)",
            script.getvalue(): "is a TorchScript program", hdf5.read_bytes(): "is an HDF5 file (Keras's .h5",
            array.getvalue(): "is a numpy array (.npy)", b"GGUF\x03\0\0\0": "is a GGUF file",
            b"\x08\x07\x12\x07pytorch\x1a\x051.0": "is an ONNX model", b"\x1c\0\0\0TFL3\0": "is a TensorFlow Lite model",
            b"\x08\x01\x12\x10tensorflow graph": "is a TensorFlow model",
            b"version https://git-lfs.github.com/spec/v1\noid sha256:12\nsize 3\n": "is a pointer of Git LFS",
            b"\n<!DOCTYPE html><html>sign in</html>": "is a web page (HTML)", b"<?xml version='1.0'?><Error/>": "is an XML file",
            b'{"metadata": {}, "weight_map": {}}': "is an index of weights that are split", b'{"a": 1}': "is a JSON file",
            "Grüße".encode(): "is a text file", b"\x1f\x8b\x08\0": "is compressed (gzip)", b"MATLAB 5.0 MAT-file, by": "is a MATLAB file",
        }
        hdf5.unlink()
        for content, message in cases.items():
            with self.subTest(message):
                self.assertRefused(content, message)

    def test_folders(self):
        for name, message in (("saved_model.pb", "is a TensorFlow SavedModel"), ("data.pkl", "is an unpacked PyTorch file"),
                              ("model.bin", "is a folder; name the file")):
            with self.subTest(name), tempfile.TemporaryDirectory() as folder:
                (pathlib.Path(folder) / name).touch()
                result = run(folder, self.folder / "out.h5", "--network", self.profile)
                self.assertEqual(result.returncode, 2)
                self.assertIn(message, result.stderr)


class RealFiles(ConverterCase):
    def test_published_networks(self):
        for name, digits in (("resnet20", "12fca82f"), ("resnet56", "4bfd9763")):
            with self.subTest(name):
                source = TEST_DATA / f"{name}-{digits}.th"
                if not source.exists():
                    self.skipTest(f"{source} is not there")
                self.profile = f"{name}-cifar"
                weights, attributes = self.assertConverts(source.read_bytes())
                self.assertEqual((attributes["network"], attributes["input_size"]), (f"{name}-cifar", 32))
                parameters = sum(v.size for n, v in weights.items() if "running" not in n)
                # Published by the author of the files: 0.27 M and 0.85 M parameters.
                self.assertEqual(round(parameters / 1e6, 2), {"resnet20": 0.27, "resnet56": 0.85}[name])

    @unittest.skipUnless(importlib.util.find_spec("torch"), "PyTorch is not installed")
    def test_what_pytorch_itself_writes(self):
        script = """
import sys, collections, torch
import numpy
state = collections.OrderedDict((n, torch.from_numpy(v)) for n, v in numpy.load(sys.argv[1]).items())
state["linear.weight"] = torch.nn.Parameter(state["linear.weight"].t().contiguous().t())
state["bn1.weight"] = state["bn1.weight"].bfloat16()
state["bn1.bias"] = torch.cat([state["bn1.bias"]] * 3)[2:4].double()
for name, zip in (("zip", True), ("legacy", False)):
    content = {"epoch": numpy.float64(3), "state_dict": state}
    torch.save(content, sys.argv[2] + name, _use_new_zipfile_serialization=zip)
"""
        state = {name: value for name, value in self.state().items() if "num_batches" not in name}
        state["bn1.weight"] = numpy.array([1.5, -0.25], numpy.float32)  # exact in bfloat16
        numpy.savez(self.folder / "state.npz", **state)
        subprocess.run([sys.executable, "-c", script, self.folder / "state.npz", self.folder / "torch."], check=True)
        for kind in ("zip", "legacy"):
            with self.subTest(kind):
                weights, _ = self.assertConverts((self.folder / f"torch.{kind}").read_bytes())
                for name, value in state.items():
                    numpy.testing.assert_array_equal(weights[name], value, err_msg=name)


if __name__ == "__main__":
    unittest.main()
