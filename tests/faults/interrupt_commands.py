#!/usr/bin/env python3
"""Interrupts every long command but `run` (interrupt_times.py does that) at random moments: SIGINT, SIGTERM, or SIGINT twice. A command must
end soon, with 130 or 143 (or by the signal itself), or have been done; what it leaves must be whole, with nothing beside it; and a study
or sweep that is started again must come to the results of an undisturbed one. Ends with a table: how long the ends took, median and
longest. Fails where something is wrong, or, with --limit, where an end took longer than that."""

import argparse
import json
import os
import pathlib
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "cli"))
from support import PROGRAM, cifar_batch, h5py, numpy, scenario_text, write_weights  # noqa: E402

SHORT = {"rounds.count": 10, "requests.count": 3}
LARGE = {"rounds.count": 1000, "requests.count": 12, "fleet.devices": [
    {"profile": "khan2023-low", "name": "d", "count": 20, "mac_rate": "100 MMAC/s", "macs_per_round": "30 MMAC", "battery": "10 MJ"}]}
PLANNING = {"network.profile": "resnet50", "accuracy.table": "khan2023-table2", "requests.count": 6, "planner.name": "milp",
            "fleet.devices": [{"profile": "khan2023-low", "name": "d", "count": 40}]}
SWEEP = """format = "skipstone-sweep"
version = 1
scenario = "short.toml"
seeds = [{seeds}]
[set]
rounds.count = {rounds}
[grid]
objective.alpha = [0, 0.5, 1]
"""


class Wrong(Exception):
    """What a command left, or how it ended."""


def json_is_whole(folder, name):
    if (folder / name).exists():
        json.loads((folder / name).read_text())


def page_is_whole(folder, name):
    if (folder / name).exists() and not (folder / name).read_text().rstrip().endswith("</html>"):
        raise Wrong(f"{name} is not whole")


def csv_is_whole(folder, name):
    for table in (folder / name).glob("*"):
        if table.suffix != ".csv" or not table.read_text().endswith("\n"):
            raise Wrong(f"{table.name} is not whole")


def outputs_are_whole(folder, name):
    if (folder / name).exists():
        with h5py.File(folder / name) as file:
            if not (file["logits"][:] != 0).any(axis=1).all():
                raise Wrong(f"{name} is not whole")


def command(folder, *words):
    return subprocess.run([PROGRAM, *map(str, words)], cwd=folder, capture_output=True, text=True, timeout=300)


def study_goes_on(words, folder):
    """Started again until it ends, it writes what an undisturbed one writes."""
    again = command(folder, *words)
    table = [line for line in (folder / "table.toml").read_text().splitlines() if not line.startswith("date")]
    expected = [line for line in (folder.parent / "expected" / "table.toml").read_text().splitlines() if not line.startswith("date")]
    if again.returncode != 0 or table != expected:
        raise Wrong(f"did not go on: {again.returncode} {again.stderr[-300:]}")


def sweep_goes_on(words, folder):
    again = command(folder, *words)
    collected = command(folder, "sweep", "collect", "sweep.toml", "-o", "table")
    rows = (folder / "table.csv").read_text().splitlines()
    if again.returncode != 0 or collected.returncode != 0 or len(rows) != 1 + 24:
        raise Wrong(f"did not go on: {again.returncode} {collected.returncode} {len(rows)} {again.stderr[-300:]}")
    rest = sorted(str(p.relative_to(folder)) for p in folder.rglob("*") if ".new-" in p.name or p.name.startswith("attempt"))
    if rest:
        raise Wrong(f"attempts are left: {rest[:3]}")


class Case:
    """Words of a command, names of files that it may leave, and what is looked at afterwards."""

    def __init__(self, name, words, may_leave=(), look=None, go_on=None):
        self.name, self.words, self.may_leave, self.look, self.go_on = name, words, set(may_leave), look, go_on


def cases(weights, images):
    study = ["study", "--weights", weights, "--data", images, "--drops", "pairs", "--modes", "skip", "-o", "table.toml"]
    sweep = ["sweep", "run", "sweep.toml"]
    return [
        Case("study", study, ["table.toml", "table.json", "table.toml.journal"], go_on=study_goes_on),
        Case("sweep run", sweep, ["sweep"], go_on=sweep_goes_on),
        Case("sweep expand", ["sweep", "expand", "sweep.toml"], ["sweep"]),
        Case("analyze --json", ["analyze", "large.h5", "--json"]),
        Case("analyze --html", ["analyze", "large.h5", "--html", "page.html"], ["page.html"], lambda f: page_is_whole(f, "page.html")),
        Case("analyze --csv", ["analyze", "large.h5", "--csv", "tables"], ["tables"], lambda f: csv_is_whole(f, "tables")),
        Case("export perfetto", ["export", "large.h5", "--to", "perfetto", "-o", "large.json"], ["large.json"], lambda f: json_is_whole(f, "large.json")),
        Case("export csv", ["export", "large.h5", "--to", "csv", "-o", "tables/"], ["tables"], lambda f: csv_is_whole(f, "tables")),
        Case("check --digest", ["check", "--digest", "large.h5"]),
        Case("watch", ["watch", "running.h5"]),
        Case("plan milp", ["plan", "plan.toml", "--dump-instance", "instance.json"], ["instance.json"], lambda f: json_is_whole(f, "instance.json")),
        Case("plan exact", ["plan", "plan.toml", "--planner", "exact", "--requests", "60"]),
        Case("plan ga", ["plan", "plan.toml", "--planner", "ga"]),
        Case("calibrate", ["calibrate", "--weights", weights, "--data", images, "-o", "c.toml"], ["c.toml"]),
        Case("infer", ["infer", "--weights", weights, "--data", images, "-o", "o.h5"], ["o.h5"], lambda f: outputs_are_whole(f, "o.h5")),
        Case("bench", ["bench", "--network", "resnet20-cifar", "--batch", "1,64", "--passes", "200"]),
        Case("bench --choose", ["bench", "--network", "resnet20-cifar", "--choose", "--passes", "200"]),
    ]


