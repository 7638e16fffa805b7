"""Traces of `skipstone run` as pandas data frames. Latency by the device that answers, and what energy goes into:

    import skipstone
    trace = skipstone.load("trace.h5")
    events = trace.events.assign(length_s=trace.events.end_s - trace.events.begin_s)

    done = trace.requests[trace.requests.status == "done"]
    last = trace.plans.dropna(subset=["device"]).sort_values(["revision", "block"]).groupby(["round", "request"]).tail(1)
    latency = done.merge(last, on=["round", "request"]).groupby("device").latency_s.describe()

    kinds = ["compute", "transmit", "receive"]
    busy = events.pivot_table("length_s", "device", "kind", "sum", observed=True).reindex(trace.devices.device, columns=kinds).fillna(0)
    powers = trace.devices[["power_compute_w", "power_transmit_w", "power_receive_w"]].to_numpy()
    energy = (busy * powers).set_axis(trace.devices.name.rename("device"))
    energy.plot.barh(stacked=True, xlabel="energy (J)").figure.savefig("energy.png", bbox_inches="tight")

Needs Debian's python3-h5py and python3-pandas, and python3-matplotlib for plots. The tables, and what they mean, are in
the README beside this package's folder."""

from .errors import TraceError
from .trace import FAILED, OVERRUN, RETRANSMITTED, Trace, load

__all__ = ["load", "Trace", "TraceError", "OVERRUN", "RETRANSMITTED", "FAILED"]
