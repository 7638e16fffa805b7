"""Reads the tensors of a PyTorch file (torch.save) without PyTorch and without running anything that the file says.

A PyTorch file is a pickle that refers to raw arrays beside it: entries of a zip file (since PyTorch 1.6), or what follows the pickle
("legacy", before that and with _use_new_zipfile_serialization=False). Of the pickle's names only dictionaries and tensors are looked
up; every other name becomes an inert Unknown.
"""

import collections
import io
import pickle
import zipfile

import numpy

LEGACY_MAGIC = 0x1950A86A20F9469CFC6C
LEGACY_PROTOCOL = 1001

# bfloat16 is the upper half of a float32; numpy has no type for it.
STORAGE_TYPES = {
    "DoubleStorage": "<f8", "FloatStorage": "<f4", "HalfStorage": "<f2", "BFloat16Storage": "bfloat16",
    "LongStorage": "<i8", "IntStorage": "<i4", "ShortStorage": "<i2", "CharStorage": "i1", "ByteStorage": "u1",
    "BoolStorage": "?",
}


class TorchFileError(Exception):
    """The file is no PyTorch file, damaged, or of a kind that is not read."""


class Unknown:
    """Stands for an object of a class that is none of ours; swallows whatever the pickle does to it."""

    name = "an object"

    def __new__(cls, *_arguments, **_keywords):
        return object.__new__(cls)

    def __init__(self, *_arguments, **_keywords):
        pass

    def __setstate__(self, _state):
        pass

    def __setitem__(self, _key, _value):
        pass

    def append(self, _value):
        pass

    def extend(self, _values):
        pass

    def add(self, _value):
        pass


class Storage:
    """A raw array; its contents may come after the pickle. Of a kind that is not read (complex numbers, float8): kind is None, and who
    wants its values is told so."""

    def __init__(self, kind, count):
        if not isinstance(count, int) or count < 0:
            raise TorchFileError("holds an array whose length makes no sense")
        self.kind, self.count, self.values = kind.name if isinstance(kind, StorageType) else None, count, None
        self.item_bytes = 2 if self.kind == "bfloat16" else numpy.dtype(self.kind or "u1").itemsize

    def fill(self, raw):
        if self.kind is None:
            return
        if len(raw) != self.count * self.item_bytes:
            raise TorchFileError("is truncated or damaged (an array is shorter than the file says)")
        if self.kind == "bfloat16":
            self.values = (numpy.frombuffer(raw, "<u2").astype("<u4") << 16).view("<f4")
        else:
            self.values = numpy.frombuffer(raw, self.kind)


class StorageType:
    def __init__(self, name):
        self.name = name


class Tensor:
    """A view of a storage; array() is a numpy array of its own."""

    def __init__(self, storage, offset, size, stride, *_rest):
        whole = [offset, *size, *stride]
        if not isinstance(storage, Storage) or len(size) != len(stride) or any(
                not isinstance(n, int) or n < 0 for n in whole):
            raise TorchFileError("holds a tensor that is not read (its extent makes no sense)")
        self.storage, self.offset, self.shape, self.stride = storage, offset, tuple(size), tuple(stride)

    def array(self):
        if self.storage.kind is None:
            raise TorchFileError("holds numbers of a kind that is not read (complex, float8, quantised)")
        last = self.offset + sum((n - 1) * step for n, step in zip(self.shape, self.stride))
        if 0 not in self.shape and last >= self.storage.count:
            raise TorchFileError("is damaged (a tensor reaches beyond its array)")
        if numpy.prod(self.shape, dtype=object) > self.storage.count:
            raise TorchFileError("holds an expanded tensor, which is not read")
        values = self.storage.values[self.offset:]
        steps = [step * values.itemsize for step in self.stride]
        return numpy.lib.stride_tricks.as_strided(values, self.shape, steps, writeable=False).copy()


