"""A frame that was measured, for whoever shows pictures."""

from dataclasses import dataclass

from shared.parameters import Image


@dataclass(frozen=True, slots=True, eq=False)
class MeasuredFrame:
    """A frame with every generator's picture of it."""

    index: int
    time_ns: int
    truth: Image
    rebuilt: tuple[Image, ...]
    head_l1: tuple[float, ...]
    """Of each generator: L1 inside the driving head, levels of 255."""
