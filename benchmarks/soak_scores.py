"""Whether a long call stays as it began: memory, threads, files, and what a picture costs."""

import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from statistics import fmean, median_low

from benchmarks.line_fit import LEAST_POINTS, Slope, fit_slope
from benchmarks.soak_sample import ProcessSample, SoakSample

FLAT_MB_PER_HOUR = 10.0
"""Growth that a day of a call survives: 0.24 GB."""

LEAST_JUDGED_SECONDS = 590.0
"""From the first to the last sample of the second half, as a soak of 20 minutes has it: a call of
a few minutes still fills its buffers and caches."""

_LEAST_SAMPLES = 3

ProcessOf = Callable[[SoakSample], ProcessSample]


class Verdict(StrEnum):
    """Of a slope or a count."""

    FLAT = "flat"
    GROWS = "grows"
    OPEN = "not decided"
    """The interval of the slope holds the limit, or the soak was too short: a longer one tells."""


@dataclass(frozen=True, slots=True)
class ProcessScores:
    """Of one process over a soak; each half or third by time."""

    memory_first_mb: float
    """Resident, mean of the first third."""

    memory_last_mb: float
    slope_mb_per_hour: Slope | None
    """Of resident memory over the second half; None for too few samples."""

    own_slope_mb_per_hour: Slope | None
    """The same of memory that belongs to no file; None also where the system does not tell."""

    memory: Verdict
    """By the slope of resident memory, and of its own where there is one."""

    threads_middle: int | None
    """The median of the second third: what is there, or away, for a moment is no growth."""

    threads_last: int | None
    files_middle: int | None
    files_last: int | None
    counts: Verdict
    """Threads and open files: neither has more in the last third."""

    cores_first: float
    """Mean of the first third."""

    cores_last: float


@dataclass(frozen=True, slots=True)
class SoakScores:
    """Of one soak."""

    minutes: float
    samples: int
    receiver: ProcessScores
    sender: ProcessScores
    pictures_hz: float
    """Means of the whole time, as those that follow."""

    dropped_hz: float
    wire_kbps: float
    sound_kbps: float
    render_first_ms: float
    """A picture in the receiver, mean of the first third; NaN for none."""

    render_last_ms: float


def score_soak(samples: Sequence[SoakSample]) -> SoakScores | None:
    """None for fewer than three samples."""
    if len(samples) < _LEAST_SAMPLES:
        return None
    first, _, last = thirds(samples)
    return SoakScores(
        minutes=samples[-1].seconds / 60,
        samples=len(samples),
        receiver=_score_process(samples, lambda sample: sample.receiver),
        sender=_score_process(samples, lambda sample: sample.sender),
        pictures_hz=fmean(sample.pictures_hz for sample in samples),
        dropped_hz=fmean(sample.dropped_hz for sample in samples),
        wire_kbps=fmean(sample.wire_kbps for sample in samples),
        sound_kbps=fmean(sample.sound_kbps for sample in samples),
        render_first_ms=_mean_known([sample.render_ms for sample in first]),
        render_last_ms=_mean_known([sample.render_ms for sample in last]),
    )


def thirds(samples: Sequence[SoakSample]) -> tuple[Sequence[SoakSample], ...]:
    """First, second, last; at least one sample each of three or more."""
    third = len(samples) // 3
    return samples[:third], samples[third:-third], samples[-third:]


def _score_process(samples: Sequence[SoakSample], of: ProcessOf) -> ProcessScores:
    first, middle, last = ([of(sample) for sample in part] for part in thirds(samples))
    late = samples[len(samples) // 2 :]
    hours = [sample.seconds / 3600 for sample in late]
    slope = fit_slope(hours, [of(sample).resident_mb for sample in late])
    own = [value for sample in late if (value := of(sample).own_mb) is not None]
    own_slope = fit_slope(hours, own) if len(own) == len(late) else None
    threads = _usual(p.threads for p in middle), _usual(p.threads for p in last)
    files = _usual(p.open_files for p in middle), _usual(p.open_files for p in last)
    return ProcessScores(
        memory_first_mb=fmean(p.resident_mb for p in first),
        memory_last_mb=fmean(p.resident_mb for p in last),
        slope_mb_per_hour=slope,
        own_slope_mb_per_hour=own_slope,
        memory=judge_slopes(
            [slope] if own_slope is None else [slope, own_slope],
            seconds=late[-1].seconds - late[0].seconds,
        ),
        threads_middle=threads[0],
        threads_last=threads[1],
        files_middle=files[0],
        files_last=files[1],
        counts=judge_counts([threads, files]),
        cores_first=fmean(p.cores for p in first),
        cores_last=fmean(p.cores for p in last),
    )


def judge_slopes(slopes: Sequence[Slope | None], *, seconds: float) -> Verdict:
    """Grows where one surely does, flat where all surely stay below the limit.

    `seconds` of what the slopes are of: not decided for fewer than LEAST_JUDGED_SECONDS.
    """
    if seconds < LEAST_JUDGED_SECONDS:
        return Verdict.OPEN
    known = [slope for slope in slopes if slope is not None]
    if any(slope.low > FLAT_MB_PER_HOUR for slope in known):
        return Verdict.GROWS
    if known and len(known) == len(slopes) and all(s.high <= FLAT_MB_PER_HOUR for s in known):
        return Verdict.FLAT
    return Verdict.OPEN


def judge_counts(middle_and_last: Sequence[tuple[int | None, int | None]]) -> Verdict:
    """Grows where there is more of one at last; not decided where none is known."""
    known = [(m, n) for m, n in middle_and_last if m is not None and n is not None]
    if not known:
        return Verdict.OPEN
    return Verdict.GROWS if any(last > middle for middle, last in known) else Verdict.FLAT


def why_no_slope(samples: int) -> str:
    """For a soak too short to have one."""
    half = samples - samples // 2
    return f"{half} samples in the second half, at least {LEAST_POINTS} are needed"


def _usual(counts: Iterable[int | None]) -> int | None:
    known = [count for count in counts if count is not None]
    return median_low(known) if known else None


def _mean_known(values: Sequence[float]) -> float:
    known = [value for value in values if math.isfinite(value)]
    return fmean(known) if known else math.nan
