#!/usr/bin/env python3
"""skipstone sweep: what a sweep file means, and that no kill, failure or second runner costs a result."""

import collections
import csv
import hashlib
import json
import os
import pathlib
import random
import re
import signal
import time
import unittest

import h5py

from support import ALONE, PROGRAM, ProgramTest, Trace, launcher, scenario_text, write_weights

HEAD = 'format = "skipstone-sweep"\nversion = 1\nscenario = "base.toml"\n'
GRID = "repetitions = 3\n[grid]\nobjective.alpha = [0, 0.5, 1]\nrequests.count = [1, 2]\n"
LAUNCHED = '[set]\nemulation.clock = "wall"\nemulation.dilation = 0.01\nrounds.count = 1\n'


class SweepTest(ProgramTest):
    def sweep(self, text, changes=None, name="sweep.toml"):
        self.write("base.toml", scenario_text(changes))
        return self.write(name, HEAD + text)

    def run_sweep(self, file, *arguments, folder="out", code=0):
        return self.skipstone("sweep", "run", file, "-o", self.path(folder), *arguments, code=code)

    def collect(self, file, folder="out", *arguments):
        name = self.path(folder + "-table")
        self.skipstone("sweep", "collect", file, "--folder", self.path(folder), "-o", name, *arguments)
        return pathlib.Path(name + ".csv").read_bytes()

    def table(self, *arguments):
        return list(csv.DictReader(self.collect(*arguments).decode().splitlines()))

    def manifest(self, folder="out"):
        return list(csv.DictReader((self.folder / folder / "manifest.csv").read_text().splitlines()))

    def status(self, file, folder="out"):
        return json.loads(self.skipstone("sweep", "status", file, "--json", "--folder", self.path(folder)).out)

    def log(self, folder="out"):
        """Lines (id, what) of the log, in order."""
        lines = (self.folder / folder / "log.txt").read_text().splitlines()
        return [tuple(line.split()[1:3]) for line in lines]

    def assert_nothing_twice(self, folder="out"):
        verified = set()
        for point, what in self.log(folder):
            self.assertFalse(what == "started" and point in verified, f"{point} started again after it was verified")
            if what == "verified":
                self.assertNotIn(point, verified)
                verified.add(point)

    def error(self, text, *parts, changes=None):
        result = self.skipstone("sweep", "expand", self.sweep(text, changes), code=2)
        for part in parts:
            self.assertIn(part, result.err)
        self.assertFalse((self.folder / "sweep").exists())


class Estimating(SweepTest):
    """What the estimate makes of what bench measured on this host."""

    def setUp(self):
        super().setUp()
        self.where = {"SKIPSTONE_CACHE": str(self.path("cache"))}

    def profile(self, seconds):
        """A host on which every block takes so long."""
        hosts = pathlib.Path(self.path("cache"), "hosts")
        if not hosts.exists():
            self.skipstone("bench", "--network", "resnet20-cifar", "--passes", "1", environment=self.where)
        (file,) = hosts.glob("*.json")
        profile = json.loads(file.read_text())
        for block in profile["timings"][0]["blocks"]:
            block["median_s"] = seconds
        file.write_text(json.dumps(profile))
        return len(profile["timings"][0]["blocks"])

    def estimate(self, file, code=0):
        return self.skipstone("sweep", "expand", file, "--folder", self.path("out"), environment=self.where, code=code).out

    def seconds_a_point(self, said):
        return float(re.search(r"([\d.e+]+) s a point", said)[1])

    def test_kernels_cost_what_the_host_profile_says(self):
        changes = ALONE | {"emulation.kernels": True, "objective.alpha": 0, "requests.count": 1}
        file = self.sweep("repetitions = 4\n[set]\nrounds.count = 2\n", changes)
        said = self.estimate(file)
        self.assertRegex(said, "4 points to run, about .* run to measure it")
        self.assertNotIn("profile", said)
        self.assertLess(self.seconds_a_point(said), 10)
        blocks = self.profile(100)
        said = self.estimate(file)
        self.assertIn("and this host's profile for the kernels", said)
        self.assertAlmostEqual(self.seconds_a_point(said), 2 * blocks * 100, delta=10)
        self.profile(50)
        self.assertAlmostEqual(self.seconds_a_point(self.estimate(file)), 2 * blocks * 50, delta=10)
        file = self.sweep("repetitions = 4\n[set]\nrounds.count = 2\n", changes | {"emulation.kernels": False})
        self.assertNotIn("profile", self.estimate(file))

    def test_what_is_dropped_costs_nothing(self):
        table = {"format": "skipstone-accuracy", "version": 1, "network": "resnet20-cifar",
                 "row": [{"dropped": [], "accuracy": 0.8}, {"dropped": ["s2b2"], "accuracy": 0.9}]}
        file = self.sweep("", ALONE | {"emulation.kernels": True, "objective.alpha": 0, "requests.count": 1, "rounds.count": 1,
                                       "accuracy.table": table})
        blocks = self.profile(100)
        self.assertAlmostEqual(self.seconds_a_point(self.estimate(file)), (blocks - 1) * 100, delta=10)

    def test_automatic_dilation_is_known_from_the_host_profile(self):
        changes = {"emulation.clock": "wall", "emulation.kernels": True}
        file = self.sweep("repetitions = 2\n", changes)
        said = self.estimate(file)
        self.assertIn("at least", said)
        self.profile(10)
        slow = self.estimate(file)
        self.assertRegex(slow, "about .* times their dilation by this host's profile")
        self.profile(20)
        self.assertAlmostEqual(self.seconds_a_point(self.estimate(file)) / self.seconds_a_point(slow), 2, delta=0.02)
        computes_nothing = self.estimate(self.sweep("repetitions = 2\n", changes | {"emulation.kernels": False}))
        self.assertIn("about", computes_nothing)
        self.assertAlmostEqual(self.seconds_a_point(computes_nothing), self.seconds_a_point(said), delta=0.01)


