"""What a script says when the Python that runs it lacks a module: which Python that is, and both ways out."""

import os
import shlex
import sys

OLDEST = (3, 11)  # tomllib


def explain(missing, debian, pypi):
    """Text for sys.exit. missing: the ImportError; debian, pypi: the packages that the script needs, as apt and pip call them."""
    script = sys.argv[0] if sys.argv[0] not in ("", "-c") else "script.py"
    python = shlex.quote(sys.executable or "python3")
    version = ".".join(map(str, sys.version_info[:3]))
    if sys.version_info < OLDEST:
        install = f"take a Python from {OLDEST[0]}.{OLDEST[1]} on, and install there: python3 -m pip install {pypi}"
    else:
        install = f"{python} -m pip install {pypi}"
    return (f"{os.path.basename(script)}: {missing}; the Python that runs it is {sys.executable} ({version}). Either\n"
            f"  run it with Debian's:  apt-get install {debian}; /usr/bin/python3 {shlex.quote(script)} …\n"
            f"  or complete this one:  {install}")
