"""The measures by which pictures of different codecs are compared, and which way is better."""

from dataclasses import dataclass
from enum import Enum
from math import isfinite, log


class Better(Enum):
    """Which way a measure is better."""

    HIGHER = "higher"
    LOWER = "lower"
    ONE = "nearer to 1"


@dataclass(frozen=True, slots=True)
class Measure:
    """One way to compare a shown picture with the true one."""

    field: str
    """Of `PictureScores`; with the unit, as figures are named."""

    label: str
    better: Better
    digits: int
    """That tables show after the point."""

    def goodness(self, value: float) -> float:
        """More is better, 0 is as good as the true picture where the best is 0 or 1."""
        match self.better:
            case Better.HIGHER:
                return value
            case Better.LOWER:
                return -value
        return -abs(log(value)) if value > 0 else float("-inf")

    def text(self, value: float) -> str:
        """As tables show it."""
        return f"{value:.{self.digits}f}" if isfinite(value) else "-"


MEASURES = (
    Measure("psnr_db", "PSNR, dB", Better.HIGHER, 2),
    Measure("ssim", "SSIM", Better.HIGHER, 3),
    Measure("ms_ssim", "MS-SSIM", Better.HIGHER, 3),
    Measure("csim", "CSIM", Better.HIGHER, 3),
    Measure("akd_px", "AKD, px", Better.LOWER, 2),
    Measure("perceptual", "face-perceptual", Better.LOWER, 3),
    Measure("sharpness", "sharpness", Better.ONE, 2),
    Measure("flicker", "flicker", Better.ONE, 2),
)
