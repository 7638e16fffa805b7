#!/usr/bin/env python3
"""The converter from PyTorch state dicts: what it writes, what it refuses, and that it runs nothing that a file says."""

import importlib.util
import io
import os
import pathlib
import pickle
import stat
import subprocess
import sys
import tempfile
import unittest
import zipfile

try:
    import h5py
    import numpy
except ImportError as missing:
    print(f"skipped: {missing}")
    sys.exit(77)

ROOT = pathlib.Path(__file__).resolve().parents[2]
SCRIPT = ROOT / "analysis" / "convert_weights.py"
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
        tensors = convert_weights.expected_tensors(convert_weights.read_profile(str(self.profile)))
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
        self.result = subprocess.run(
            [sys.executable, SCRIPT, source, self.folder / destination, "--network", self.profile, *options],
            capture_output=True, text=True)
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

    def test_attributes(self):
        _, attributes = self.assertConverts(self.state(classes=4))
        self.assertEqual((attributes["network"], attributes["input_size"], attributes["classes"]), ("tiny", 8, 4))
        self.assertEqual(list(attributes["input_mean"]), [0.485, 0.456, 0.406])
        self.assertEqual(list(attributes["input_std"]), [0.229, 0.224, 0.225])
        self.assertEqual((attributes["source"], attributes["license"]), ("in.pt", "not stated"))
        _, attributes = self.assertConverts(
            self.state(), "--input-size", "16", "--source", "a paper", "--license", "MIT", "--mean", "0.5,0.25,0",
            "--std", "1,2,3")
        self.assertEqual((attributes["input_size"], attributes["source"], attributes["license"]), (16, "a paper", "MIT"))
        self.assertEqual(list(attributes["input_mean"]), [0.5, 0.25, 0])
        self.assertEqual(list(attributes["input_std"]), [1, 2, 3])

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

    def test_names_are_torchvisions(self):
        tensors = convert_weights.expected_tensors(convert_weights.read_profile("resnet50"))
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
        self.assertRefused(b"not a pickle at all", "is not a file that torch.save wrote")
        self.assertRefused(b"", "is not a file that torch.save wrote")

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
        for options in (["--mean", "1,2"], ["--std", "1,0,1"], ["--input-size", "0"], ["--mean", "a,b,c"]):
            self.assertEqual(self.convert(self.state(), *options).returncode, 2)
        self.assertRefused(self.state(), "there is no such profile; known are", "--network", "resnet5O")

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
