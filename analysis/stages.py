"""Stages of a network's blocks in pictures: their labels and colours, and long names in little room."""

import itertools
import os
import re

MOST_SHADES = 8  # of one colour map from dark to light that can be told apart


def of_names(names):
    """Stages that files of earlier programs do not tell. Such a file is of a residual network: stem, s2b1, s2b2, … and head."""
    stages, last = [], 0
    for name in names:
        found = re.fullmatch(r"s(\d{1,6})b\d+", name)
        last = int(found[1]) if found else last + 1
        stages.append(last)
    return stages


def labels(names, stages):
    """Stage -> what it is called, in the order of the network: its block's name where it has one, else "stage N"."""
    members = {}
    for name, stage in zip(names, stages):
        members.setdefault(stage, []).append(name)
    return {stage: shortened(blocks[0]) if len(blocks) == 1 else f"stage {stage}" for stage, blocks in members.items()}


def colours(colormaps, stages):
    """Stage -> colour, in the order of the network: dark to light, of many stages from blue over green to orange (what is sent is red)."""
    order = list(dict.fromkeys(stages))
    map_, span = (colormaps["viridis"], 0.9) if len(order) <= MOST_SHADES else (colormaps["turbo"], 0.8)
    return {stage: map_(0.05 + span * i / max(1, len(order) - 1)) for i, stage in enumerate(order)}


def thinned(labels_, most=24):
    """So many of the labels at most, evenly chosen, the first and the last among them."""
    chosen = list(labels_.items())
    if len(chosen) > most:
        chosen = [chosen[round(i * (len(chosen) - 1) / (most - 1))] for i in range(most)]
    return dict(chosen)


def shortened(name, most=26):
    """A name of at most so many characters: of a longer one, its beginning and, rather, its end."""
    if len(name) <= most:
        return name
    begin = (most - 1) // 3
    return name[:begin] + "…" + name[len(name) - (most - 1 - begin):]


def all_shortened(names, most=26):
    """Names of at most so many characters: without the parts that all begin and end with where some are longer, then each shortened;
    but for those that would be the same then."""
    if max(map(len, names), default=0) <= most:
        return list(names)
    begin, end = common_begin(names), common_begin([name[::-1] for name in names])
    short = []
    for name in names:
        core = name[begin:len(name) - end] if begin + end < len(name) else name
        short.append(shortened(("…" if begin else "") + core + ("…" if end else ""), most))
    return [name if short.count(brief) > 1 else brief for name, brief in zip(names, short)]


def common_begin(names):
    """Length of the parts, up to a dot or slash, that all names begin with."""
    together = len(os.path.commonprefix(names))
    return max(names[0].rfind(mark, 0, together) for mark in "./") + 1 if len(names) > 1 else 0


def marks(stages):
    """Stage -> marker, in the order of the network."""
    order = list(dict.fromkeys(stages))
    inner = itertools.cycle("osDv<>hpP8d")
    return {stage: "^" if i == 0 else "X" if i == len(order) - 1 else next(inner) for i, stage in enumerate(order)}
