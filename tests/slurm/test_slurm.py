#!/usr/bin/env python3
"""Jobs and sweeps on a real SLURM of four nodes, some of which die. Skipped where there cannot be one."""

import contextlib
import os
import pathlib
import random
import re
import signal
import sys
import time
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "cli"))

import kill_sweep
from cluster import Cluster, read, unavailable
from support import OPEN_MPI, PROGRAM, ROOT, ProgramTest, Trace

NODES = 4
WALL = {"emulation.clock": "wall", "emulation.dilation": 1.0, "requests.count": 1}
LONG = WALL | {"rounds.count": 10_000}
LIMIT_S = 60
cluster = None


class OnTheCluster(ProgramTest):
    def setUp(self):
        super().setUp()
        self.addCleanup(cluster.command, "scancel", "--user=root")
        cluster.restore()
        cluster.environment["SKIPSTONE"] = PROGRAM

    def submit(self, *words, **environment):
        """Submits a job that runs in the test's folder; returns its number."""
        assignments = [f"{name}={value}" for name, value in environment.items()]
        result = cluster.command("env", *assignments, "sbatch", "--parsable", *map(str, words), cwd=self.folder)
        return result.stdout.strip()

    def run_job(self, scenario, *options, arguments=(), **environment):
        """Submits jobs/run.sbatch, with arguments of `skipstone run`; returns the job's number and where its trace will be."""
        job = self.submit(*options, ROOT / "jobs" / "run.sbatch", scenario, *arguments, **environment)
        return job, self.path(f"{pathlib.Path(scenario).stem}-{job}.h5")

    def wait_for_rounds(self, path, number):
        end = time.monotonic() + LIMIT_S
        while time.monotonic() < end:
            with contextlib.suppress(OSError):  # not there yet
                if len(Trace(path).rounds) >= number:
                    return
            time.sleep(0.05)
        self.fail(f"no {number} rounds within {LIMIT_S} s\n{self.outputs()}\n{cluster.logs()}")

    def outputs(self):
        return "".join(f"--- {path.name}\n{path.read_text(errors='replace')}" for path in sorted(self.folder.glob("*.out")))


