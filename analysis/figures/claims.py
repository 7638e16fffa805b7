#!/usr/bin/env python3
"""Says for every claim of Khan et al. 2023, section V, whether it came out: a Markdown table from the collected tables of
jobs/sweeps/fig6.toml … fig9.toml (FOLDER/fig6.csv …).

"yes" and "no" are decided here from the means over seeds: a difference counts when it is more than twice the standard error of the
differences seed by seed, which share links and arrivals. --keep writes the columns that all this follows from, --readme puts the
table in the place of the one that a file holds."""

import argparse
import pathlib
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))
import needs  # noqa: E402


def parse_arguments(words=None):
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", metavar="FOLDER", type=pathlib.Path, help="holds fig6.csv, fig7.csv, fig8.csv and fig9.csv")
    parser.add_argument("--readme", metavar="FILE", type=pathlib.Path, help="replace the table in FILE, too")
    parser.add_argument("--keep", metavar="FOLDER", type=pathlib.Path, help="write what is needed of fig6.csv … into FOLDER")
    return parser.parse_args(words)


try:
    import numpy
    import pandas
except ImportError as missing:
    if __name__ == "__main__":
        parse_arguments()  # --help needs no modules
    sys.exit(needs.explain(missing, "python3-pandas", "pandas"))

from sweep_table import FIGURES, InputError, SweepTable, curve, error_of_mean  # noqa: E402

ALPHA, BATTERY, RATE, CAPACITY = ("objective.alpha", "fleet.devices[0].battery", "requests.rate", "fleet.devices[0].macs_per_round")
UNITS = {"accuracy": "%", "served": "%", "latency": "s", "model_latency": "s", "transfer": "s", "shared": "MB", "energy": "J",
         "load": "GMAC"}


class Change:
    """What a quantity does from one x to another, seed by seed."""

    def __init__(self, rows, x, quantity, first, last):
        values = rows.pivot_table(index="seed", columns=x, values=quantity)
        differences = (values[last] - values[first]).dropna()
        both = values.loc[differences.index]
        self.first, self.last, self.unit = both[first].mean(), both[last].mean(), UNITS[quantity.removeprefix("round_")]
        error = error_of_mean(differences)
        self.sign = 0 if not abs(differences.mean()) > error else int(numpy.sign(differences.mean()))

    def __str__(self):
        return f"{digits(self.first)} → {digits(self.last)} {self.unit}"


def digits(value):
    return f"{value:.1f}" if abs(value) >= 10 else f"{value:.2f}"


def verdict(changes, wanted):
    """yes: every change has the wanted sign; no: none has; in part: some."""
    right = [change.sign == wanted for change in changes]
    return "yes" if all(right) else "in part" if any(right) else "no"


def moves(rows, x, ends, quantities, wanted):
    changes = [Change(rows, x, quantity, *ends) for quantity in quantities]
    return f"{verdict(changes, wanted)}: " + ", ".join(map(str, changes))


def ends_of(rows, x, least=0.5):
    """The lowest x at which at least this share of the seeds admitted something, and the highest."""
    means = curve(rows, x, "accuracy")
    enough = means.index[means["seeds"] >= least * rows["seed"].nunique()]
    return enough[0], enough[-1]


# ---- section V-A

def lowest_accuracy_at_alpha_1(table, planner):
    rows = table.select(planner_name=planner, objective_accuracy_threshold=0.80)
    means = curve(rows, ALPHA, "accuracy")["mean"]
    below = [alpha for alpha in means.index[:-1] if Change(rows, ALPHA, "accuracy", 1, alpha).sign < 0]
    return f"{'no' if below else 'yes'}: {digits(means[1])} % at α = 1, {digits(means.max())} % at most"


