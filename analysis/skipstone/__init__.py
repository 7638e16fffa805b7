"""Traces of `skipstone run` as pandas data frames.

    import skipstone
    trace = skipstone.load("trace.h5")
    trace.requests.latency_s.describe()

Needs Debian's python3-h5py and python3-pandas. The columns, and what they mean, are README's "The trace"."""

from .errors import TraceError
from .trace import FAILED, OVERRUN, RETRANSMITTED, Trace, load

__all__ = ["load", "Trace", "TraceError", "OVERRUN", "RETRANSMITTED", "FAILED"]