class Run(OnTheCluster):
    def test_ranks_on_three_nodes_make_the_trace_that_one_process_makes(self):
        scenario = self.scenario({"emulation.kernels": True})
        alone = self.path("alone.h5")
        self.skipstone("run", scenario, "-o", alone)
        spread = ("--nodes=3", "--ntasks=3", "--ntasks-per-node=1")
        jobs = [self.run_job(scenario, *spread), self.run_job(scenario, *spread, SKIPSTONE_LAUNCHER="mpirun")]
        states = cluster.wait_for_jobs(LIMIT_S)
        for job, trace in jobs:
            self.assertEqual(states[job], "COMPLETED", self.outputs())
            self.assertEqual(self.digest(trace), self.digest(alone))
            self.assertEqual(Trace(trace).provenance["hosts"].partition(": ")[2], "0,1,2")

    def test_a_rank_per_device_in_real_time(self):
        changes = WALL | {"rounds.count": 3}
        job, path = self.run_job(self.scenario(changes), f"--nodes={NODES}", "--ntasks=5", arguments=["--no-strict"])
        virtual = self.run_scenario(changes | {"emulation.clock": "virtual"})
        self.assertEqual(cluster.wait_for_jobs(LIMIT_S)[job], "COMPLETED", self.outputs())
        wall = Trace(path)
        self.assertEqual((wall.attributes["complete"], wall.provenance["clock"]), (1, "wall"))
        self.assert_close(wall.requests["latency_s"], virtual.requests["latency_s"])
        length = wall.rounds["end_s"][-1]
        self.assertGreaterEqual(wall.rounds["host_end_s"][-1], length * 0.99)

    def test_the_end_of_its_time_closes_the_trace(self):
        # The job script asks SLURM to send TERM to it alone; a user may send it to the steps.
        scenario = self.scenario(LONG)
        steps, steps_path = self.run_job(scenario, f"--nodes={NODES}", "--ntasks=5")
        batch, batch_path = self.run_job(scenario, f"--nodes={NODES}", "--ntasks=5", SKIPSTONE_LAUNCHER="mpirun")
        self.wait_for_rounds(steps_path, 2)
        cluster.command("scancel", "--signal=TERM", steps)
        self.wait_for_rounds(batch_path, 2)
        cluster.command("scancel", "--signal=TERM", "--batch", batch)
        states = cluster.wait_for_jobs(LIMIT_S)
        own, own_path = self.run_job(scenario, f"--nodes={NODES}", "--ntasks=5")
        self.wait_for_rounds(own_path, 2)
        cluster.command("scancel", "--signal=TERM", "--batch", own)
        states |= cluster.wait_for_jobs(LIMIT_S)
        for job, path in (steps, steps_path), (batch, batch_path), (own, own_path):
            self.assertEqual(states[job], "FAILED", self.outputs())
            trace = Trace(path)
            self.assertEqual((trace.attributes["complete"], trace.attributes["ended"]), (0, "interrupted"), self.outputs())

    def test_the_death_of_a_rank_ends_the_job(self):
        job, path = self.run_job(self.scenario(LONG), f"--nodes={NODES}", "--ntasks=5")
        self.wait_for_rounds(path, 1)
        [rank] = [pid for pid in cluster.processes_on("n2") if b"run" in read(f"/proc/{pid}/cmdline").split(b"\0")]
        os.kill(rank, signal.SIGKILL)
        self.assertEqual(cluster.wait_for_jobs(LIMIT_S)[job], "FAILED", self.outputs())
        self.assertGreaterEqual(len(Trace(path).rounds), 1)

    def test_the_death_of_a_node_starts_the_run_anew(self):
        job, path = self.run_job(self.scenario(WALL | {"rounds.count": 10}), f"--nodes={NODES}", "--ntasks=5", arguments=["--no-strict"])
        self.wait_for_rounds(path, 1)
        cluster.kill_node("n1")
        cluster.restore()
        self.assertEqual(cluster.wait_for_jobs(LIMIT_S)[job], "COMPLETED", self.outputs())
        self.assertEqual(Trace(path).attributes["complete"], 1)


    def test_tasks_that_know_nothing_of_each_other_are_refused(self):
        scenario = self.scenario()
        result = cluster.command("srun", "--mpi=none", "-n4", PROGRAM, "run", scenario, "-o", self.path("t.h5"), check=False, cwd=self.folder)
        self.assertEqual(result.returncode, 2, result.stderr)
        self.assertEqual(result.stderr.count("srun started 4 processes that know nothing of each other"), 1, result.stderr)
        self.assertFalse(pathlib.Path(self.path("t.h5")).exists())
        cluster.command("srun", "--mpi=none", "-n1", PROGRAM, "run", scenario, "-o", self.path("t.h5"), cwd=self.folder)
        batch = self.write("batch.sh", f"#!/bin/sh\nexec {PROGRAM} run {scenario} -o {self.path('b.h5')}\n")
        job = self.submit("--ntasks=4", batch)
        self.assertEqual(cluster.wait_for_jobs(LIMIT_S)[job], "COMPLETED", self.outputs())

    def test_usage_errors_are_said_once(self):
        job, _ = self.run_job(self.scenario(), "--ntasks=4", arguments=["--bogus"])
        self.assertEqual(cluster.wait_for_jobs(LIMIT_S)[job], "FAILED")
        self.assertEqual(self.outputs().count("--bogus"), 1, self.outputs())

    def test_the_users_output_and_the_scenarios_name(self):
        scenario = self.scenario()
        jobs = [self.run_job(scenario, "--ntasks=2", arguments=words)[0] for words in (["-o", "mine.h5"], ["--output=ours.h5"])]
        named, _ = self.run_job(scenario, "--ntasks=2", "--job-name=my-job")
        states = cluster.wait_for_jobs(LIMIT_S)
        self.assertEqual({states[job] for job in [*jobs, named]}, {"COMPLETED"}, self.outputs())
        self.assertEqual({Trace(self.path(name)).attributes["complete"] for name in ("mine.h5", "ours.h5")}, {1})
        names = dict(line.split() for line in cluster.command("squeue", "--noheader", "--states=all", "--format=%i %j").stdout.splitlines())
        self.assertEqual([names[job] for job in [*jobs, named]], 2 * [pathlib.Path(scenario).stem] + ["my-job"])

    def test_a_run_that_is_not_faithful_fails_its_job(self):
        scenario = self.scenario(WALL | {"rounds.count": 2, "emulation.dilation": 0.0005})
        strict, _ = self.run_job(scenario, f"--nodes={NODES}", "--ntasks=5")
        lenient, _ = self.run_job(scenario, f"--nodes={NODES}", "--ntasks=5", arguments=["--no-strict"])
        states = cluster.wait_for_jobs(LIMIT_S)
        self.assertEqual((states[strict], states[lenient]), ("FAILED", "COMPLETED"), self.outputs())
        self.assertIn("ExitCode=4:0", cluster.command("scontrol", "show", "job", strict).stdout)

    def test_a_command_line_of_several_words_starts_the_program(self):
        job, path = self.run_job(self.scenario(), "--ntasks=2", SKIPSTONE=f"env SEEN=yes {PROGRAM}")
        self.assertEqual(cluster.wait_for_jobs(LIMIT_S)[job], "COMPLETED", self.outputs())
        self.assertEqual(Trace(path).attributes["complete"], 1)


