"""The floor under a network's time: no processor is faster than its arithmetic and its memory."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Roof:
    """What a processor was measured to do at best."""

    tflops: float
    """10^12 operations a second, in the number format in question."""

    gbps: float
    """10^9 bytes a second, read and written ones together."""


@dataclass(frozen=True, slots=True)
class Work:
    """Of one run."""

    macs: float
    """Multiply-accumulates, two operations each."""

    bytes_moved: float
    """That have to be read or written once, however the run is arranged."""

    def floor_ms(self, roof: Roof) -> float:
        """The larger of both times, as they can overlap."""
        arithmetic_ms = 2 * self.macs / roof.tflops / 1e9
        memory_ms = self.bytes_moved / roof.gbps / 1e6
        return max(arithmetic_ms, memory_ms)