class Expanding(SweepTest):
    def test_writes_a_line_per_point_in_the_order_of_the_file(self):
        file = self.sweep(GRID + '[[list]]\nrounds.count = [2, 3]\nplanner.name = ["greedy", "no-drop"]\n')
        out = self.skipstone("sweep", "expand", file, "--folder", self.path("out")).out
        self.assertIn("36 points", out)
        self.assertRegex(out, r"about \d.* s on this host.*run to measure it")
        rows = self.manifest()
        self.assertEqual(list(rows[0]), ["index", "id", "name", "seed", "objective.alpha", "requests.count", "rounds.count", "planner.name"])
        self.assertEqual([row["index"] for row in rows], [str(i) for i in range(36)])
        self.assertEqual([row["seed"] for row in rows[:4]], ["7", "8", "9", "7"])
        self.assertEqual([row["planner.name"] for row in rows[:7]], 3 * ["greedy"] + 3 * ["no-drop"] + ["greedy"])
        self.assertEqual([row["rounds.count"] for row in rows[:7]], 3 * ["2"] + 3 * ["3"] + ["2"])
        self.assertEqual([row["objective.alpha"] for row in rows[::12]], ["0", "0.5", "1"])
        self.assertEqual(rows[0]["name"], "alpha0-count1-count2-namegreedy-seed7")
        self.assertEqual(len({row["id"] for row in rows}), 36)

    def test_makes_the_id_from_the_resolved_scenario(self):
        file = self.sweep(GRID)
        printed = self.skipstone("run", self.path("base.toml"), "--set", "objective.alpha=0.5", "--set", "requests.count=2",
                                 "--seed", "8", "--print-config").out
        self.skipstone("sweep", "expand", file, "--no-estimate", "--folder", self.path("out"))
        row = next(r for r in self.manifest() if (r["objective.alpha"], r["requests.count"], r["seed"]) == ("0.5", "2", "8"))
        self.assertEqual(row["id"], hashlib.sha256(printed.encode()).hexdigest()[:16])

    def test_names_points_as_the_file_wants(self):
        file = self.sweep('name = "a{objective.alpha}-{planner.name}_s{seed}"\nseeds = [3, 14]\n[grid]\nobjective.alpha = [0.5]\n'
                          'planner.name = ["greedy", "no-drop"]\n')
        out = self.skipstone("sweep", "expand", file, "-o", "-").out
        rows = list(csv.DictReader(out.splitlines()))
        self.assertEqual([r["name"] for r in rows], ["a0.5-greedy_s3", "a0.5-greedy_s14", "a0.5-no-drop_s3", "a0.5-no-drop_s14"])

    def test_takes_whole_fleets_with_labels(self):
        fleet = '[{profile = "khan2023-low", name = "d", count = %d, mac_rate = "200 MMAC/s"}]'
        file = self.sweep("[grid]\nfleet.devices = [{label = 2, value = %s}, {label = 5, value = %s}]\n" % (fleet % 2, fleet % 5))
        self.run_sweep(file)
        rows = self.table(file)
        self.assertEqual([row["fleet.devices"] for row in rows], ["2", "5"])
        for row, devices in zip(rows, (2, 5)):
            with h5py.File(self.path(f"out/points/{row['id']}.h5"), "r", swmr=True) as trace:
                self.assertEqual(len(trace["devices"]), devices)

    def test_adds_points_outside_the_grid(self):
        file = self.sweep('[set]\nrounds.count = 2\n[grid]\nobjective.alpha = [0, 1]\n[[point]]\nplanner.name = "no-drop"\nrounds.count = 1\n')
        self.run_sweep(file)
        rows = self.table(file)
        self.assertEqual([(r["objective.alpha"], r["planner.name"], r["rounds.count"]) for r in rows],
                         [("0", "", ""), ("1", "", ""), ("", "no-drop", "1")])
        self.assertEqual([r["rounds"] for r in rows], ["2", "2", "1"])

    def test_says_that_points_are_the_same(self):
        file = self.sweep("[grid]\nobjective.alpha = [0.5, 0.50]\n")
        result = self.run_sweep(file)
        self.assertIn("1 point has the same scenario as an earlier one", result.err)
        rows = self.table(file)
        self.assertEqual(len(rows), 2)
        self.assertEqual(rows[0]["latency_mean_s"], rows[1]["latency_mean_s"])
        self.assertEqual(collections.Counter(what for _, what in self.log())["verified"], 1)

    def test_says_of_every_wrong_value_where_it_stands(self):
        self.error('[grid]\nobjective.alpha = [0, 2]\nobjektive.beta = [1]\n', 'sweep.toml:6:', 'objektive',
                   'the nearest known one is "objective"', "2 points of 2 cannot run")
        self.error('[grid]\nobjective.alpha = [0.5, 2, -1]\nplanner.gap = [0.1, 7]\n', "sweep.toml:5: objective.alpha: is 2;",
                   "sweep.toml:5: objective.alpha: is -1;", "sweep.toml:6: planner.gap: is 7;", "(points 2-3)", "5 points of 6")
        self.error("[grid]\nobjective.alpha = [%s]\n" % ", ".join(f"{i}.5" for i in range(1, 60)), "and 39 more errors", "59 points")

    def test_refuses_what_it_cannot_mean(self):
        for text, parts in {
            "[grid]\n": ["sweep.toml:4: grid: is empty"],
            "[grid]\nobjective.alpha = []\n": ["sweep.toml:5: grid.objective.alpha: is empty"],
            "[grid]\nobjective.alpha = 0.5\n": ["must be a list of values, not a number"],
            "[gird]\nobjective.alpha = [1]\n": ['gird: unknown key; the nearest known one is "grid"'],
            "repetitions = 0\n": ["repetitions: is 0"],
            "repetitions = 2\nseeds = [1]\n": ["does not go with seeds"],
            "seeds = [4, 4]\n": ["has 4 twice"],
            "repetitions = 2\n[grid]\nseed = [1, 2]\n": ["does not go with a seed in [grid]"],
            "[[list]]\nobjective.alpha = [0, 1]\nrounds.count = [1]\n": ["sweep.toml:6:", "has 1 values, the list's first key has 2"],
            "[set]\nrounds.count = 2\n[grid]\nrounds.count = [1, 2]\n": ["stands in [set], too"],
            "[grid]\nrounds.count = [1, 2]\n[[list]]\nrounds.count = [1, 2]\n": ["stands twice"],
            '[grid]\nfleet.devices = [[{profile = "khan2023-low"}]]\n': ["needs a name in tables", "label"],
            '[grid]\nobjective.alpha = [{value = 1, lable = "x"}]\n': ['nearest known one is "grid.objective.alpha[0].label"'],
            "[grid]\nfleet.devices[0].battery = [1]\n": ["not valid TOML"],
            '[grid]\n"fleet.devices[9].battery" = ["1 J"]\n': ["sweep.toml:5:", "there is no [9]"],
            "name = \"../{seed}\"\n": ["characters that a name cannot have"],
            'name = "{seed"\n': ["without its }"],
            'name = "a{objective.alfa}"\n[grid]\nobjective.alpha = [1]\n': ["the nearest is {objective.alpha}"],
            'name = "same"\nrepetitions = 2\n': ["of points 0 and 1", "{seed}"],
            'name = "..{objective.alpha}"\n[grid]\nobjective.alpha = [1]\n': ["begins with no point"],
            "[grid]\n" + "".join(f"a.k{i} = [{','.join('0' * 1000)}]\n".replace("0,", "0, ") for i in range(3)):
                ["more than 100000 points"],
            "repetitions = 1000000000\n": ["repetitions: is 1000000000; it must be a whole number from 1 to 100000"],
        }.items():
            with self.subTest(text[:60]):
                self.error(text, *parts)
        result = self.skipstone("sweep", "expand", self.write("other.toml", 'format = "skipstone-sweep"\nversion = 2\nscenario = "x"\n'), code=2)
        self.assertIn("other.toml:2: version", result.err)
        result = self.skipstone("sweep", "expand", self.write("other.toml", 'format = "skipstone-sweep"\nversion = 1\nscenario = "kahn2023"\n'), code=2)
        self.assertIn('other.toml:3: scenario: there is no scenario "kahn2023"; the nearest is "khan2023"', result.err)

    def test_keeps_strange_values_out_of_names(self):
        file = self.sweep('[grid]\n"fleet.devices[0].mac_rate" = ["100 MMAC/s"]\nfleet = [{label = "../../etc", value = {devices = '
                          '[{profile = "khan2023-low", mac_rate = "100 MMAC/s"}]}}]\n')
        out = self.skipstone("sweep", "expand", file, "-o", "-").out
        self.assertIn("mac_rate100MMAC_s-fleet.._.._etc-seed7", out)