def highest_accuracy_at_beta_1(table, planner):
    found, margin = [], 0.0
    for threshold in sorted(table.rows["objective.accuracy_threshold"].unique()):
        rows = table.select(planner_name=planner, objective_accuracy_threshold=threshold)
        means = curve(rows, ALPHA, "accuracy")["mean"]
        found.append(f"{digits(means[0])} % (threshold {100 * threshold:.0f} %)")
        better = [means[alpha] - means[0] for alpha in means.index[1:] if Change(rows, ALPHA, "accuracy", 0, alpha).sign > 0]
        margin = max([margin, *better])
    said = "yes" if margin == 0 else f"within {margin:.1f} points" if margin < 0.25 else "no"
    return f"{said}: " + ", ".join(found)


def ninety_one_percent(table, planner):
    rows = table.rows[table.rows["planner.name"] == planner]
    means = rows[rows[ALPHA] == 0].groupby("objective.accuracy_threshold")["accuracy"].mean()
    near = any(abs(value - 91) <= 1.5 for value in means)
    return f"{'near' if near else 'no'}: {digits(means.min())} to {digits(means.max())} %, by threshold"


def resources_force_downsizing(table, planner):
    rows = table.select(planner_name=planner, objective_accuracy_threshold=0.90, objective_alpha=0)
    dropped = rows["dropped_blocks"].sum() / rows["done"].sum()
    admitted = rows["done"].sum() / rows["requests"].sum()
    return (f"{'yes' if dropped > 0.01 else 'no'}: at threshold 90 % {100 * admitted:.0f} % of the requests are admitted, "
            f"with {digits(dropped)} blocks dropped each")


def fewer_resources_at_alpha_1(table, planner):
    return moves(table.select(planner_name=planner, objective_accuracy_threshold=0.80), ALPHA, (0, 1), ("shared", "energy", "load"), -1)


# ---- sections V-B, V-C, V-D

def with_battery(quantities, wanted):
    def claim(table, planner):
        rows = table.select(planner_name=planner)
        ends = ends_of(rows, BATTERY)
        return moves(rows, BATTERY, ends, quantities, wanted) + f" (from {ends[0]:g} to {ends[1]:g} J)"
    return claim


def with_rate(quantities, wanted, reference="worst-case"):
    def claim(table, planner):
        rows = table.select(planner_name=planner, objective_latency_reference=reference)
        return moves(rows, RATE, (rows[RATE].min(), rows[RATE].max()), quantities, wanted)
    return claim


def nothing_dropped_at_lowest_rate(table, planner):
    found = []
    for reference in ("worst-case", "compute") if planner == "exact" else ("worst-case",):
        rows = table.select(planner_name=planner, objective_latency_reference=reference)
        means = curve(rows, RATE, "accuracy")["mean"]
        low = rows[rows[RATE] == means.index[0]]
        found.append((means.iloc[0], low["dropped_blocks"].sum() / low["done"].sum(), reference))
    right = [dropped < 0.01 for _, dropped, _ in found]
    return (("yes" if all(right) else "in part" if any(right) else "no") + ": "
            + ", ".join(f"{digits(accuracy)} %, {digits(dropped)} blocks dropped (T_ref {reference})" for accuracy, dropped, reference in found))


def with_capacity(quantities, wanted):
    def claim(table, planner):
        rows = table.select(planner_name=planner)
        ends = ends_of(rows, CAPACITY)
        return moves(rows, CAPACITY, ends, quantities, wanted) + f" (from {ends[0] / 1e9:g} to {ends[1] / 1e9:g} GMAC)"
    return claim


