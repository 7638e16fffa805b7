"""The package's only exception of its own."""


class TraceError(Exception):
    """A file is not a trace that can be read; the message names the file and says why."""
