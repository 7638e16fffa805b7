"""The table that `skipstone sweep collect` writes, as section V's figures need it: quantities per request, means and errors over seeds."""

import pathlib

import numpy
import pandas

# What is needed of the table's figures; the parameters are the sweep's own.
FIGURES = ("seed", "requests", "done", "rounds", "latency_mean_s", "path_queue_mean_s", "accuracy_planned", "shared_bytes", "macs",
           "energy_j")

MULTIPLES = {"": 1.0, "k": 1e3, "M": 1e6, "G": 1e9}


class InputError(Exception):
    """The user's input is wrong; the message says where and what."""


def number(value):
    """3, "0.7" or "3.6 J" and "1.4 GMAC" in J and MAC."""
    if isinstance(value, (int, float, numpy.number)):
        return float(value)
    amount, _, unit = str(value).strip().partition(" ")
    prefix = unit[:1] if len(unit) > 1 and unit[:1] in MULTIPLES else ""
    return float(amount) * MULTIPLES[prefix]


class SweepTable:
    """One row per point. The quantities of the paper's panels are columns of `rows`:
    accuracy (%), latency (s, with queueing) and model_latency (s, Eq. 8's), shared (MB), energy (J), load (GMAC), each per admitted
    request; admitted (% of the requests); served (%: accuracy, where a rejected request counts as wrong)."""

    def __init__(self, path, parameters, columns=()):
        """columns: needed beside the parameters, but not made numbers."""
        self.path = pathlib.Path(path)
        try:
            rows = pandas.read_csv(self.path)
        except (OSError, ValueError) as error:
            raise InputError(f"{path}: cannot be read as a table ({error})") from error
        missing = [name for name in (*FIGURES, *parameters, *columns) if name not in rows.columns]
        if missing:
            raise InputError(f"{path}: lacks column '{missing[0]}'; it is no collected table of this figure's sweep")
        if rows.empty:
            raise InputError(f"{path}: holds no point")
        for name in parameters:
            try:
                rows[name] = rows[name].map(number)
            except ValueError as error:
                raise InputError(f"{path}: column '{name}': {error}") from error
        done = rows["done"].where(rows["done"] > 0)  # NaN: no request, no mean
        rows["accuracy"] = 100 * rows["accuracy_planned"]
        rows["latency"] = rows["latency_mean_s"]
        rows["model_latency"] = rows["latency_mean_s"] - rows["path_queue_mean_s"]
        rows["shared"] = rows["shared_bytes"] / done / 1e6
        rows["energy"] = rows["energy_j"] / done
        rows["load"] = rows["macs"] / done / 1e9
        rows["admitted"] = 100 * rows["done"] / rows["requests"].where(rows["requests"] > 0)
        rows["served"] = (rows["accuracy"] * rows["admitted"] / 100).where(rows["done"] > 0, rows["admitted"])
        for name in ("shared", "energy", "load"):
            rows["round_" + name] = rows[name].fillna(0) * rows["done"] / rows["rounds"]
        self.rows = rows

    def select(self, **values):
        """Rows with these values; a parameter's point is written as _ in its name: planner_name="exact"."""
        rows = self.rows
        for name, value in values.items():
            column = next((c for c in rows.columns if c.replace(".", "_") == name), None)
            if column is None:
                raise InputError(f"{self.path}: lacks a column for {name}")
            rows = rows[rows[column] == value]
        if rows.empty:
            raise InputError(f"{self.path}: has no point with " + ", ".join(f"{k} = {v}" for k, v in values.items()))
        return rows


def error_of_mean(values):
    """Twice the standard error over the seeds."""
    values = values.dropna()
    return 2 * values.std(ddof=1) / numpy.sqrt(len(values)) if len(values) > 1 else numpy.nan


def curve(rows, x, y, least=2):
    """Mean and error of y over the seeds, at every x at which at least so many seeds have a value."""
    groups = rows.groupby(x)[y]
    found = pandas.DataFrame({"mean": groups.mean(), "error": groups.agg(error_of_mean), "seeds": groups.count()})
    return found[found["seeds"] >= min(least, found["seeds"].max())]