class Sweeps(OnTheCluster):
    def sweep(self, changes, grid, name):
        """A sweep of the small scenario that has not begun."""
        file = self.write(f"{name}.toml", f'''format = "skipstone-sweep"
version = 1
scenario = "{self.scenario(changes)}"
[grid]
{grid}
''')
        return kill_sweep.Sweep(PROGRAM, file, self.folder / name)

    def submit_sweep(self, sweep, *options, **environment):
        assignments = [f"{name}={value}" for name, value in environment.items()]
        return cluster.command("env", *assignments, kill_sweep.SUBMIT, *options[:2], sweep.file, sweep.folder, "--", *options[2:],
                               cwd=self.folder).stdout

    def test_a_sweep_survives_that_everything_dies_twice(self):
        undisturbed, sweep = kill_sweep.make(PROGRAM, self.folder, points=20, rounds=400)
        kills = [("everything", 1), ("everything", 4)]
        at_work, first_seen = kill_sweep.run_and_kill(cluster, sweep, kills, 2, random.Random(), lambda _: None)
        self.assertEqual(kill_sweep.faults(undisturbed, sweep, 20, first_seen), [], f"{self.outputs()}\n{sweep.log()}")
        self.assertGreaterEqual(at_work, 2)
        self.assertGreaterEqual(len({job.split("_")[0] for job in cluster.jobs()}), 2, "arrays of 4 tasks of 2 points")

    def test_points_with_the_wall_clock_get_their_ranks(self):
        grid = "objective.alpha = [0.2, 0.7]"
        sweeps = {launcher: self.sweep(WALL | {"rounds.count": 2}, grid, launcher.split()[0]) for launcher in ("srun --mpi=pmix", "mpirun")}
        for launcher, sweep in sweeps.items():
            self.submit_sweep(sweep, "--bundle", "2", "--nodes=4", "--ntasks=5", "--cpus-per-task=1", SKIPSTONE_LAUNCHER=launcher)
        cluster.wait_for_jobs(LIMIT_S)
        for sweep in sweeps.values():
            self.assertEqual((sweep.left(), sweep.verified()), ("", 2), self.outputs())
            for name in sweep.traces():
                trace = Trace(sweep.folder / "points" / f"{name}.h5")
                self.assertEqual(trace.provenance["hosts"].partition(": ")[2], "0,1,2,3,4")
            self.assertIn("nothing is left", self.submit_sweep(sweep, "--bundle", "2"))

    def test_points_with_the_wall_clock_start_through_a_wrapper(self):
        wrapper = self.write("wrapper", f'#!/bin/sh\necho "$@" >>{self.path("seen")}\nshift\nexec {PROGRAM} "$@"\n')
        os.chmod(wrapper, 0o755)
        sweep = self.sweep(WALL | {"rounds.count": 1}, "objective.alpha = [0.2]", "wrapped")
        self.submit_sweep(sweep, "--bundle", "1", "--nodes=4", "--ntasks=5", "--cpus-per-task=1", SKIPSTONE=f"{wrapper} image.sif")
        cluster.wait_for_jobs(LIMIT_S)
        self.assertEqual((sweep.left(), sweep.verified()), ("", 1), self.outputs())
        ranks = [line for line in read(self.path("seen")).decode().splitlines() if " run /" in line and "scenario.toml" in line]
        self.assertEqual(len(ranks), 5, ranks)

    def test_what_waits_is_not_submitted_twice(self):
        sweep = self.sweep({"rounds.count": 1}, "objective.alpha = [0, 0.2, 0.4, 0.6, 0.8, 1]", "twice")
        words = [kill_sweep.SUBMIT, "--bundle", "2", sweep.file, sweep.folder.name, "--", "--hold"]
        first = cluster.command(*words, cwd=self.folder)
        self.assertIn("job ", first.stdout)
        waiting = [job for job, state in cluster.jobs().items() if state == "PENDING"]
        self.assertEqual(len(waiting), 3)
        again = cluster.command(*words, cwd=self.folder)
        self.assertIn("6 of the points that are left are in tasks that wait or run", again.stderr)
        self.assertIn("nothing is left to submit", again.stdout)
        self.assertEqual([job for job, state in cluster.jobs().items() if state == "PENDING"], waiting)
        # A task that is gone leaves its points to the next call, and --again asks for all.
        cluster.command("scancel", waiting[1])
        rest = cluster.command(*words, cwd=self.folder)
        self.assertIn("4 of the points", rest.stderr)
        self.assertIn("tasks 1,", rest.stdout)
        names = cluster.command("squeue", "--noheader", "--format=%j").stdout.split()
        self.assertEqual(set(names), {"twice"})
        everything = cluster.command(words[0], "--again", *words[1:], cwd=self.folder)
        self.assertIn("tasks 0-2,", everything.stdout)
        other = self.sweep({"rounds.count": 1}, "objective.alpha = [0, 0.2]", "other")  # another sweep's tasks are not ours
        self.assertNotIn("wait or run", cluster.command(*words[:3], other.file, other.folder, "--", "--hold", cwd=self.folder).stderr)

    def test_a_job_without_an_array_says_what_it_needs(self):
        sweep = self.sweep({"rounds.count": 1}, "objective.alpha = [0]", "single")
        job = self.submit(ROOT / "jobs" / "sweep.sbatch", sweep.file, sweep.folder, "1")
        self.assertEqual(cluster.wait_for_jobs(LIMIT_S)[job], "FAILED")
        self.assertIn("is not a task of a job array: give sbatch --array", self.outputs())

    def test_the_end_of_its_time_leaves_points(self):
        sweep = self.sweep({"rounds.count": 1_000_000}, "objective.alpha = [0, 0.5, 1]", "long")
        said = self.submit_sweep(sweep, "--bundle", "3", "--cpus-per-task=3")
        array = re.match("job ([0-9]+): tasks 0, ", said)[1]

        def running():  # a job that is pending, scancel tries to signal for a minute and a half
            return [job for job, state in cluster.jobs().items() if job.startswith(f"{array}_") and state == "RUNNING"]

        end = time.monotonic() + LIMIT_S
        while len(sweep.log()) < 3 or not (tasks := running()):
            if time.monotonic() > end:
                self.fail(f"no 3 points within {LIMIT_S} s: {sweep.log()}\n{self.outputs()}\n{cluster.jobs()}\n{cluster.logs()}")
            time.sleep(0.05)
        [task] = tasks
        cluster.command("scancel", "--batch", "--signal=TERM", task)
        self.assertEqual(cluster.wait_for_jobs(LIMIT_S)[task], "FAILED")
        self.assertEqual(sweep.left(), "0-2")
        self.assertEqual([what for _, what in sweep.log()], ["started"] * 3 + ["interrupted"] * 3, self.outputs())


