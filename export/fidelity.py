"""How near pictures of one network are to those of another that should make the same."""

import math
from dataclasses import dataclass

import numpy as np

from shared.parameters import FloatArray


@dataclass(frozen=True, slots=True)
class Fidelity:
    """Of pictures in [-1, 1], over all their values."""

    largest: float
    """Difference."""

    mean: float
    """Of absolute differences."""

    psnr_db: float
    """Infinite for equal pictures."""

    @classmethod
    def of(cls, found: FloatArray, expected: FloatArray) -> "Fidelity":
        """Of arrays of one shape; nan where a number is not finite."""
        difference = np.abs(found.astype(np.float64) - expected)
        error = float(np.square(difference).mean())
        return cls(
            largest=float(difference.max()),
            mean=float(difference.mean()),
            psnr_db=math.inf if error == 0 else 10 * math.log10(4 / error),
        )

    def text(self) -> str:
        """One line."""
        return (
            f"differ by {self.largest:.1g} at most, {self.mean:.1g} in the mean, "
            f"{self.psnr_db:.1f} dB"
        )
