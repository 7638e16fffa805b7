"""The trace of a run, as data frames."""

from __future__ import annotations

import functools
import os

import h5py
import numpy
import pandas

from .drawn import drawn_rates
from .errors import TraceError
from .tables import COLUMNS, MISSING, add_later, open_table, read_frame, rows_before, text, units_of

FORMAT, VERSIONS = "skipstone-trace", (1, 2)
OPTIONAL = ("prices", "exits")  # tables that only some traces have
OVERRUN, RETRANSMITTED, FAILED = 1, 2, 4  # bits of events.flags


def load(path: str | os.PathLike) -> Trace:
    """The trace in this file: of a run that is over, goes on or was killed. Changes nothing.

    Raises TraceError, naming the file and what is wrong, when it is no trace that can be read."""
    return Trace(path)


class Trace:
    """The rounds of a run that were finished when it was loaded.

    Tables are read when they are first asked for, and kept. Columns are named as in the file; enumerations (events.kind, plans.mode,
    plans.split, requests.status, rounds.goal, prices.resource, exits.left) are categoricals, and −1 is <NA> where it stands for none (peer, a
    plan's device, the part of a block that is whole, label, predicted_class; the exit that a request left at, blocks.after of a block
    that is no exit's head); so is what a trace of version 1 does not tell (blocks.stage, blocks.input_bytes). A block that devices share has a row in plans for each part, and one whose part is <NA> for
    the device that joins them. frame.attrs["units"] has the units: times are seconds,
    rates bit/s and MAC/s, sizes bytes, energy joules, power watts."""

    def __init__(self, path: str | os.PathLike):
        self.path = os.fspath(path)
        self._run: dict[str, object] | None = None  # what tells this run from others
        with self._open() as file:
            self.attributes: dict[str, object] = {name: _plain(value) for name, value in file.attrs.items()}
            self.provenance: dict[str, object] = {name: _plain(value) for name, value in _group(file, "provenance").attrs.items()}
            rounds = open_table(file, "rounds")  # the others then hold these rounds, and perhaps a part of the next
            for name in COLUMNS:
                if name not in ("rounds", "links/used", *OPTIONAL):
                    open_table(file, name)
            self.rounds: pandas.DataFrame = add_later(read_frame(rounds, _committed(rounds["round"], _rates(file))), "rounds")
            self.devices: pandas.DataFrame = self._read(file, "devices")
            self.blocks: pandas.DataFrame = self._read(file, "blocks")

    def __repr__(self) -> str:
        state = "" if self.complete else f", not complete ({self.ended})"
        return f"<skipstone trace {self.path}: {len(self.rounds)} rounds on {len(self.devices)} devices{state}>"

    @property
    def complete(self) -> bool:
        """All rounds are there."""
        return bool(self.attributes["complete"])

    @property
    def ended(self) -> str:
        """"finished", "interrupted", "failed", or "running": still, or it was killed."""
        return str(self.attributes["ended"])

    @functools.cached_property
    def events(self) -> pandas.DataFrame:
        """What devices did: computations, transfers and waits."""
        return self._table("events")

    @functools.cached_property
    def requests(self) -> pandas.DataFrame:
        """What became of each request."""
        return self._table("requests")

    @functools.cached_property
    def plans(self) -> pandas.DataFrame:
        """The device and mode of each block of each admitted request, and of each part of a block."""
        return self._table("plans")

    @functools.cached_property
    def prices(self) -> pandas.DataFrame:
        """What the throughput's bound would gain, in requests per second: with a processor, radio or link (device to peer) twice as
        fast, to first order; with one more byte of memory. Resources that are not here would bring nothing. Empty where the goal is
        another."""
        return self._table("prices")

    @functools.cached_property
    def exits(self) -> pandas.DataFrame:
        """What the head of each exit that was open said of each request that is done and got there: exit (the block behind which it
        is), predicted (the class), confidence, left ("yes" where the request left). Empty where no exit was open."""
        return self._table("exits")

    @functools.cached_property
    def battery(self) -> pandas.DataFrame:
        """Joules left in each device when the next round starts."""
        return self._table("battery")

    @functools.cached_property
    def clocks(self) -> pandas.DataFrame:
        """How each rank's clock is related to rank 0's."""
        return self._table("clocks")

    @functools.cached_property
    def outages(self) -> pandas.DataFrame:
        """When devices (peer <NA>) and links were out; end_s NaN: to the end."""
        return self._table("outages")

    @functools.cached_property
    def links(self) -> pandas.DataFrame:
        """Rates: round, device (from), peer (to), rate_bit_s; no row where there is no link. In a large fleet, of used links only.
        All rounds' rates of a long run need much memory; rates() reads one round's."""
        with self._open() as file:
            dense = _rates(file)
            if dense is None and not _is_drawn(file):
                return self._read(file, "links/used")
            values = self._drawn(file) if dense is None else dense[: len(self.rounds)]
            rounds, devices, peers = (~numpy.isnan(values)).nonzero()
            frame = pandas.DataFrame({"round": rounds.astype(numpy.int32), "device": devices.astype(numpy.int32),
                                      "peer": peers.astype(numpy.int32), "rate_bit_s": values[rounds, devices, peers]})
            frame.attrs["units"] = {"rate_bit_s": "bit/s"}
            return frame

    def rates(self, round: int) -> pandas.DataFrame:
        """Rates of a round in bit/s, by device (row: from) and peer (column: to); NaN where there is no link, or it was not used
        (large fleets)."""
        if not 0 <= round < len(self.rounds):
            raise IndexError(f"{self.path}: has rounds 0 to {len(self.rounds) - 1}, not {round}")
        devices = pandas.RangeIndex(len(self.devices))
        with self._open() as file:
            dense = _rates(file)
            if dense is not None:
                return pandas.DataFrame(dense[round], devices.rename("device"), devices.rename("peer"))
            if _is_drawn(file):
                rates = drawn_rates(file["links"].attrs, int(self.attributes["seed"]), round, len(devices))
                return pandas.DataFrame(rates, devices.rename("device"), devices.rename("peer"))
        links = self.links[self.links["round"] == round]
        return links.pivot(index="device", columns="peer", values="rate_bit_s").reindex(index=devices, columns=devices)

    def _open(self) -> h5py.File:
        file = _open_file(self.path)
        try:
            _require_format(file)
            # A trace that its run has closed is a new file, with the same rounds and more.
            run = {name: _plain(value) for group in (file, _group(file, "provenance")) for name, value in group.attrs.items()
                   if name not in ("complete", "ended")}
            if self._run not in (None, run):
                raise TraceError(f"{self.path}: another trace has taken its place since it was loaded; load it again")
            self._run = run
        except TraceError:
            file.close()
            raise
        return file

    def _drawn(self, file: h5py.File) -> numpy.ndarray:
        seed = int(self.attributes["seed"])
        return numpy.array([drawn_rates(file["links"].attrs, seed, number, len(self.devices)) for number in range(len(self.rounds))]
                           ).reshape(len(self.rounds), len(self.devices), len(self.devices))

    def _table(self, name: str) -> pandas.DataFrame:
        with self._open() as file:
            return self._read(file, name)

    def _read(self, file: h5py.File, name: str) -> pandas.DataFrame:
        if name in OPTIONAL and name not in file:
            return pandas.DataFrame(columns=COLUMNS[name].split())
        table = open_table(file, name)
        rows = rows_before(table, len(self.rounds)) if "round" in table.dtype.names else len(table)
        if name == "outages":
            rows = self._committed_outages(table)
        return add_later(read_frame(table, rows, MISSING.get(name, ())), name)

    def _committed_outages(self, table: h5py.Dataset) -> int:
        """Outages carry no round: the rounds tell how many there are. Of earlier programs' traces, which do not tell, all count that
        were written whole."""
        if "outages" in self.rounds:
            return min(len(table), int(self.rounds["outages"].clip(lower=0).sum()))
        rows = len(table) if len(self.rounds) else 0
        while rows and table[rows - 1]["device"] < 0:
            rows -= 1
        return rows