class Running(SweepTest):
    def test_gives_the_traces_that_run_gives(self):
        file = self.sweep(GRID)
        self.run_sweep(file)
        row = self.table(file)[10]
        single = self.new_path(".h5")
        self.skipstone("run", self.path("base.toml"), "-o", single, "--seed", row["seed"], "--set",
                       f"objective.alpha={row['objective.alpha']}", "--set", f"requests.count={row['requests.count']}")
        self.assertEqual(self.digest(single), self.digest(self.path(f"out/points/{row['id']}.h5")))
        analysed = json.loads(self.skipstone("analyze", single, "--json").out)["summary"]
        self.assert_close(float(row["latency_mean_s"]), analysed["latency_mean_s"])
        self.assert_close(float(row["energy_j"]), analysed["energy_j"])
        record = json.loads(pathlib.Path(self.path(f"out/points/{row['id']}.json")).read_text())
        self.assertEqual(record["digest"], self.digest(single))

    def test_collects_the_same_bytes_however_it_ran(self):
        file = self.sweep(GRID)
        self.run_sweep(file, folder="a")
        for points in ("12-99", "3", "0-5,7", "6,8-11"):
            self.run_sweep(file, "--points", points, "--jobs", "1", folder="b")
        expected = self.collect(file, "a")
        self.assertEqual(self.collect(file, "b"), expected)
        self.assertEqual(len(expected.splitlines()), 19)
        tables = []
        for folder in "ab":
            with h5py.File(self.path(f"{folder}-table.h5"), "r") as table:
                tables.append(table["points"][:])
        self.assertEqual(tables[0].tobytes(), tables[1].tobytes())
        self.assertEqual([f"{x:g}" for x in tables[0]["objective.alpha"]], [r["objective.alpha"] for r in csv.DictReader(expected.decode().splitlines())])
        self.assertNotIn(b"plan_host", expected)
        self.assertIn("seconds", self.table(file, "a", "--host")[0])

    def test_runs_what_is_new_when_the_sweep_grows(self):
        file = self.sweep(GRID)
        self.run_sweep(file)
        file = self.sweep(GRID.replace("[0, 0.5, 1]", "[0, 0.25, 1]"))
        out = self.run_sweep(file).out
        self.assertIn("18 points: 18 done (6 now", out)
        self.assert_nothing_twice()

    def test_shares_points_between_runners(self):
        file = self.sweep("repetitions = 30\n", {"rounds.count": 20})
        runners = [self.start("sweep", "run", file, "-o", self.path("out"), "--jobs", "1") for _ in range(3)]
        results = [self.wait(runner) for runner in runners]
        for result in results:
            self.assertEqual(result.code, 0, result)
            self.assertIn("30 points: 30 done", result.out)
        self.assertEqual(collections.Counter(what for _, what in self.log()), {"started": 30, "verified": 30})
        self.assertEqual(list((self.folder / "out" / "running").iterdir()), [])

    def test_ends_a_runner_that_is_told_to(self):
        file = self.sweep("repetitions = 300\n", {"rounds.count": 30})
        for number, code in ((signal.SIGTERM, 143), (signal.SIGINT, 130)):
            runner = self.start("sweep", "run", file, "-o", self.path("out"))
            before = self.read_log().count("verified")
            self.until(lambda: self.read_log().count("verified") > before)
            runner.send_signal(number)
            result = self.wait(runner)
            self.assertEqual(result.code, code, result)
            self.assertEqual(list((self.folder / "out" / "running").iterdir()), [])
            status = self.status(file)
            self.assertEqual((status["failed"], status["running"]), (0, 0))
            self.assertGreater(status["left"], 0)
        self.assertIn("interrupted", {what for _, what in self.log()})
        self.assert_nothing_twice()

    def read_log(self):
        log = self.folder / "out" / "log.txt"
        return log.read_text() if log.exists() else ""

    def until(self, condition, limit_s=30):
        end = time.monotonic() + limit_s
        while not condition():
            self.assertLess(time.monotonic(), end, "nothing happened")
            time.sleep(0.01)

    @staticmethod
    def workers(runner):
        try:
            return [int(pid) for pid in pathlib.Path(f"/proc/{runner.pid}/task/{runner.pid}/children").read_text().split()]
        except FileNotFoundError:
            return []

    def test_loses_nothing_however_often_it_is_killed(self):
        file = self.sweep("repetitions = 100\n", {"rounds.count": 40})
        self.run_sweep(file, folder="undisturbed")
        expected = self.collect(file, "undisturbed")
        choose = random.Random(20)
        kills = 0
        for _ in range(100):
            runners = [self.start("sweep", "run", file, "-o", self.path("out"), "--jobs", "2") for _ in range(2)]
            self.until(lambda: any(map(self.workers, runners)) or all(r.poll() is not None for r in runners))
            time.sleep(choose.uniform(0, 0.1))
            for _ in range(2):  # a point's process, then a runner with all its own
                victims = [pid for runner in runners for pid in self.workers(runner)]
                if victims:
                    try:
                        os.kill(choose.choice(victims), signal.SIGKILL)
                        kills += 1
                    except ProcessLookupError:
                        pass
                time.sleep(choose.uniform(0, 0.05))
            for runner in runners:
                kills += runner.poll() is None
                runner.kill()
                self.wait(runner)
            if kills >= 20:
                break
        self.assertGreaterEqual(kills, 20)
        self.run_sweep(file)
        self.assertEqual(self.collect(file), expected)
        self.assert_nothing_twice()
        self.assertEqual(list((self.folder / "out" / "running").iterdir()), [], "stale folders of dead runners")
        self.assertEqual(sorted(path.suffix for path in (self.folder / "out" / "points").iterdir()), 100 * [".h5"] + 100 * [".json"])

    def test_tries_a_point_again_whose_process_was_killed(self):
        file = self.sweep("", {"rounds.count": 3000})
        runner = self.start("sweep", "run", file, "-o", self.path("out"))
        for _ in range(3):
            known = self.log() if self.read_log() else []
            self.until(lambda: len(self.workers(runner)) == 1 and self.read_log().count("started") > [w for _, w in known].count("started"))
            os.kill(self.workers(runner)[0], signal.SIGKILL)
        result = self.wait(runner)
        self.assertEqual(result.code, 1, result)
        self.assertIn("killed by signal 9 (Killed), 3 times (is there too little memory?)", result.err)
        self.assertEqual([what for _, what in self.log()], 2 * ["started", "interrupted"] + ["started", "failed"])

    def test_runs_a_point_again_whose_trace_is_damaged_or_gone(self):
        file = self.sweep("repetitions = 4\n")
        self.run_sweep(file)
        expected = self.collect(file)
        traces = sorted((self.folder / "out" / "points").glob("*.h5"))
        traces[0].unlink()
        os.truncate(traces[1], 1000)
        traces[2].with_suffix(".json").write_text("{")
        self.assertEqual(self.status(file)["left"], 3)
        self.assertIn("4 done (3 now", self.run_sweep(file).out)
        self.assertEqual(self.collect(file), expected)

    def change_while_it_runs(self, file, change):
        """Runs the sweep, calls change() when two points are done; returns what it said."""
        runner = self.start("sweep", "run", file, "-o", self.path("out"), "--jobs", "1")
        self.until(lambda: self.read_log().count("verified") >= 2)
        change()
        return self.wait(runner)

    def test_weights_that_change_meanwhile_are_not_taken_for_the_old_ones(self):
        weights = write_weights(self.path("w.h5"))
        other = write_weights(self.path("other.h5"), favourite=7)
        file = self.sweep("repetitions = 6\n", ALONE | {"emulation.kernels": True, "network.weights": weights, "rounds.count": 20})
        old = hashlib.sha256(pathlib.Path(weights).read_bytes()).hexdigest()
        result = self.change_while_it_runs(file, lambda: os.replace(other, weights))
        self.assertEqual(result.code, 1, result)
        self.assertIn("w.h5", result.err)
        self.assertIn("was changed while the sweep ran", result.err)
        traces = list((self.folder / "out" / "points").glob("*.h5"))
        self.assertLess(len(traces), 6)
        self.assertEqual({Trace(trace).provenance["weights_hash"] for trace in traces}, {old})
        self.assertIn("6 done (6 now", self.run_sweep(file).out)  # the new weights are other points

    def test_an_accuracy_table_that_changes_meanwhile_is_not_taken_for_the_old_one(self):
        table = 'format = "skipstone-accuracy"\nversion = 1\nnetwork = "resnet20-cifar"\n[[row]]\ndropped = []\naccuracy = 0.9\n'
        self.write("table.toml", table)
        file = self.sweep("repetitions = 6\n", {"rounds.count": 60, "accuracy.table": "table.toml"})
        result = self.change_while_it_runs(file, lambda: self.write("table.toml", table.replace("0.9", "0.8")))
        self.assertEqual(result.code, 1, result)
        self.assertIn("was changed while the sweep ran", result.err)
        for trace in (self.folder / "out" / "points").glob("*.h5"):
            self.assertIn("0.9", Trace(trace).provenance["scenario"])

    def test_a_trace_of_other_weights_is_not_taken(self):
        weights = write_weights(self.path("w.h5"))
        file = self.sweep(LAUNCHED, {"network.weights": weights, "emulation.kernels": True})
        write_weights(self.path("other.h5"), favourite=7)
        # The launcher is the last to see the old file: its ranks get another one.
        words = " ".join(launcher(5)[3:])
        start = f"sh -c 'cp other.h5 w.h5; shift; exec {launcher(5)[0]} \"$@\"' x -- {words}"
        result = self.run_sweep(file, "--launcher", start, code=1)
        self.assertIn("w.h5 was changed while the sweep ran", result.err)
        self.assertEqual(list((self.folder / "out" / "points").iterdir()), [])

    def test_strays_in_its_folder_are_left_alone(self):
        file = self.sweep(GRID)
        self.run_sweep(file, "--points", "0-3")
        out = self.folder / "out"
        strays = [out / folder / name for folder in ("running", "points", "failed") for name in
                  ("notes.txt", "x", ".nfs0001", "zz", "0123456789abcdef0123456789.h5", "deadbeef.json", "f" * 16)]
        for stray in strays:
            stray.write_text("mine")
        (out / "running" / "a folder").mkdir()
        self.assertIn("18 done (14 now", self.run_sweep(file).out)
        self.skipstone("sweep", "status", file, "-o", out)
        self.assertEqual(len(self.collect(file).splitlines()), 19)
        self.skipstone("sweep", "clean", file, "-o", out)
        for stray in strays:
            self.assertEqual(stray.read_text(), "mine")

    def test_many_collect_at_once_and_links_are_not_followed(self):
        file = self.sweep(GRID)
        self.run_sweep(file)
        expected = self.collect(file)
        victim = self.folder / "victim"
        victim.write_text("mine")
        for name in (".t.h5.new", "t.h5", "t.csv", ".t.csv.new"):
            (self.folder / name).symlink_to(victim)
        runs = [self.start("sweep", "collect", file, "--folder", self.path("out"), "-o", self.path("t")) for _ in range(12)]
        for run in runs:
            result = self.wait(run)
            self.assertEqual(result.code, 0, result)
        self.assertEqual(victim.read_text(), "mine")
        self.assertEqual((self.folder / "t.csv").read_bytes(), expected)
        with h5py.File(self.path("t.h5"), "r") as table:
            self.assertEqual(len(table["points"]), 18)
        self.assertEqual([p.name for p in self.folder.glob(".t.*") if not p.is_symlink()], [])

    def test_a_link_in_place_of_its_locks_is_not_followed(self):
        file = self.sweep(GRID)
        (self.folder / "out").mkdir()
        (self.folder / "out" / "claims").symlink_to(self.folder / "made")
        self.run_sweep(file, code=1)
        self.assertFalse((self.folder / "made").exists())

    @unittest.skipUnless(os.geteuid() == 0, "needs a second user")
    def test_a_second_user_is_told_what_to_do(self):
        file = self.sweep(GRID)
        self.run_sweep(file, "--points", "0")
        self.folder.chmod(0o755)
        for place in ("out", "out/points", "out/claims"):  # umask 022
            (self.folder / place).chmod(0o755)
        result = self.skipstone("sweep", "run", file, "-o", self.path("out"), code=2, user=65534, group=65534, extra_groups=[])
        self.assertIn("belongs to root", result.err)
        self.assertIn(f'call "chmod -R g+rwX {self.path("out")}"', result.err)
        self.assertIn("umask 002", result.err)
        self.skipstone("sweep", "status", file, "-o", self.path("out"), user=65534, group=65534, extra_groups=[])

    def test_lists_and_removes_what_is_no_longer_in_it(self):
        file = self.sweep(GRID)
        self.run_sweep(file)
        gone = [row["id"] for row in self.manifest() if row["objective.alpha"] == "0.5"]
        kept = {row["id"] for row in self.manifest()} - set(gone)
        self.assertEqual(self.status(file)["leftovers"], [])
        file = self.sweep(GRID.replace("[0, 0.5, 1]", "[0, 1]"))
        said = self.skipstone("sweep", "status", file, "-o", self.path("out")).out
        self.assertIn("no longer in the sweep: " + sorted(gone)[0] + " alpha0.5", said)
        self.assertRegex(said, r"6 points \([\d.]+ MB\): .*sweep clean")
        self.assertEqual([left["id"] for left in self.status(file)["leftovers"]], sorted(gone))
        self.assertIn("6 points", self.skipstone("sweep", "clean", file, "--dry-run", "-o", self.path("out")).out)
        self.assertEqual(len(list((self.folder / "out" / "points").glob("*.h5"))), 18)
        self.assertIn("removed", self.skipstone("sweep", "clean", file, "-o", self.path("out")).out)
        self.assertEqual({path.stem for path in (self.folder / "out" / "points").iterdir()}, kept)
        self.assertEqual(self.status(file)["leftovers"], [])
        self.assertIn("12 done (0 now", self.run_sweep(file).out)

    def test_a_runner_of_few_points_takes_the_others_from_the_manifest(self):
        file = self.sweep(GRID)
        self.skipstone("sweep", "expand", file, "--no-estimate", "--folder", self.path("out"))
        before = self.manifest()
        self.run_sweep(file, "--points", "3")
        self.assertEqual(self.manifest(), before)
        # What has changed shows in its own points, or in names and labels: then all are resolved anew.
        changed = self.sweep(GRID, {"rounds.count": 4})
        self.run_sweep(changed, "--points", "3")
        after = self.manifest()
        self.assertEqual([row["name"] for row in after], [row["name"] for row in before])
        self.assertFalse({row["id"] for row in after} & {row["id"] for row in before})
        self.run_sweep(self.sweep(GRID.replace("[1, 2]", "[1, 3]"), {"rounds.count": 4}), "--points", "0")
        self.assertEqual({row["requests.count"] for row in self.manifest()}, {"1", "3"})
        self.error(GRID.replace("[1, 2]", "[1, -3]"), "requests.count")
        self.assertIn("cannot run", self.run_sweep(file, "--points", "0", code=2).err)

    def test_takes_only_points_that_were_asked_for(self):
        file = self.sweep(GRID)
        self.run_sweep(file, "--points", "2,5-6")
        self.assertEqual(self.skipstone("sweep", "status", file, "--left", "-o", self.path("out")).out, "0-1,3-4,7-17\n")
        for points, part in (("18", "there is no point 18; the sweep has 18"), ("3-1", "wrong way round"), ("x", "is no number"), ("1,,2", "no number")):
            self.assertIn(part, self.run_sweep(file, f"--points={points}", code=2).err)
        result = self.skipstone("sweep", "collect", file, "--folder", self.path("out"), "-o", self.path("t"), code=1)
        self.assertIn("15 points of 18 not done (0-1,3-4,7-17)", result.err)
        self.assertEqual(len(self.table(file, "out", "--partial")), 3)


