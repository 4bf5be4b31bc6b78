"""The runs of the rate-distortion benchmark brought together: means, curves, crossovers."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, fields
from itertools import combinations
from statistics import stdev

import numpy as np

from benchmarks.classic_codec import Codec
from benchmarks.clip_scores import finite_mean
from benchmarks.picture_judge import PictureScores
from benchmarks.rate_curves import Crossover, CurvePoint, bd_rate, crossover
from benchmarks.rate_distortion_jobs import FLOOR, CodedPoint
from benchmarks.rate_distortion_measures import Measure
from benchmarks.rate_distortion_pictures import PictureRun


@dataclass(frozen=True, slots=True)
class CodecMean:
    """A codec under one wire rate: means over the clips that it reaches it with."""

    clips: int
    wire_bps: float
    """What it takes, without the first picture."""

    fps: float
    scale: float
    """Of each side of the picture."""

    first_picture_bytes: float
    """On the wire."""

    scores: PictureScores
    deviations: PictureScores
    """Over clips."""


@dataclass(frozen=True, slots=True)
class OwnMean:
    """A generator: means over all clips."""

    scores: PictureScores
    deviations: PictureScores


class PictureMeans:
    """Of one run."""

    def __init__(self, run: PictureRun, wire_rates_bps: Sequence[int]) -> None:
        self.run = run
        self.clip_count = len(run.rebuilt)
        self.own = {
            name: OwnMean(
                *_mean_and_deviation([clip.scores[number] for clip in run.rebuilt.values()])
            )
            for number, name in enumerate(run.generators)
        }
        self.codecs: dict[Codec, dict[int, CodecMean | None]] = {
            codec: {rate: self._mean(codec, rate) for rate in (FLOOR, *wire_rates_bps)}
            for codec in Codec
        }

    @property
    def start_bytes(self) -> float:
        """Of the references of a clip, on the wire, both ways: mean over clips."""
        return float(np.mean([sum(clip.reference_bytes) for clip in self.run.rebuilt.values()]))

    @property
    def references(self) -> float:
        """Of a clip."""
        return float(np.mean([len(clip.reference_bytes) for clip in self.run.rebuilt.values()]))

    def floor_bps(self, codec: Codec) -> float | None:
        """Median over clips of the least wire rate; None for a codec that is lacking."""
        floors = [
            point.point.wire_bps
            for points in self.run.coded[codec].values()
            if (point := points[FLOOR]) is not None
        ]
        return float(np.median(floors)) if floors else None

    def curve(self, codec: Codec, measure: Measure) -> list[CurvePoint]:
        """Of the floor and the rates that are reached with all clips: means over the same."""
        means = [mean for mean in self.codecs[codec].values() if mean is not None]
        return [
            CurvePoint(mean.wire_bps, measure.goodness(value))
            for mean in means
            if mean.clips == self.clip_count
            and np.isfinite(value := getattr(mean.scores, measure.field))
        ]

    def crossover(self, codec: Codec, generator: str, measure: Measure) -> Crossover | None:
        """Where a codec is as good as the generator; None where either was not measured."""
        points = self.curve(codec, measure)
        value = getattr(self.own[generator].scores, measure.field)
        if not points or not np.isfinite(value):
            return None
        return crossover(points, measure.goodness(value))

    def bd_rates(self, measure: Measure) -> Iterator[tuple[Codec, Codec, float | None]]:
        """(codec, anchor, BD-rate) of each pair of codecs that are there."""
        there = [codec for codec in Codec if self.run.coded[codec]]
        for anchor, codec in combinations(there, 2):
            found = bd_rate(self.curve(codec, measure), self.curve(anchor, measure))
            yield codec, anchor, found

    def _mean(self, codec: Codec, rate: int) -> CodecMean | None:
        points = [
            point
            for points in self.run.coded[codec].values()
            if (point := points.get(rate)) is not None
        ]
        if not points:
            return None
        scores, spread = _mean_and_deviation([point.scores for point in points])
        return CodecMean(
            clips=len(points),
            wire_bps=_mean_of(points, "wire_bps"),
            fps=_mean_of(points, "fps"),
            scale=_mean_of(points, "scale"),
            first_picture_bytes=_mean_of(points, "first_picture_wire_bytes"),
            scores=scores,
            deviations=spread,
        )


def _mean_of(points: Sequence[CodedPoint], name: str) -> float:
    return float(np.mean([getattr(point.point, name) for point in points]))


def _mean_and_deviation(scores: Sequence[PictureScores]) -> tuple[PictureScores, PictureScores]:
    """NaN where nothing is finite, or for the deviation of one."""
    columns = {
        field.name: [value for one in scores if np.isfinite(value := getattr(one, field.name))]
        for field in fields(PictureScores)
    }
    return (
        PictureScores(**{name: finite_mean(values) for name, values in columns.items()}),
        PictureScores(
            **{
                name: stdev(values) if len(values) > 1 else float("nan")
                for name, values in columns.items()
            }
        ),
    )
