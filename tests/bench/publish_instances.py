#!/usr/bin/env python3
"""Makes profiles/instances: planning problems of the paper's scenario, their proven optima beside them, and the index.

Usage: publish_instances.py SKIPSTONE [--milp-limit SECONDS]      (SKIPSTONE: the built program)
"""
import argparse
import json
import pathlib
import subprocess
import sys
import tempfile

ROOT = pathlib.Path(__file__).resolve().parents[2]
FOLDER = ROOT / "profiles" / "instances"

# The rows of Table I (direct connection) whose block keeps a projection when it is dropped and that reach 80 %.
PROJECTION_TABLE = """format = "skipstone-accuracy"
version = 1
network = "resnet50"
dataset = "CIFAR-10 test"
samples = 10000
source = "Khan et al. 2023, Table I, column DC; blocks with a projection only"
[[row]]
dropped = []
accuracy = 0.9473
[[row]]
dropped = ["s2b1"]
accuracy = 0.8996
[[row]]
dropped = ["s4b1"]
accuracy = 0.9009
"""


def fleet(low="", high=""):
    return ('fleet.devices=[{profile = "khan2023-low", count = 5%s}, {profile = "khan2023-high", count = 5, name = "big"%s}]'
            % (low and ", " + low, high and ", " + high))


def compute(share):
    return fleet('macs_per_round = "%g GMAC"' % (1.4 * share), 'macs_per_round = "%g GMAC"' % (2.8 * share))


# name, requests, seed, overrides, what it is for
INSTANCES = [
    ("khan2023-r1-seed1", 1, 1, [], "the paper's V-A"),
    ("khan2023-r1-seed2", 1, 2, [], "the paper's V-A"),
    ("khan2023-r3-seed1", 3, 1, [], "the paper's V-A"),
    ("khan2023-r3-seed2", 3, 2, [], "the paper's V-A"),
    ("khan2023-r3-seed3", 3, 3, [], "the paper's V-A"),
    ("khan2023-alpha0-r3-seed1", 3, 1, ["objective.alpha=0", "objective.beta=1"], "accuracy alone counts"),
    ("khan2023-alpha1-r1-seed1", 1, 1, ["objective.alpha=1", "objective.beta=0"], "latency alone counts"),
    ("khan2023-tight-r1-seed1", 1, 1, [compute(0.6)], "0.6 of the compute limits"),
    ("khan2023-tight-r2-seed1", 2, 1, [compute(0.6)], "0.6 of the compute limits"),
    ("khan2023-tight-r3-seed2", 3, 2, [compute(0.6)], "0.6 of the compute limits"),
    ("khan2023-tight-r3-seed4", 3, 4, [compute(0.6)], "0.6 of the compute limits"),
    ("khan2023-battery-r2-seed1", 2, 1, [fleet('battery = "3 J"', 'battery = "6 J"')], "batteries of 3 and 6 J"),
    ("khan2023-projection-r2-seed1", 2, 1, ["accuracy.table=PROJECTION"], "only blocks with a projection can be dropped"),
    ("khan2023-source-r2-seed1", 2, 1, ["requests.source=SOURCE"], "the images lie on the first device"),
    ("khan2023-residual-resident-r2-seed1", 2, 1, ["objective.residual=paper", "objective.memory=resident"],
     "residuals move beside outputs; weights count as memory"),
    ("khan2023-overloaded-r5-seed1", 5, 1, [compute(0.6)], "more requests than fit"),
    ("khan2023-infeasible-r1-seed1", 1, 1, [compute(0.15)], "no request fits"),
]