CLAIMS = (
    ("V-A", "fig6", "the lowest accuracy is at α = 1", lowest_accuracy_at_alpha_1),
    ("V-A", "fig6", "the accuracy is highest at β = 1", highest_accuracy_at_beta_1),
    ("V-A", "fig6", "with β = 1 it is at most 91 %", ninety_one_percent),
    ("V-A", "fig6", "because blocks have to be dropped even then", resources_force_downsizing),
    ("V-A", "fig6", "α = 1 needs fewer resources than β = 1", fewer_resources_at_alpha_1),
    ("V-B", "fig7", "the accuracy rises with the battery (of admitted requests; rejected ones counted as wrong)", with_battery(("accuracy", "served"), 1)),
    ("V-B", "fig7", "the latency falls with the battery", with_battery(("model_latency",), -1)),
    ("V-B", "fig7", "more consecutive blocks on a device: less time in transmission", with_battery(("transfer",), -1)),
    ("V-B", "fig7", "shared data and energy fall", with_battery(("shared", "energy"), -1)),
    ("V-B", "fig7", "the computational load falls", with_battery(("load",), -1)),
    ("V-C", "fig8", "at the lowest rate no block is dropped", nothing_dropped_at_lowest_rate),
    ("V-C", "fig8", "where the accuracy is highest", with_rate(("accuracy",), -1)),
    ("V-C", "fig8", "the latency rises with λ (without queueing; with it)", with_rate(("model_latency", "latency"), 1)),
    ("V-C", "fig8", "shared data, energy and load rise with λ (per round)", with_rate(("round_shared", "round_energy", "round_load"), 1)),
    ("V-D", "fig9", "the accuracy rises with the capacity (of admitted requests; rejected ones counted as wrong)", with_capacity(("accuracy", "served"), 1)),
    ("V-D", "fig9", "shared data rise as the capacity falls", with_capacity(("shared",), -1)),
    ("V-D", "fig9", "latency and energy are lowest for the lowest capacity", with_capacity(("model_latency", "energy"), 1)),
    ("V-D", "fig9", "the same, all requests of a round together", with_capacity(("round_latency", "round_energy"), 1)),
)
PARAMETERS = {"fig6": [ALPHA, "objective.accuracy_threshold"], "fig7": [BATTERY], "fig8": [RATE], "fig9": [CAPACITY]}
COLUMNS = {"fig8": ("objective.latency_reference",)}
EXTRA = ("planner.name", "path_transfer_mean_s", "latency_total_s", "dropped_blocks")


def load(folder):
    tables = {}
    for name, parameters in PARAMETERS.items():
        table = SweepTable(folder / f"{name}.csv", parameters, (*COLUMNS.get(name, ()), *EXTRA))
        table.rows["transfer"] = table.rows["path_transfer_mean_s"]
        table.rows["round_latency"] = table.rows["latency_total_s"] / table.rows["rounds"]
        tables[name] = table
    return tables


def keep(source, folder):
    """Writes fig6.csv … with the columns that load() needs, in seven digits."""
    for name, parameters in PARAMETERS.items():
        wanted = dict.fromkeys((*FIGURES, *parameters, *COLUMNS.get(name, ()), *EXTRA))
        rows = pandas.read_csv(source / f"{name}.csv", usecols=list(wanted))[list(wanted)]
        rows.to_csv(folder / f"{name}.csv", index=False, float_format="%.7g", lineterminator="\n")


HEADING = "| section | the paper says | exact planner | genetic algorithm, Algorithm 1 |"


def put_into(text, table):
    """The text with this table in place of the one that it holds."""
    before, heading, rest = text.partition(HEADING + "\n")
    if not heading:
        raise InputError("there is no table with the heading " + HEADING)
    rest = rest.splitlines(keepends=True)
    rows = next((i for i, line in enumerate(rest) if not line.startswith("|")), len(rest))
    return before + table + "\n" + "".join(rest[rows:])


def lines(tables):
    yield HEADING
    yield "|---|---|---|---|"
    for section, name, statement, judge in CLAIMS:
        yield f"| {section} | {statement} | {judge(tables[name], 'exact')} | {judge(tables[name], 'ga')} |"


def main(arguments=None):
    arguments = parse_arguments(arguments)
    try:
        table = "\n".join(lines(load(arguments.folder)))
        print(table)
        if arguments.keep:
            keep(arguments.folder, arguments.keep)
        if arguments.readme:
            text = arguments.readme.read_text(encoding="utf-8")
            arguments.readme.write_text(put_into(text, table), encoding="utf-8")
    except InputError as error:
        print(f"claims.py: {error}", file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
