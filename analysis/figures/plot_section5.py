#!/usr/bin/env python3
"""Draws figure 6, 7, 8 or 9 of Khan et al. 2023, section V, from the collected table of jobs/sweeps/fig6.toml … fig9.toml.

Panels as the paper has them: a accuracy, b latency, c shared data, d energy, e computational load; f is ours: how many requests were
admitted at all. Points are means over seeds, bars twice the standard error."""

import argparse
import pathlib
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))
import needs  # noqa: E402
import output_file  # noqa: E402
from plain_text import draw_plainly  # noqa: E402


def parse_arguments(words=None):
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("figure", choices=("fig6", "fig7", "fig8", "fig9"), help="which figure")
    parser.add_argument("table", metavar="CSV", help="what `skipstone sweep collect` wrote")
    parser.add_argument("-o", "--output", required=True, metavar="PNG", help="picture to write (.png, .svg, .pdf)")
    return parser.parse_args(words)


try:
    import matplotlib
    import numpy
    import pandas  # noqa: F401
except ImportError as missing:
    if __name__ == "__main__":
        parse_arguments()  # --help needs no modules
    sys.exit(needs.explain(missing, "python3-matplotlib python3-pandas", "matplotlib pandas"))

draw_plainly(matplotlib)
from matplotlib import pyplot  # noqa: E402
from matplotlib.ticker import FuncFormatter, LogLocator, NullLocator  # noqa: E402

from sweep_table import InputError, SweepTable, curve  # noqa: E402

BLUE, ORANGE, GREEN, GREY = "#2f5d8c", "#d1751f", "#3c8d5a", "#777777"
EXACT, GA = dict(marker="o", linestyle="-"), dict(marker="s", linestyle="--", markerfacecolor="white")

PER_REQUEST = (("accuracy", "accuracy of admitted requests (%)"), ("model_latency", "latency (s)"), ("shared", "shared data (MB)"),
               ("energy", "energy (J)"), ("load", "computational load (GMAC)"), ("admitted", "admitted requests (%)"))
PER_ROUND = tuple((("round_" + name, label + " per round") if name in ("shared", "energy", "load") else (name, label))
                  for name, label in PER_REQUEST)


class Figure:
    """What a figure's x axis, series and panels are. series: [(label, values that select its rows, style)]."""

    def __init__(self, title, x, label, series, panels=PER_REQUEST, scale=1.0, logarithmic=False, marked=None, columns=()):
        self.title, self.x, self.label, self.series, self.panels = title, x, label, series, panels
        self.scale, self.logarithmic, self.marked, self.columns = scale, logarithmic, marked, columns


def planners(exact="exact", ga="genetic algorithm, Algorithm 1"):
    return [(exact, {"planner_name": "exact"}, dict(color=BLUE, **EXACT)), (ga, {"planner_name": "ga"}, dict(color=ORANGE, **GA))]


def thresholds():
    return [(f"{name}, threshold {threshold:.0%}", {"planner_name": name, "objective_accuracy_threshold": threshold},
             dict(color=colour, **style))
            for name, style in (("exact", EXACT), ("ga", GA)) for threshold, colour in ((0.80, BLUE), (0.85, GREEN), (0.90, ORANGE))]


def references():
    return [(f"{name}, T_ref {reference}", {"planner_name": name, "objective_latency_reference": reference}, dict(color=colour, **style))
            for name, reference, colour, style in (("exact", "worst-case", BLUE, EXACT), ("exact", "compute", GREEN, EXACT),
                                                   ("ga", "worst-case", ORANGE, GA))]


