"""What a receiver with so many calls does, and when it is one call too many."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from benchmarks.line_fit import line_slope
from benchmarks.scale_lane import MeasuredLoad
from benchmarks.wire_scores import Percentiles
from shared.clock import TICKS_MODULUS
from shared.metrics import Stage
from shared.trace import TraceRecord

MOST_P95_MS = 40.0
"""From a picture's due time to the complete picture at the viewer: a frame's time at 25 fps."""

LEAST_SHARE = 0.96
"""Of the sender's frames that the call with the fewest pictures must get: 24 of 25."""

_SAME_TICKS = 45
"""Capture times of one tick and its picture differ by less (0.5 ms): rounding."""

_RENDER_STAGES = (Stage.CONDITION, Stage.GENERATE, Stage.VIDEO)


@dataclass(frozen=True, slots=True)
class StepScores:
    """Of some seconds with a fixed number of calls."""

    calls: int
    late_ms: Percentiles
    """Due to complete at the viewer, all pictures of all calls; NaN for none."""

    pictures_hz: float
    """Of the call that got the fewest; NaN without calls."""

    fps: float
    """The senders' frames a second, the fastest's."""

    dropped_hz: float
    """Frames that the receiver gave up, all calls and reasons."""

    render_ms: float
    """Mean of conditions, network and colours of a picture; NaN for none."""

    receiver_cores: float
    """Seconds of processor a second."""

    load_cores: float
    """The same of senders and viewers, on the same machine."""

    memory_mb: float
    """Resident, of the receiver, at the end."""

    @property
    def why_missed(self) -> str | None:
        """What was not kept; None for a step that held."""
        if not self.late_ms.p95 <= MOST_P95_MS:
            return f"p95 {self.late_ms.p95:.1f} ms of {MOST_P95_MS:.0f}"
        if not self.pictures_hz >= LEAST_SHARE * self.fps:
            return f"{self.pictures_hz:.1f} pictures/s of {self.fps:.0f}"
        return None


def score(load: MeasuredLoad, fps: Sequence[float]) -> StepScores:
    """`fps`: of each call."""
    late_ms, counts = [], []
    for dues, pictures in zip(load.dues, load.pictures, strict=True):
        found = lateness_ms(dues, pictures, load.start_ns, load.end_ns)
        late_ms.append(found)
        counts.append(len(found))
    seconds = (load.end_ns - load.start_ns) / 1e9
    before, after = load.before, load.after
    return StepScores(
        calls=len(load.dues),
        late_ms=Percentiles.of(np.concatenate([np.zeros(0), *late_ms])),
        pictures_hz=min(counts) / seconds if counts else np.nan,
        fps=max(fps, default=np.nan),
        dropped_hz=_dropped_hz(*load.trace),
        render_ms=mean_render_ms(*load.trace),
        receiver_cores=after.receiver.cores_since(before.receiver),
        load_cores=after.senders.cores_since(before.senders)
        + after.viewers.cores_since(before.viewers),
        memory_mb=after.receiver.resident_bytes / 1e6,
    )


def lateness_ms(
    dues: NDArray[np.int64], pictures: NDArray[np.int64], start_ns: int, end_ns: int
) -> NDArray[np.float64]:
    """(P,) of the pictures that were due in [start, end): complete minus due.

    A picture belongs to the tick that showed its capture time; one that fits no tick is left out.
    """
    within = dues[(dues[:, 1] >= start_ns) & (dues[:, 1] < end_ns)]
    if not len(within) or not len(pictures):
        return np.zeros(0)
    origin = int(within[0, 0])
    ticks, times = _unwrapped(within[:, 0], origin), _unwrapped(pictures[:, 0], origin)
    order = np.argsort(ticks)
    place = np.clip(np.searchsorted(ticks, times, sorter=order), 1, max(len(ticks) - 1, 1))
    candidates = order[np.stack([place - 1, np.minimum(place, len(ticks) - 1)])]
    gaps = np.abs(ticks[candidates] - times)
    nearest = candidates[gaps.argmin(axis=0), np.arange(len(times))]
    fits = gaps.min(axis=0) <= _SAME_TICKS
    late: NDArray[np.float64] = (pictures[fits, 1] - within[nearest[fits], 1]) / 1e6
    return late


def _unwrapped(times: NDArray[np.int64], origin: int) -> NDArray[np.int64]:
    """Ticks modulo 2^32 as differences to `origin`."""
    half = TICKS_MODULUS // 2
    differences: NDArray[np.int64] = (times - origin + half) % TICKS_MODULUS - half
    return differences


def _dropped_hz(before: TraceRecord, after: TraceRecord) -> float:
    dropped = sum(after.counters("frames_dropped").values())
    dropped -= sum(before.counters("frames_dropped").values())
    return dropped / ((after.time_ns - before.time_ns) / 1e9)


def mean_render_ms(before: TraceRecord, after: TraceRecord) -> float:
    """Of the pictures between two records, all stages that make one; NaN for no picture."""
    total_ms, pictures = 0.0, 0
    for stage in _RENDER_STAGES:
        late, early = after.metrics.stages.get(stage), before.metrics.stages.get(stage)
        if late is None:
            continue
        total_ms += late.sum_ms - (early.sum_ms if early else 0.0)
        # A cross-fade runs the first stages twice for one picture.
        pictures = late.count - (early.count if early else 0)
    return total_ms / pictures if pictures > 0 else np.nan


def steps(most: int) -> Iterator[int]:
    """Numbers of calls to try, 1 to `most`: all up to 8, then each a quarter more."""
    calls = 1
    while calls < most:
        yield calls
        calls += max(1, calls // 4)
    yield most


def calls_held(found: Sequence[StepScores]) -> int:
    """The last number of calls that held before the first that missed; 0 for none."""
    held = 0
    for step in found:
        if step.why_missed is not None:
            break
        held = step.calls
    return held


def cost_per_call(idle: StepScores, found: Sequence[StepScores]) -> tuple[float, float | None]:
    """(cores, MB) that one more call takes: slopes by least squares, `found` not empty.

    Cores are those of the steps that held, and of no call at all: a receiver that misses makes
    fewer pictures. Where none held it is the first step's. Memory is that of all steps, from one
    call on, as a first call brings what all share; None for a single step.
    """
    kept = [step for step in found if step.calls <= calls_held(found)] or list(found[:1])
    cores = line_slope(
        [0.0, *(float(step.calls) for step in kept)],
        [idle.receiver_cores, *(step.receiver_cores for step in kept)],
    )
    if len(found) < 2:
        return cores, None
    memory = line_slope([float(step.calls) for step in found], [s.memory_mb for s in found])
    return cores, memory
