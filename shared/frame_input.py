"""What a generator makes one picture from."""

from dataclasses import dataclass

from shared.features import Features
from shared.parameters import FloatArray


@dataclass(frozen=True, slots=True, eq=False)
class FrameInput:
    """One frame against one reference; several may be generated together."""

    features: Features
    """Of the reference, as the same generator prepared it."""

    conditions: FloatArray
    """(C, h, w) float32."""

    past_pncc: FloatArray | None = None
    """(3k, h, w) float32, the newest first; None where the generator has no history."""
