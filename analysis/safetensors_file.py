"""Reads a .safetensors file: 8 bytes, the length of the head (little-endian); the head, JSON: name -> dtype, shape and data_offsets; then the
arrays, little-endian, without a gap (https://github.com/huggingface/safetensors)."""

import json
import math
import os

import numpy

MOST_HEAD_BYTES = 100_000_000  # the format's own limit

# bfloat16 is the upper half of a float32; numpy has no type for it.
TYPES = {"F64": "<f8", "F32": "<f4", "F16": "<f2", "BF16": "<u2", "I64": "<i8", "I32": "<i4", "I16": "<i2", "I8": "i1", "U64": "<u8",
         "U32": "<u4", "U16": "<u2", "U8": "u1", "BOOL": "?"}


class SafetensorsError(Exception):
    """The file is damaged, or of a kind that is not read."""


def is_safetensors(head):
    """Whether a file with these first bytes (9 or more) is meant as one."""
    return len(head) >= 9 and head[8:9] == b"{" and 2 <= int.from_bytes(head[:8], "little") < 1 << 40


class StoredTensor:
    """An array in the file; array() reads it."""

    def __init__(self, path, kind, shape, begin, count):
        self.path, self.kind, self.shape, self.begin, self.count = path, kind, shape, begin, count

    def array(self):
        if self.kind not in TYPES:
            raise SafetensorsError(f"holds an array of type {self.kind}, which is not read")
        with open(self.path, "rb") as file:
            file.seek(self.begin)
            values = numpy.fromfile(file, TYPES[self.kind], self.count)
        if values.size != self.count:
            raise SafetensorsError("is truncated (an array is shorter than the head says)")
        if self.kind == "BF16":
            values = (values.astype("<u4") << 16).view("<f4")
        return values.reshape(self.shape)


def no_name_twice(pairs):
    content = dict(pairs)
    if len(content) != len(pairs):
        raise SafetensorsError("is damaged (its head has a name twice)")
    return content


def is_count(value):
    return type(value) is int and 0 <= value < 1 << 62


def read_safetensors(path):
    """Name -> StoredTensor. Raises SafetensorsError, and OSError when the file cannot be read."""
    size = os.path.getsize(path)
    with open(path, "rb") as file:
        length = int.from_bytes(file.read(8), "little")
        if length > min(size - 8, MOST_HEAD_BYTES):
            raise SafetensorsError(f"is truncated or damaged (its head has {length} bytes, the file {size}; at most {MOST_HEAD_BYTES} are read)")
        head = file.read(length)
    try:
        content = json.loads(head.decode("utf-8"), object_pairs_hook=no_name_twice)
    except (ValueError, RecursionError) as error:
        raise SafetensorsError(f"is damaged (its head is no JSON: {error})") from error
    if not isinstance(content, dict):
        raise SafetensorsError("is damaged (its head is no JSON object)")
    content.pop("__metadata__", None)
    tensors, places = {}, []
    for name, entry in content.items():
        tensor, begin, end = read_entry(path, name, entry, 8 + length)
        tensors[name] = tensor
        places.append((begin, end))
    reached = 0
    for begin, end in sorted(places):
        if begin != reached:
            raise SafetensorsError("is damaged (its arrays overlap, or bytes between them belong to none)")
        reached = end
    if reached != size - 8 - length:
        raise SafetensorsError(f"is truncated or damaged (its arrays take {reached} bytes, and {size - 8 - length} are there)")
    return tensors


def read_entry(path, name, entry, data):
    def wrong(what):
        return SafetensorsError(f"is damaged (the head's entry {name!r:.80} has no right {what})")

    if not isinstance(entry, dict):
        raise wrong("form")
    kind, shape, offsets = (entry.get(key) for key in ("dtype", "shape", "data_offsets"))
    if not isinstance(kind, str) or len(kind) > 20:
        raise wrong("dtype")
    if not isinstance(shape, list) or not all(map(is_count, shape)):
        raise wrong("shape")
    if not isinstance(offsets, list) or len(offsets) != 2 or not all(map(is_count, offsets)) or offsets[0] > offsets[1]:
        raise wrong("data_offsets")
    begin, end = offsets
    count = math.prod(shape)
    if kind in TYPES and end - begin != count * numpy.dtype(TYPES[kind]).itemsize:
        raise wrong("data_offsets (they do not fit dtype and shape)")
    return StoredTensor(path, kind, tuple(shape), data + begin, count), begin, end