class Failing(SweepTest):
    """Points with the wall clock, whose launcher can be made to fail."""

    def test_goes_on_and_says_why(self):
        file = self.sweep('seeds = [1]\n[[point]]\n[[point]]\nemulation.clock = "wall"\nrounds.count = 1\n')
        result = self.run_sweep(file, "--launcher", "sh -c 'echo no nodes today >&2; exit 7'", code=1)
        self.assertIn("failed: exit status 7: no nodes today", result.err)
        status = self.status(file)
        self.assertEqual((status["done"], status["failed"], status["left"]), (1, 1, 0))
        self.assertEqual(status["failures"][0]["reason"], "exit status 7: no nodes today")
        self.assertEqual(status["failures"][0]["status"], 7)
        text = self.skipstone("sweep", "status", file, "-o", self.path("out")).out
        self.assertTrue(text.endswith("2 points: 1 done, 1 failed, 0 running, 0 left\n"), text)
        self.assertIn("1 failed", self.run_sweep(file, code=1).out)  # not tried again unless it is asked for
        self.assertEqual([what for _, what in self.log()], ["started", "verified", "started", "failed"])

    def test_does_not_take_an_exit_status_for_a_result(self):
        file = self.sweep(LAUNCHED)
        self.assertIn("trace.h5", self.run_sweep(file, "--launcher", "true", code=1).err)
        for launcher, part in (("sh -c 'kill -SEGV $$'", "killed by signal 11"), ("/no/such/launcher", "No such file"),
                               (f"sh -c '{PROGRAM} run base.toml --rounds 2 -o $7' x", "it is of another scenario")):
            self.assertIn(part, self.run_sweep(file, "--failed", "--launcher", launcher, code=1).err)

    def test_runs_failed_points_again_under_mpirun(self):
        file = self.sweep(LAUNCHED + '[grid]\nfleet.devices = [{label = 1, value = [{profile = "khan2023-low", mac_rate = "100 MMAC/s"}]}]\n')
        self.run_sweep(file, "--launcher", "false", code=1)
        self.assertIn("1 done", self.run_sweep(file, "--failed").out)
        self.assertEqual(self.status(file)["done"], 1)
        self.assertEqual(list((self.folder / "out" / "failed").iterdir()), [])
        self.run_sweep(file, "--failed")  # none: nothing to do

    def test_starts_the_ranks_through_a_wrapper(self):
        file = self.sweep(LAUNCHED)
        self.write("wrapper", f'#!/bin/sh\necho "$@" >>{self.path("seen")}\nshift\nexec {PROGRAM} "$@"\n')
        (self.folder / "wrapper").chmod(0o755)
        self.run_sweep(file, "--program", f"{self.path('wrapper')} image.sif")
        seen = (self.folder / "seen").read_text().splitlines()
        self.assertEqual(len(seen), 5)
        for line in seen:
            self.assertRegex(line, r"^image.sif run \S+scenario.toml -o \S+trace.h5$")
        (self.folder / "with blanks").symlink_to(PROGRAM)  # one file is one word
        self.run_sweep(file, "--program", self.path("with blanks"), folder="blanks")

    def test_passes_the_ranks_to_the_launcher(self):
        file = self.sweep(LAUNCHED)
        self.run_sweep(file, "--launcher", "sh -c 'echo ranks \"$@\" >&2; exit 1' x", code=1)
        self.assertRegex(self.status(file)["failures"][0]["reason"], r"exit status 1: ranks -n 5 \S*skipstone run \S+ -o \S+trace.h5$")
        self.run_sweep(file, "--failed", "--launcher", "sh -c 'echo \"$@\" >&2; exit 1' x -np={ranks}", code=1)
        self.assertIn("exit status 1: -np=5 /", self.status(file)["failures"][0]["reason"])

    def test_ends_launchers_with_the_runner(self):
        file = self.sweep(LAUNCHED)
        runner = self.start("sweep", "run", file, "-o", self.path("out"), "--launcher", "sh -c 'echo $$ > pid; exec sleep 60'")
        end = time.monotonic() + 20
        while not (self.folder / "pid").exists() or not (self.folder / "pid").read_text():
            self.assertLess(time.monotonic(), end)
            time.sleep(0.02)
        runner.kill()
        self.wait(runner)
        launcher = pathlib.Path("/proc") / (self.folder / "pid").read_text().strip()
        while launcher.exists():
            self.assertLess(time.monotonic(), end)
            time.sleep(0.02)


if __name__ == "__main__":
    unittest.main()
