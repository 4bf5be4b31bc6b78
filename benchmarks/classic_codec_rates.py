"""The best picture that a codec makes of a clip at a total rate on the wire.

    for each rate of pictures and each size: the finest quantizer whose wire rate fits
    of these: the one whose pictures are nearest to the clip

`benchmarks.coded_clip` says what is counted.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction

from benchmarks.classic_codec import Codec
from benchmarks.coded_clip import CodecPoint, CodedClip
from shared.parameters import Image

WIRE_RATES_BPS = (12_000, 16_000, 20_000, 24_000, 32_000, 40_000, 60_000)


@dataclass(frozen=True, slots=True)
class RateCurve:
    """A codec on one clip."""

    points: dict[int, CodecPoint | None]
    """By wire rate in bit/s; None: out of reach."""

    floor_bps: float
    """The least wire rate reached with any setting."""


def rate_curve(
    codec: Codec,
    pictures: Sequence[Image],
    rate: Fraction,
    *,
    wire_rates_bps: Sequence[int] = WIRE_RATES_BPS,
) -> RateCurve:
    """Raises ArtifactError where the codec fails."""
    clip = CodedClip(codec, pictures, rate)
    points = {
        wire_rate: None if (best := clip.best(wire_rate)) is None else clip.point(best)
        for wire_rate in wire_rates_bps
    }
    return RateCurve(points, clip.wire_bps(clip.floor()))