FIGURES = {
    "fig6": Figure("Figure 6: weights and accuracy threshold (λ = 3)", "objective.alpha", "α = 1 − β", thresholds(),
                   columns=("planner.name", "objective.accuracy_threshold")),
    "fig7": Figure("Figure 7: energy of the devices (α = 0, threshold 80 %, λ = 3; a high device has 5/4 of a low one's)", "fleet.devices[0].battery",
                   "battery of a low device, per round (J)", planners(), logarithmic=True,
                   marked=(800, "the paper's"), columns=("planner.name",)),
    "fig8": Figure("Figure 8: rate of incoming requests (α = 0.7, threshold 80 %)", "requests.rate", "λ (requests per round)", references(),
                   panels=PER_ROUND, columns=("planner.name", "objective.latency_reference")),
    "fig9": Figure("Figure 9: computational capacity (α = 0, threshold 80 %, λ = 3; a high device has twice a low one's)", "fleet.devices[0].macs_per_round",
                   "capacity of a low device, per round (GMAC)", planners(), scale=1e9,
                   marked=(1.4, "the paper's"), columns=("planner.name",)),
}


def draw(figure, table):
    with pyplot.rc_context({"font.size": 9, "axes.titlesize": 10, "axes.spines.top": False, "axes.spines.right": False}):
        picture, grid = pyplot.subplots(2, 3, figsize=(11, 6.4), layout="constrained", sharex=True)
        for axes, letter, (quantity, label) in zip(grid.flat, "abcdef", figure.panels):
            for name, selection, style in figure.series:
                rows = table.select(**selection)
                means = curve(rows, figure.x, quantity)
                axes.errorbar(means.index / figure.scale, means["mean"], means["error"], markersize=4, linewidth=1.2, elinewidth=0.9,
                              capsize=2, label=name, **style)
                if quantity == "model_latency":
                    queued = curve(rows, figure.x, "latency")
                    axes.plot(queued.index / figure.scale, queued["mean"], color=style["color"], linewidth=0.7, linestyle=":")
            axes.set_title(f"({letter}) {label}", loc="left")
            axes.grid(axis="y", color="#e6e6e6", linewidth=0.6)
            axes.set_axisbelow(True)
            if figure.logarithmic:
                axes.set_xscale("log")
                axes.xaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
                axes.xaxis.set_minor_locator(NullLocator())
                axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
            if figure.marked:
                axes.axvline(figure.marked[0], color=GREY, linewidth=0.8, linestyle=(0, (1, 3)))
            axes.tick_params(labelbottom=True)
        if figure.marked:
            top = grid[0, 0]
            top.annotate(figure.marked[1], (figure.marked[0], 0.02), xycoords=("data", "axes fraction"), xytext=(-3, 0),
                         textcoords="offset points", ha="right", color=GREY, fontsize=8)
        for axes in grid[1]:
            axes.set_xlabel(figure.label)
        handles, labels = grid[0, 0].get_legend_handles_labels()
        picture.get_layout_engine().set(rect=(0, 0.07, 1, 0.85))  # room for title and legend
        picture.legend(handles, labels, loc="lower center", ncols=min(len(labels), 3), frameon=False)
        seeds, rounds = table.rows["seed"].nunique(), numpy.unique(table.rows["rounds"])
        length = f"{rounds[0]} round{'s' if rounds[0] != 1 else ''}" if len(rounds) == 1 else f"{rounds[0]}–{rounds[-1]} rounds"
        what = "b–e are" if figure.panels is PER_REQUEST else "b is"
        picture.text(0.01, 0.99, figure.title, va="top", fontweight="bold", fontsize=11)
        picture.text(0.01, 0.955, f"{what} per admitted request; dotted in b: with queueing; bars: ± 2 standard errors over {seeds} seeds of "
                                  f"{length}", va="top", color=GREY)
    return picture


def main(arguments=None):
    output_file.open_closed_streams()
    arguments = parse_arguments(arguments)
    figure = FIGURES[arguments.figure]
    try:
        picture = draw(figure, SweepTable(arguments.table, [figure.x], figure.columns))
        if wrong := output_file.save_picture(picture, arguments.output, arguments.table, dpi=100):
            raise InputError(wrong)
    except InputError as error:
        print(f"plot_section5.py: {error}", file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
