"""Virtual environments with packages of PyPI, for tests that compare with them; kept for the next time in the folder in which a test runs."""

import os
import pathlib
import subprocess
import sys


def prepare(name, packages, index=None):
    """Says why there is no environment of that name with the packages; None when there is one. index: another one than PyPI's."""
    folder = pathlib.Path(name).resolve()
    mark = folder / "complete"
    if mark.exists():
        return None
    for command in ([sys.executable, "-m", "venv", "--clear", folder],
                    [folder / "bin" / "python", "-m", "pip", "install", "--quiet", "--retries", "0", "--timeout", "10",
                     *(["--index-url", index] if index else []), *packages]):
        try:
            done = subprocess.run(command, capture_output=True, text=True, timeout=500)
        except (OSError, subprocess.TimeoutExpired) as error:
            return str(error)
        if done.returncode != 0:
            return (done.stderr.strip().splitlines() or done.stdout.strip().splitlines() or ["no reason given"])[-1]
    mark.touch()
    return None


def python(name):
    return pathlib.Path(name).resolve() / "bin" / "python"


def go_on_in(name, packages):
    """Starts the program anew with the environment's Python, unless this is it; ends with 77 where there is none."""
    wanted = python(name)
    if pathlib.Path(sys.prefix).resolve() == wanted.parent.parent:
        return
    if (why := prepare(name, packages)) is not None:
        print(f"skipped: {why}")
        sys.exit(77)
    os.execv(wanted, [wanted, *sys.argv])
