#!/usr/bin/env python3
"""Valgrind's memcheck over a run of three ranks with kernels, on both clocks: reads and writes outside of what was allocated, values that
nothing has set, and leaks. Needs valgrind, and takes some minutes. Prints what it finds; status 1 if that is anything.

Valgrind knows no AVX-512 and tells oneDNN so: kernels run with AVX2. What other libraries do is left out by memcheck.supp."""

import os
import pathlib
import shutil
import subprocess
import sys
import tempfile

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "cli"))
from support import OPEN_MPI, PROGRAM, launcher, scenario_text  # noqa: E402

RANKS = 3
ERRORS = 99  # valgrind's exit status then
CHANGES = {"emulation.kernels": True, "rounds.count": 2, "requests.count": 2,
           "fleet.devices": [{"profile": "khan2023-low", "count": 2, "mac_rate": "100 MMAC/s", "macs_per_round": "60 MMAC"}]}
# Waiting takes real time, and everything is some 50 times slower than it should be.
CLOCKS = {"virtual": {}, "wall": {"emulation.clock": "wall", "emulation.dilation": 5.0}}
ENVIRONMENT = {"OMP_NUM_THREADS": "1", "SKIPSTONE_CACHE": "off", "OMPI_ALLOW_RUN_AS_ROOT": "1", "OMPI_ALLOW_RUN_AS_ROOT_CONFIRM": "1"}
RANK = "%q{OMPI_COMM_WORLD_RANK}" if OPEN_MPI else "%q{PMI_RANK}"


def check(clock, folder):
    """Runs it; returns what is wrong, per rank."""
    scenario = folder / "s.toml"
    scenario.write_text(scenario_text(CHANGES | CLOCKS[clock]))
    command = [*launcher(RANKS), "valgrind", "--quiet", "--leak-check=full", "--show-leak-kinds=definite", "--errors-for-leak-kinds=definite",
               "--num-callers=40", f"--suppressions={pathlib.Path(__file__).with_name('memcheck.supp')}", f"--error-exitcode={ERRORS}",
               f"--log-file={folder}/{RANK}.log", PROGRAM, "run", str(scenario), "-o", str(folder / "t.h5")]
    result = subprocess.run(command, cwd=folder, env={**os.environ, **ENVIRONMENT}, capture_output=True, text=True, timeout=1200)
    found = {log.stem: log.read_text() for log in sorted(folder.glob("*.log")) if log.read_text().strip()}
    if len(list(folder.glob("*.log"))) != RANKS or (result.returncode and not found):
        found["launcher"] = f"exit status {result.returncode}\n{result.stdout}\n{result.stderr}"
    return found


def main():
    if len(sys.argv) > 1:
        print(__doc__)
        return 0 if sys.argv[1] in ("-h", "--help") else 2
    if shutil.which("valgrind") is None:
        print("skipped: valgrind is missing (package valgrind)")
        return 77
    status = 0
    for clock in CLOCKS:
        with tempfile.TemporaryDirectory(prefix="skipstone-memcheck-") as folder:
            found = check(clock, pathlib.Path(folder))
        for rank, text in found.items():
            print(f"--- {clock} clock, rank {rank}\n{text}")
        print(f"{clock} clock, {RANKS} ranks: {'errors' if found else 'no errors'}", flush=True)
        status |= bool(found)
    return int(status)


if __name__ == "__main__":
    sys.exit(main())