def _open_file(path: str) -> h5py.File:
    """Of a file whose first bytes are damaged, HDF5 1.10 in SWMR mode waits for ever for them to get better: only files that a run has
    open, or had open when it was killed, are opened so."""
    try:
        with open(path, "rb") as stream:
            empty = not stream.read(1)
    except OSError as error:
        raise TraceError(f"{path}: cannot be opened ({error.strerror})") from error
    if empty or not h5py.is_hdf5(path):
        raise TraceError(f"{path}: is not a trace ({'it is empty' if empty else 'not an HDF5 file'})")
    try:
        try:
            return h5py.File(path, "r", locking=False)
        except OSError as error:
            if not any(words in str(error) for words in ("SWMR", "unable to lock", "h5clear")):  # and not "sblock"
                raise
        return h5py.File(path, "r", swmr=True, locking=False)
    except OSError as error:
        raise TraceError(f"{path}: is a damaged or truncated HDF5 file ({error})") from error


def _require_format(file: h5py.File) -> None:
    found = file.attrs.get("format")
    if found is None:
        raise TraceError(f"{file.filename}: is an HDF5 file but not a trace (it has no attribute 'format')")
    if text(found) != FORMAT:
        raise TraceError(f"{file.filename}: is not a trace (its format is '{text(found)}')")
    version = file.attrs.get("format_version")
    if version not in VERSIONS:
        raise TraceError(f"{file.filename}: is a trace of format version {version}; {' and '.join(map(str, VERSIONS))} are read")
    for name in ("complete", "ended"):
        if name not in file.attrs:
            raise TraceError(f"{file.filename}: is not a whole trace: attribute '{name}' is missing")


def _group(file: h5py.File, name: str) -> h5py.Group:
    group = file.get(name)
    if not isinstance(group, h5py.Group):
        raise TraceError(f"{file.filename}: is not a whole trace: group /{name} is missing")
    return group


def _rates(file: h5py.File) -> h5py.Dataset | None:
    """The array of all rates; none in the trace of a large fleet, or where the trace holds what they are drawn from instead."""
    links = _group(file, "links")
    dense = links.get("rate_bit_s")
    if isinstance(dense, h5py.Dataset):
        if dense.ndim != 3:
            raise TraceError(f"{file.filename}: /links/rate_bit_s is not an array of rounds, devices and devices")
        if file.swmr_mode:
            dense.refresh()
        return dense
    if not _is_drawn(file):
        open_table(file, "links/used")
    return None


def _is_drawn(file: h5py.File) -> bool:
    return "drawn_min_bit_s" in _group(file, "links").attrs and "rate_bit_s" not in file["links"]


def _committed(numbers: numpy.ndarray, rates: h5py.Dataset | None) -> int:
    """Number of finished rounds: those that are numbered in order."""
    wrong = (numbers != numpy.arange(len(numbers))).nonzero()[0]
    count = int(wrong[0]) if len(wrong) else len(numbers)
    return count if rates is None else min(count, len(rates))


def _plain(value: object) -> object:
    """An attribute as a plain Python value."""
    if isinstance(value, bytes):
        return text(value)
    if isinstance(value, numpy.ndarray):
        return _plain(value.tolist() if value.ndim else value[()])
    return value.item() if isinstance(value, numpy.generic) else value