def plan(program, name, requests, seed, overrides, planner, limit):
    with tempfile.TemporaryDirectory() as folder:
        table = pathlib.Path(folder) / "projection.toml"
        table.write_text(PROJECTION_TABLE)
        command = [program, "plan", "khan2023", "--requests", str(requests), "--seed", str(seed), "--planner", planner,
                   "--json", "--set", "planner.gap=0", "--dump-instance", str(FOLDER / (name + ".json"))]
        if limit:
            command += ["--time-limit", str(limit)]
        for override in overrides:
            override = override.replace("PROJECTION", str(table))
            if override.endswith("SOURCE"):
                override = override.replace("SOURCE", first_device(program))
            command += ["--set", override]
        done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    if done.returncode not in (0, 3):
        sys.exit("%s\n%s" % (" ".join(command), done.stderr))
    return json.loads(done.stdout)


def first_device(program):
    with tempfile.NamedTemporaryFile(suffix=".json") as file:
        subprocess.run([program, "plan", "khan2023", "--planner", "greedy", "--requests", "1", "--dump-instance",
                        file.name], cwd=ROOT, capture_output=True, check=True)
        return json.load(open(file.name))["devices"][0]["name"]


def proven(result):
    if result["status"] == "optimal":
        return True
    return result["admitted"] == 0 and result["admitted_bound"] == 0


def verdict(result):
    if proven(result):
        return "yes"
    if result["gap"] is None:
        return "no"
    if result["admitted"] < result["admitted_bound"]:
        return "admits %d, bound %d" % (result["admitted"], result["admitted_bound"])
    return "gap %.2f %%" % (100 * result["gap"])


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("program")
    parser.add_argument("--milp-limit", type=float, default=120)
    parser.add_argument("--only", help="names that contain this")
    options = parser.parse_args()
    program = str(pathlib.Path(options.program).resolve())
    FOLDER.mkdir(parents=True, exist_ok=True)
    rows = []
    for name, requests, seed, overrides, purpose in INSTANCES:
        optimum = FOLDER / (name + ".optimum.json")
        if options.only and options.only not in name:
            results = json.loads(optimum.read_text())
        else:
            results = [plan(program, name, requests, seed, overrides, "exact", None),
                       plan(program, name, requests, seed, overrides, "milp", options.milp_limit)]
            optimum.write_text(json.dumps(results, indent=1, ensure_ascii=False) + "\n")
        exact, milp = results
        if proven(exact) and proven(milp):
            assert exact["admitted"] == milp["admitted"], name
            assert exact["objective"] is None or abs(exact["objective"] - milp["objective"]) < 1e-6, name
        best = exact
        problem = json.loads((FOLDER / (name + ".json")).read_text())
        rows.append("| [%s](%s.json) | %d | %d | %g | %s | %s | %s | %s | %s |" % (
            name, name, len(problem["devices"]), requests, problem["alpha"], purpose,
            "%d" % best["admitted"] + (", by " + best["binding"] if best["binding"] else ""),
            "–" if best["objective"] is None else "%.9f" % best["objective"], verdict(exact), verdict(milp)))
        print(rows[-1], flush=True)
    (FOLDER / "README.md").write_text("""# Planning problems with proven optima

Each `NAME.json` is one round's problem, complete: blocks, accuracy of every drop set, devices, links (format `skipstone-instance`).
Beside it `NAME.optimum.json` holds two answers with their proofs: of `exact` (column generation) and of `milp` (one mixed-integer
program in CBC), which share the problem but not the method. Optimum: most requests admitted first, then the smallest
alpha * mean latency / T_ref + beta * mean(1 - accuracy). "yes": that planner proved it to 1e-6; else what it was left with (`milp` has
%g s for each).

Source: the scenario of Khan et al. 2023, section V-A (`profiles/scenarios/khan2023.toml`: ResNet-50, Table II, ten devices), round 0,
links drawn from the seed; what differs is said.

| instance | devices | requests | alpha | what | admitted | optimum | proven by exact | proven by milp |
|---|---|---|---|---|---|---|---|---|
%s

Try one: `skipstone plan --instance profiles/instances/khan2023-tight-r3-seed2.json --planner exact,greedy,ga`.
Made by `tests/bench/publish_instances.py`.
""" % (options.milp_limit, "\n".join(rows)))


if __name__ == "__main__":
    main()
