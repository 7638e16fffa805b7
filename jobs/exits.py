#!/usr/bin/env python3
"""What jobs/exits.sh needs beside the program: a case's scenario, and its figures.

    exits.py scenario SHIPPED.toml DIR --profile NAME   writes DIR/search.toml (the shipped scenario with the network of DIR/exits.h5) and, where
                                                        DIR/rules.toml is there, DIR/scenario.toml, which runs by these rules and their devices
    exits.py samples TABLE.h5                           how many samples a table of exits has
    exits.py summary DIR                                all figures as Markdown
"""

import argparse
import collections
import json
import pathlib
import re
import sys
import tomllib

import h5py
import numpy

DONE = 1


def with_network(text, profile):
    """The scenario with this network in its own one's place; no profile: the weights tell it."""
    named = f'profile = {json.dumps(profile)}\n' if profile else ""
    text, count = re.subn(r"(?m)^\[network\]\n(?:\w.*\n)*", lambda _: f'[network]\n{named}weights = "exits.h5"\n', text)
    assert count == 1, "a shipped scenario names its network"
    return text


def with_rules(text, mapping):
    """By the rules, and where there is a mapping, with every block on its device."""
    text += '\n[exits]\nrules = "rules.toml"\n'
    if not mapping:
        return text
    planner = '[planner]\nname = "fixed"\n'
    for entry in mapping:
        blocks = entry["blocks"]
        planner += (f"\n[[planner.stages]]\nblocks = {json.dumps(blocks[0] if len(blocks) == 1 else f'{blocks[0]}..{blocks[-1]}')}\n"
                    f"devices = {json.dumps([entry['device']])}\n")
    return text.replace('[planner]\nname = "exact"\n', planner)


def write_scenarios(shipped, folder, profile):
    text = with_network(shipped.read_text(), profile)
    (folder / "search.toml").write_text(text)
    if (folder / "rules.toml").exists():
        rules = tomllib.loads((folder / "rules.toml").read_text())
        (folder / "scenario.toml").write_text(with_rules(text, rules.get("mapping", [])))


def samples_of(table):
    with h5py.File(table) as file:
        return len(file["labels"])


def end_of(table):
    """Accuracy and MACs of the network without exits, by its end."""
    with h5py.File(table) as file:
        right = numpy.mean(file["predicted"][:, -1] == file["labels"][:])
        heads = float(numpy.sum(file.attrs["head_macs"]))
        return float(right), float(file.attrs["macs"][-1]) - heads


class Run:
    """A trace's figures per request."""

    def __init__(self, path):
        with h5py.File(path) as file:
            requests, blocks = file["requests"][:], [name.decode() for name in file["blocks"]["name"]]
            done = requests[requests["status"] == DONE]
            verdict = numpy.where(done["verdict"] >= 0, done["verdict"], done["predicted_class"])
            self.accuracy = float(numpy.mean(verdict == done["label"]))
            self.requests = len(done)
            self.exits = collections.Counter(blocks[row] if row >= 0 else "end" for row in done["exit"])
            self.latency = float(numpy.mean(done["latency_s"]))
            devices = [name.decode() for name in file["devices"]["name"]]
            events = file["events"][:]
            busy = {name: float(numpy.sum(rows["end_s"] - rows["begin_s"])) for index, name in enumerate(devices)
                    for rows in [events[(events["device"] == index) & (events["kind"] == 1)]]}
            self.computing = busy


def row(*cells):
    return "| " + " | ".join(str(cell) for cell in cells) + " |"


def summary(folder):
    rules = tomllib.loads((folder / "rules.toml").read_text())
    lines = [f"# Early exits of {rules['network']}", "",
             row("exit behind", "threshold", "device"), row("---", "---", "---")]
    device = {block: entry["device"] for entry in rules.get("mapping", []) for block in entry["blocks"]}
    lines += [row(rule["exit"], f"{rule['threshold']:.6g}", device.get(rule["exit"], "–")) for rule in rules["rules"]]
    for name in ("report", "report-others"):
        if not (folder / f"{name}.h5").exists():
            continue
        accuracy, macs = end_of(folder / f"{name}.h5")
        score = json.loads((folder / f"{name}.json").read_text())
        with h5py.File(folder / f"{name}.h5") as file:
            dataset = file.attrs["dataset"]
            dataset = dataset.decode() if isinstance(dataset, bytes) else dataset
        run = Run(folder / f"trace-{name}.h5")
        lines += ["", f"## {dataset}: {samples_of(folder / f'{name}.h5')} samples", "", row("", "without exits", "with exits", "change"), row("---", "---", "---", "---"),
                  row("accuracy", f"{accuracy:.2%}", f"{score['accuracy']:.2%}", f"{100 * (score['accuracy'] - accuracy):+.2f} points"),
                  row("MACs per sample", f"{macs:.4g}", f"{score['mean_macs']:.4g}", f"{score['mean_macs'] / macs - 1:+.2%}"),
                  row("accuracy in the emulation", "", f"{run.accuracy:.2%}", ""),
                  row("mean latency in the emulation", "", f"{run.latency:.4g} s", "")]
        places = [rule["exit"] for rule in rules["rules"]] + ["end"]
        lines += ["", row("leave at", "by the table", "in the emulation"), row("---", "---", "---")]
        lines += [row(place, f"{share:.2%}", f"{run.exits[place] / max(1, run.requests):.2%}") for place, share in zip(places, score["leaving"])]
        lines += ["", row("device", "computes, per sample"), row("---", "---")]
        lines += [row(place, f"{seconds / max(1, run.requests):.4g} s") for place, seconds in run.computing.items()]
    return "\n".join(lines) + "\n"


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    commands = parser.add_subparsers(dest="command", required=True)
    scenario = commands.add_parser("scenario")
    scenario.add_argument("shipped", type=pathlib.Path)
    scenario.add_argument("folder", type=pathlib.Path)
    scenario.add_argument("--profile", default="")
    commands.add_parser("samples").add_argument("table", type=pathlib.Path)
    commands.add_parser("summary").add_argument("folder", type=pathlib.Path)
    options = parser.parse_args()
    if options.command == "scenario":
        write_scenarios(options.shipped, options.folder, options.profile)
    elif options.command == "samples":
        print(samples_of(options.table))
    else:
        print(summary(options.folder), end="")
    return 0


if __name__ == "__main__":
    sys.exit(main())
