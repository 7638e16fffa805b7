"""What the tables of a trace hold, and how one becomes a data frame."""

from __future__ import annotations

from collections.abc import Collection

import h5py
import numpy
import pandas

from .errors import TraceError

# Columns of every table of format version 1: all traces have them.
COLUMNS = {
    "devices": "device name mac_rate memory_bytes macs_per_round battery_j power_compute_w power_transmit_w power_receive_w power_idle_w",
    "blocks": "block name macs memory_bytes output_bytes weight_bytes skip_macs skip_memory_bytes",
    "rounds": "round start_s end_s host_start_s host_end_s requests admitted planner status binding objective bound gap plan_host_s "
              "predicted_latency_s",
    "plans": "round revision request block device mode",
    "requests": "round request arrival_s finish_s latency_s predicted_latency_s accuracy shared_bytes label predicted_class status attempt",
    "events": "device peer round request block kind flags begin_s end_s host_begin_s host_end_s bytes macs",
    "battery": "round device remaining_j",
    "clocks": "round rank offset_s uncertainty_s",
    "outages": "begin_s end_s device peer cause",
    "links/used": "round device peer rate_bit_s",
    "prices": "round resource device peer price",
    "exits": "round request exit predicted confidence left",
}

# Columns that traces of earlier programs lack, and what these would have said there; None: they do not tell.
LATER = {
    "blocks": {"stage": None, "input_bytes": None, "after": None, "threshold": numpy.nan},
    "rounds": {"goal": "latency", "throughput": numpy.nan, "throughput_bound": numpy.nan},
    "plans": {"part": None, "parts": 1, "split": "whole"},
    "requests": {"exit": None, "confidence": numpy.nan, "verdict": None},
    "events": {"part": None},
}
# Names of codes, the lowest first, in columns that may be missing.
NAMES = {"goal": ["latency", "throughput"], "split": ["whole", "outputs", "inputs", "rows", "tiles"]}

# Integer columns in which −1 stands for none.
MISSING = {
    "plans": {"device", "part"},
    "blocks": {"after"},
    "requests": {"label", "predicted_class", "exit", "verdict"},
    "events": {"peer", "part"},
    "prices": {"peer"},
    "outages": {"peer"},
}

BATCH_BYTES = 2 << 20  # of rows at a time: what a processor's cache holds


def text(value: bytes | str) -> str:
    """Text of an attribute or a column."""
    return value.decode("utf-8", "replace") if isinstance(value, bytes) else str(value)


def open_table(file: h5py.File, name: str) -> h5py.Dataset:
    """The table, as it is in the file now; TraceError when it or a column is missing."""
    dataset = file.get(name)
    if not isinstance(dataset, h5py.Dataset):
        raise TraceError(f"{file.filename}: is not a whole trace: table /{name} is missing")
    missing = [column for column in COLUMNS[name].split() if column not in (dataset.dtype.names or ())]
    if missing:
        raise TraceError(f"{file.filename}: table /{name} lacks column '{missing[0]}'")
    if file.swmr_mode:
        dataset.refresh()
    return dataset


def units_of(dataset: h5py.Dataset) -> dict[str, str]:
    """Unit of each column that has one; "1" for ratios."""
    pairs = dataset.attrs.get("units", h5py.Empty("S1"))
    return {} if isinstance(pairs, h5py.Empty) else dict(text(pair).split("=", 1) for pair in pairs if text(pair))


def rows_before(dataset: h5py.Dataset, rounds: int) -> int:
    """Number of rows of the rounds 0 … rounds − 1, which come first and in order."""
    low, high = 0, len(dataset)
    while low < high:
        middle = (low + high) // 2
        number = dataset[middle]["round"]
        if 0 <= number < rounds:  # −1: room made for rows that were not written
            low = middle + 1
        else:
            high = middle
    return low


def read_frame(dataset: h5py.Dataset, rows: int, missing: Collection[str] = ()) -> pandas.DataFrame:
    """The first `rows` rows. Enumerations become categoricals, text becomes str, and −1 becomes <NA> in the columns `missing`;
    units are in attrs["units"].

    HDF5 is asked for rows in the file's own type, which spares a conversion of every row, in batches that stay in the cache while
    they are taken apart into columns."""
    kind = dataset.dtype
    batch = max(1, min(rows, BATCH_BYTES // kind.itemsize))
    if dataset.chunks and batch > dataset.chunks[0]:
        batch -= batch % dataset.chunks[0]
    columns = {name: _Column(kind[name], rows, name in missing) for name in kind.names}
    buffer = numpy.empty(batch, kind)
    stored_as, stored, memory = dataset.id.get_type(), dataset.id.get_space(), h5py.h5s.create_simple((batch,))
    for first in range(0, rows, batch):
        count = min(batch, rows - first)
        stored.select_hyperslab((first,), (count,))
        memory.select_hyperslab((0,), (count,))
        dataset.id.read(memory, stored, buffer, stored_as)
        for name, column in columns.items():
            column.put(first, buffer[name][:count])
    frame = pandas.DataFrame({name: column.values() for name, column in columns.items()}, copy=False)
    frame.attrs["units"] = units_of(dataset)
    return frame


def add_later(frame: pandas.DataFrame, name: str) -> pandas.DataFrame:
    """Gives a table the columns that it lacks, because an earlier program wrote it."""
    for column, value in LATER.get(name, {}).items():
        if column in frame:
            continue
        if value is None:
            frame[column] = pandas.array([pandas.NA] * len(frame), dtype="Int64")
        elif column in NAMES:
            frame[column] = pandas.Categorical([value] * len(frame), NAMES[column])
        else:
            frame[column] = value
    return frame


class _Column:
    """A column that is filled in parts."""

    def __init__(self, kind: numpy.dtype, rows: int, missing: bool):
        codes = h5py.check_enum_dtype(kind) or {}
        self._names = sorted(codes, key=codes.get)
        self._absent = numpy.empty(rows, bool) if missing else None
        if self._names:
            # Place of each name by its code, between two entries for codes that have none.
            self._lowest = codes[self._names[0]]
            self._places = numpy.full(codes[self._names[-1]] - self._lowest + 3, -1, numpy.int8)
            for place, name in enumerate(self._names):
                self._places[codes[name] - self._lowest + 1] = place
        self._values = numpy.empty(rows, numpy.int8 if self._names else numpy.dtype(kind.str).newbyteorder("="))

    def put(self, first: int, part: numpy.ndarray) -> None:
        here = slice(first, first + len(part))
        if self._names:
            part = self._places[numpy.clip(part.astype(numpy.int64) - self._lowest + 1, 0, len(self._places) - 1)]
        self._values[here] = part
        if self._absent is not None:
            numpy.equal(self._values[here], -1, out=self._absent[here])

    def values(self) -> numpy.ndarray | pandas.Categorical | pandas.arrays.IntegerArray:
        if self._names:
            return pandas.Categorical.from_codes(self._values, self._names)
        if self._absent is not None:
            return pandas.arrays.IntegerArray(self._values, self._absent)
        if self._values.dtype.kind == "S":
            known = {value: text(value) for value in set(self._values.tolist())}
            return numpy.array([known[value] for value in self._values.tolist()], object)
        return self._values