KNOWN = {
    ("collections", "OrderedDict"): collections.OrderedDict,
    ("torch", "Size"): tuple,
    ("torch._utils", "_rebuild_tensor"): Tensor,
    ("torch._utils", "_rebuild_tensor_v2"): Tensor,
    ("torch._utils", "_rebuild_tensor_v3"): Tensor,
    ("torch._utils", "_rebuild_parameter"): lambda tensor, *_rest: tensor,
    ("torch._utils", "_rebuild_parameter_with_state"): lambda tensor, *_rest: tensor,
    ("torch._tensor", "_rebuild_from_type_v2"): lambda function, _type, arguments, *_rest: function(*arguments),
}


class Unpickler(pickle.Unpickler):
    def __init__(self, file):
        super().__init__(file, encoding="utf-8")
        self.storages = {}

    def find_class(self, module, name):
        if (module, name) in KNOWN:
            return KNOWN[module, name]
        if module in ("torch", "torch.cuda", "torch.storage") and name in STORAGE_TYPES:
            return StorageType(STORAGE_TYPES[name])
        return type("Unknown", (Unknown,), {"name": f"{module}.{name}"})

    def persistent_load(self, reference):
        if not isinstance(reference, tuple) or len(reference) < 5 or reference[0] != "storage":
            return Unknown()
        _, kind, key, _, count = reference[:5]
        if len(reference) > 5 and reference[5] is not None:
            raise TorchFileError("was saved by a PyTorch older than 0.4, which is not read")
        if key not in self.storages:
            self.storages[key] = Storage(kind, count)
        return self.storages[key]


def read_zip(file):
    with zipfile.ZipFile(file) as archive:
        names = archive.namelist()
        pickles = [name for name in names if name.endswith("/data.pkl")]
        if len(pickles) != 1 or any(name.endswith("/constants.pkl") for name in names):
            raise TorchFileError("is a zip file but no state dict that torch.save wrote (TorchScript is not read)")
        prefix = pickles[0][:-len("data.pkl")]
        if prefix + "byteorder" in names and archive.read(prefix + "byteorder") != b"little":
            raise TorchFileError("was saved on a big-endian machine, which is not read")
        unpickler = Unpickler(io.BytesIO(archive.read(pickles[0])))
        content = unpickler.load()
        for key, storage in unpickler.storages.items():
            storage.fill(archive.read(f"{prefix}data/{key}"))
    return content


def read_legacy(file):
    if Unpickler(file).load() != LEGACY_MAGIC or Unpickler(file).load() != LEGACY_PROTOCOL:
        raise TorchFileError("is not a file that torch.save wrote")
    system = Unpickler(file).load()
    if not isinstance(system, dict) or system.get("little_endian") is not True:
        raise TorchFileError("was saved on a big-endian machine, which is not read")
    unpickler = Unpickler(file)
    content = unpickler.load()
    for key in Unpickler(file).load():
        storage = unpickler.storages[key]
        if storage.kind is None:
            raise TorchFileError("holds an array of a kind that is not read (complex, float8, quantised)")
        if int.from_bytes(file.read(8), "little") != storage.count:
            raise TorchFileError("is truncated or damaged (an array's length is wrong)")
        storage.fill(file.read(storage.count * storage.item_bytes))
    if any(storage.values is None for storage in unpickler.storages.values()):
        raise TorchFileError("is truncated or damaged (an array is missing)")
    return content


def read_torch_file(path):
    """What torch.save wrote to `path`: dictionaries, lists, numbers; tensors as Tensor, other objects as Unknown.

    Raises TorchFileError, and OSError when the file cannot be read."""
    with open(path, "rb") as file:
        try:
            return read_zip(file) if zipfile.is_zipfile(file) else (file.seek(0), read_legacy(file))[1]
        except TorchFileError:
            raise
        except OSError:
            raise
        except Exception as error:  # pickle and zipfile raise nearly anything on damaged input
            raise TorchFileError(f"is not a file that torch.save wrote, or it is damaged ({error})") from error
