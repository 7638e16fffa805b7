#!/usr/bin/env python3
"""Quantisation against dropping as a table (Markdown): per precision, speed of the devices in it, and weight of the latency, what a request
gets and costs.

From what `skipstone sweep collect jobs/sweeps/quantisation.toml` wrote. Means over the seeds, per admitted request; latency is Eq. 8's, without
queueing. Behind each ±: twice the standard error over the seeds of the figure against that of float32 whole, seed by seed."""

import argparse
import pathlib
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))
import needs  # noqa: E402


def parse_arguments(words=None):
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("table", metavar="CSV", help="what `skipstone sweep collect` wrote")
    return parser.parse_args(words)


try:
    import numpy

    from sweep_table import InputError, SweepTable, error_of_mean
except ImportError as missing:
    if __name__ == "__main__":
        parse_arguments()  # --help needs no modules
    sys.exit(needs.explain(missing, "python3-pandas", "pandas"))

PRECISION, SPEED, ALPHA = "network.precision", "fleet.devices[0].speedup", "objective.alpha"
HEADING = ("precision", "arithmetic", "α", "dropped blocks", "accuracy", "latency", "of it transfer", "shared", "energy")


def against(rows, reference, column):
    """Mean, and its change in per cent of the reference's, with its error; NaN where there is no seed to compare."""
    change = 100 * (rows[column] / reference[column] - 1)
    return rows[column].mean(), change.mean(), error_of_mean(change)


def cell(figure, unit):
    mean, change, error = figure
    if change == 0 or numpy.isnan(change):
        return f"{mean:.3g} {unit}"
    spread = "" if numpy.isnan(error) else f" ± {error:.1f}"
    return f"{mean:.3g} {unit} ({change:+.0f}{spread} %)"


def lines(table):
    yield "| " + " | ".join(HEADING) + " |"
    yield "|" + "---|" * len(HEADING)
    reference = table.select(network_precision="float32", objective_alpha=0).set_index("seed")
    for (precision, speed, alpha), rows in table.rows.groupby([PRECISION, SPEED, ALPHA], sort=False):
        rows = rows.set_index("seed")
        dropped = (rows["dropped_blocks"] / rows["done"]).mean()
        figures = [cell(against(rows, reference, column), unit)
                   for column, unit in (("model_latency", "s"), ("path_transfer_mean_s", "s"), ("shared", "MB"), ("energy", "J"))]
        yield f"| {precision} | {speed} | {alpha:g} | {dropped:.2f} | {rows['accuracy'].mean():.2f} % | " + " | ".join(figures) + " |"


def main():
    arguments = parse_arguments()
    try:
        print("\n".join(lines(SweepTable(arguments.table, [ALPHA], (PRECISION, SPEED, "dropped_blocks", "path_transfer_mean_s")))))
    except InputError as error:
        print(f"quantisation.py: {error}", file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