class Submitting(OnTheCluster):
    def test_says_what_is_wrong(self):
        for words, expected in ((), "say which sweep"), (("a.toml",), "say which sweep"), (("a", "b", "c"), "unknown argument: c"), (
                ("--bundle", "0", "a", "b"), "at least 1"), (("--bundel", "3", "a", "b"), "unknown option: --bundel"):
            with self.subTest(words=words):
                result = cluster.command(kill_sweep.SUBMIT, *words, check=False)
                self.assertEqual(result.returncode, 2)
                self.assertIn(expected, result.stderr)
                self.assertIn("usage:", result.stderr)
        self.assertNotEqual(cluster.command(kill_sweep.SUBMIT, "missing.toml", "x", check=False, cwd=self.folder).returncode, 0)


if __name__ == "__main__":
    if reason := unavailable() or (None if OPEN_MPI else "srun --mpi=pmix starts no ranks of this MPI library"):
        print(f"skipped: {reason}")
        sys.exit(77)
    for number in (signal.SIGTERM, signal.SIGALRM):  # so that the cluster goes down in every case
        signal.signal(number, signal.default_int_handler)
    signal.alarm(280)  # before ctest loses patience
    with Cluster(NODES, max_array_size=4) as cluster:
        outcome = unittest.main(exit=False)
    sys.exit(not outcome.result.wasSuccessful())
