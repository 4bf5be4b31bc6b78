"""What a GPU is asked for, scaled from the GPUs that it was set for to the one that is there."""

from collections.abc import Mapping
from dataclasses import dataclass

from benchmarks.roofline import Roof

_PRINTED: Mapping[str, Roof] = {
    "H200": Roof(tflops=989, gbps=4800),
    "H100 NVL": Roof(tflops=835, gbps=3900),
    "H100 PCIe": Roof(tflops=756, gbps=2000),
    "H100": Roof(tflops=989, gbps=3350),
    "A100": Roof(tflops=312, gbps=1935),
    "L40S": Roof(tflops=362, gbps=864),
    "L40": Roof(tflops=181, gbps=864),
    "A10": Roof(tflops=125, gbps=600),
    "L4": Roof(tflops=121, gbps=300),
    "T4": Roof(tflops=65, gbps=320),
}
"""Rates in fp16 (dense, summed in fp32) and bandwidths as NVIDIA prints them, by a part of the
name; the first that fits counts."""

BASE_MS, BASE_GPU = 3.0, "H200"
"""`base`, one frame."""

STREAMS, STREAMS_GPU = 30, "L40"
"""`base-half`, calls at p99 < 33 ms."""

FLOOR_RATIO, FLOOR_BATCH = 2.5, 8
"""Time over the floor."""


@dataclass(frozen=True, slots=True)
class Target:
    """One thing that is asked for, and what was found."""

    what: str
    allowed: float
    found: float | None
    at_most: bool
    """Whether less is better."""

    why: str = ""
    """What `found` is missing."""

    @property
    def is_met(self) -> bool | None:
        """None where nothing was found."""
        if self.found is None:
            return None
        return self.found <= self.allowed if self.at_most else self.found >= self.allowed

    def verdict(self) -> str:
        """For a table."""
        met = self.is_met
        return f"not measured: {self.why}" if met is None else "met" if met else "MISSED"


def printed_roof(gpu: str) -> Roof | None:
    """What NVIDIA prints of a GPU; None for a name that is not in the table."""
    words = gpu.replace("-", " ").split()
    for name, roof in _PRINTED.items():
        if all(part in words for part in name.split()):
            return roof
    return None


def strength(gpu: str, measured: Roof | None, reference: str) -> float | None:
    """How strong a GPU is beside a reference: the lower ratio of fp16 rate and of bandwidth.

    By what is printed of both; by what was measured where a GPU is not in the table, which makes
    it seem weaker, as no GPU reaches what is printed. None where neither is known.
    """
    roof, wanted = printed_roof(gpu) or measured, _PRINTED[reference]
    if roof is None:
        return None
    return min(roof.tflops / wanted.tflops, roof.gbps / wanted.gbps)