def make_inputs(folder):
    (folder / "short.toml").write_text(scenario_text(SHORT))
    (folder / "large.toml").write_text(scenario_text(LARGE))
    (folder / "plan.toml").write_text(scenario_text(PLANNING))
    (folder / "sweep.toml").write_text(SWEEP.format(seeds=", ".join(map(str, range(1, 9))), rounds=400))
    for name in ("large", "short"):
        made = command(folder, "run", f"{name}.toml", "-o", f"{name}.h5")
        if made.returncode != 0:
            sys.exit(f"{name}.toml: {made.stderr}")
    (folder / "short.h5").rename(folder / "running.h5")
    with h5py.File(folder / "running.h5", "r+") as file:  # a run that goes on
        file.attrs["complete"] = 0
        file.attrs["ended"] = numpy.bytes_("running")


def one_try(case, numbers, folder, longest_s):
    """How long the end took; None: it was done before."""
    inputs = {p.name for p in folder.iterdir()}
    process = subprocess.Popen([PROGRAM, *map(str, case.words)], cwd=folder, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                               stderr=subprocess.PIPE, text=True, start_new_session=True)
    try:
        process.wait(random.uniform(0.0, longest_s))
        return None
    except subprocess.TimeoutExpired:
        pass
    began = time.monotonic()
    try:
        for number in numbers:
            process.send_signal(number)
            if len(numbers) > 1:
                time.sleep(random.uniform(0, 0.02))
        err = process.communicate(timeout=60)[1]
        took = time.monotonic() - began
    except subprocess.TimeoutExpired:
        raise Wrong("did not end within a minute")
    finally:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
            process.communicate()
    if process.returncode not in (0, 128 + numbers[0], -numbers[0]):
        raise Wrong(f"exit status {process.returncode}: {err[-300:]}")
    if left := {p.name for p in folder.iterdir()} - inputs - case.may_leave:
        raise Wrong(f"left behind: {sorted(left)}")
    if drafts := [str(p) for p in folder.rglob("*") if ".new-" in p.name]:
        raise Wrong(f"left behind: {drafts}")
    if case.look:
        case.look(folder)
    if case.go_on:
        case.go_on(case.words, folder)
    return took


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--tries", type=int, default=12, help="per case")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--limit", type=float, help="seconds in which every command must have ended")
    parser.add_argument("--only", help="cases whose name begins so")
    parser.add_argument("--weights", help="of a CIFAR-10 network; default: a small random one")
    arguments = parser.parse_args()
    random.seed(arguments.seed)
    wrong = 0
    os.environ["SKIPSTONE_CACHE"] = "off"
    print(f"{'interrupted':<18} {'tries':>5} {'right':>5} {'struck':>6}   ended/s {'max':>7}", flush=True)
    with tempfile.TemporaryDirectory(prefix="skipstone-interrupt-") as base:
        base = pathlib.Path(base)
        weights = os.path.abspath(arguments.weights or write_weights(base / "weights.h5"))
        images = base / "images.bin"
        images.write_bytes(cifar_batch([n % 10 for n in range(600)]))
        (base / "inputs").mkdir()
        make_inputs(base / "inputs")
        for case in cases(weights, images):
            if arguments.only and not case.name.startswith(arguments.only):
                continue
            # How long it takes undisturbed: at most a little, for those that take very long.
            shutil.rmtree(base / "expected", ignore_errors=True)
            shutil.copytree(base / "inputs", base / "expected")
            began = time.monotonic()
            undisturbed = subprocess.Popen([PROGRAM, *map(str, case.words)], cwd=base / "expected", stdin=subprocess.DEVNULL,
                                           stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
            try:
                undisturbed.wait(None if case.go_on else 5)
            except subprocess.TimeoutExpired:
                undisturbed.kill()
                undisturbed.wait()
            longest_s = time.monotonic() - began
            ended, right = [], 0
            for number in range(arguments.tries):
                folder = base / "try"
                shutil.copytree(base / "inputs", folder)
                try:
                    took = one_try(case, ([signal.SIGINT], [signal.SIGTERM], [signal.SIGINT] * 2)[number % 3], folder, longest_s)
                    right += 1
                    if took is not None:
                        ended.append(took)
                except (Wrong, ValueError) as error:
                    print(f"{case.name}, try {number}: {error}", flush=True)
                shutil.rmtree(folder)
            late = arguments.limit is not None and ended and max(ended) > arguments.limit
            wrong += (arguments.tries - right) + bool(late)
            figures = f"{numpy.median(ended):>9.3f} {max(ended):>7.3f}" if ended else f"{'–':>9} {'–':>7}"
            print(f"{case.name:<18} {arguments.tries:>5} {right:>5} {len(ended):>6} {figures}{'   TOO LATE' if late else ''}", flush=True)
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
