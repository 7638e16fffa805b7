#!/usr/bin/env python3
"""What launchers say in the environment: processes that know nothing of each other are refused, and usage errors are said once."""

import unittest

from support import ProgramTest, cifar_batch, write_weights

# What a process finds in its environment, by who started it: the process' number stands for {rank}.
STRANGERS = {
    "srun --mpi=none": {"SLURM_JOB_ID": "7", "SLURM_NTASKS": "4", "SLURM_STEP_NUM_TASKS": "4", "SLURM_PROCID": "{rank}"},
    "flux run -o pmi=off": {"FLUX_JOB_SIZE": "4", "FLUX_TASK_RANK": "{rank}"},
    "jsrun": {"JSM_NAMESPACE_SIZE": "4", "JSM_NAMESPACE_RANK": "{rank}"},
    "mpirun_rsh": {"MV2_COMM_WORLD_SIZE": "4", "MV2_COMM_WORLD_RANK": "{rank}"},
}
# These are one process.
SINGLE = {
    "a batch script": {"SLURM_JOB_ID": "7", "SLURM_NTASKS": "4", "SLURM_NPROCS": "4", "SLURM_PROCID": "0", "SLURM_LOCALID": "0"},
    "srun -n 1": {"SLURM_JOB_ID": "7", "SLURM_NTASKS": "4", "SLURM_STEP_NUM_TASKS": "1", "SLURM_PROCID": "0"},
    "flux batch": {"FLUX_URI": "local:///x", "FLUX_JOB_ID": "f1"},
    "a PBS job": {"PBS_JOBID": "7", "PBS_NP": "4", "PBS_VNODENUM": "0", "PBS_TASKNUM": "1"},
}


def environment(variables, rank):
    return {name: value.format(rank=rank) for name, value in variables.items()}


class Strangers(ProgramTest):
    def test_copies_of_a_run_are_refused(self):
        scenario = self.scenario()
        for name, variables in STRANGERS.items():
            for options in ((), ("--launch",)):
                for rank in range(2):
                    with self.subTest(launcher=name, options=options, rank=rank):
                        result = self.skipstone("run", scenario, "-o", "t.h5", *options, code=2 if rank == 0 else 0,
                                                environment=environment(variables, rank))
                        self.assertEqual("4 processes that know nothing of each other" in result.err, rank == 0, result)
                        self.assertEqual(result.err.count("\n"), 1 if rank == 0 else 0)
                        self.assertFalse((self.folder / "t.h5").exists())

    def test_copies_of_a_study_are_refused(self):
        weights, images = write_weights(self.path("w.h5")), self.write("i.bin", cifar_batch([1, 2]))
        for rank in range(2):
            result = self.skipstone("study", "--weights", weights, "--data", images, "--drops", "none", "-o", "t.toml",
                                    code=2 if rank == 0 else 0, environment=environment(STRANGERS["srun --mpi=none"], rank))
            self.assertEqual("know nothing of each other" in result.err, rank == 0, result)
        self.assertFalse((self.folder / "t.toml").exists())

    def test_one_process_of_a_job_runs(self):
        scenario = self.scenario({"rounds.count": 1})
        for name, variables in SINGLE.items():
            with self.subTest(name):
                self.skipstone("run", scenario, "-o", self.new_path(".h5"), environment=variables)

    def test_ranks_of_mpi_run_within_a_step_of_several_tasks(self):
        self.run_scenario({"rounds.count": 1}, ranks=2, environment=environment(STRANGERS["srun --mpi=none"], 3))

    def test_runners_of_a_sweep_may_be_many(self):
        text = 'format = "skipstone-sweep"\nversion = 1\nscenario = "%s"\nrepetitions = 3\n[set]\nrounds.count = 1\n'
        virtual = self.write("v.toml", text % self.scenario())
        wall = self.write("w.toml", text % self.scenario() + 'emulation.clock = "wall"\nemulation.dilation = 0.01\n')
        for file in (virtual, wall):
            runners = [self.start("sweep", "run", file, "-o", file[:-5], environment=environment(STRANGERS["srun --mpi=none"], rank))
                       for rank in range(2)]
            for runner in runners:
                self.assertIn("3 done", self.wait(runner).out)


class SaidOnce(ProgramTest):
    def test_usage_errors_under_a_launcher(self):
        for words, said in ((["run"], "scenario is required"), (["run", "x", "-o", "a", "-o", "b"], "--output"),
                            (["run", "khan2023", "--bogus"], "--bogus"), (["rum"], 'no subcommand "rum"')):
            with self.subTest(words=words):
                result = self.skipstone(*words, ranks=3, code=None)
                self.assertNotEqual(result.code, 0)
                self.assertEqual((result.out + result.err).count(said), 1, result)

    def test_help_and_configuration_under_a_launcher(self):
        self.assertEqual(self.skipstone("run", "--help", ranks=3).out.count("Usage:"), 1)
        self.assertEqual(self.skipstone("run", self.scenario(), "--print-config", ranks=3).out.count("[network]"), 1)


if __name__ == "__main__":
    unittest.main()
