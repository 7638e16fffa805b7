"""Link rates of a trace that holds what they are drawn from instead of the rates themselves."""

from __future__ import annotations

import numpy

GOLDEN = numpy.uint64(0x9E3779B97F4A7C15)


def drawn_rates(links, seed: int, round: int, devices: int) -> numpy.ndarray:
    """Rates of a round in bit/s, [device, peer], NaN on the diagonal. links: attributes of the trace's group /links.

    rate(i, k) is uniform between drawn_min_bit_s and drawn_max_bit_s, by the stream "links" of the run's seed with the indices round
    (0 where rates are never drawn anew), i and k (the smaller first where links are symmetric)."""
    device, peer = numpy.meshgrid(numpy.arange(devices), numpy.arange(devices), indexing="ij")
    if links["drawn_symmetric"]:
        device, peer = numpy.minimum(device, peer), numpy.maximum(device, peer)
    number = round if _text(links["drawn_anew"]) == "round" else 0
    low, high, efficiency = (float(links[f"drawn_{name}"]) for name in ("min_bit_s", "max_bit_s", "efficiency"))
    payload = (low + (high - low) * _first_uniform(seed, "links", number, device, peer)) * efficiency
    rates = payload / efficiency
    numpy.fill_diagonal(rates, numpy.nan)
    return rates


def _text(value) -> str:
    return value.decode() if isinstance(value, bytes) else str(value)


def _first_uniform(seed: int, name: str, *indices) -> numpy.ndarray:
    """The first number in [0, 1) of the random stream of a seed, a name and four indices (src/units/random.cpp)."""
    with numpy.errstate(over="ignore"):
        text = 0xCBF29CE484222325
        for byte in name.encode():
            text = (text ^ byte) * 0x100000001B3 % 2**64
        key = _mix(numpy.uint64(seed) + GOLDEN)
        key = _mix(key ^ _mix(numpy.uint64(text) + GOLDEN))
        for index in (*indices, 0)[:4]:
            key = _mix(key * numpy.uint64(3) + _mix(numpy.asarray(index).astype(numpy.uint64) + GOLDEN))
        second = _mix(key + GOLDEN + GOLDEN) * numpy.uint64(5)
        bits = ((second << numpy.uint64(7)) | (second >> numpy.uint64(57))) * numpy.uint64(9)
    return (bits >> numpy.uint64(11)).astype(numpy.float64) * 2.0**-53


def _mix(z):
    z = (z ^ (z >> numpy.uint64(30))) * numpy.uint64(0xBF58476D1CE4E5B9)
    z = (z ^ (z >> numpy.uint64(27))) * numpy.uint64(0x94D049BB133111EB)
    return z ^ (z >> numpy.uint64(31))
