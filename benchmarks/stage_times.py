"""Durations of stages, from traces or from what was noted of each frame. Pure.

A trace counts from the start of its process: of a part of a call the mean can be told, as sums
and counts are kept; percentiles are of the whole call, its start included, and upper bounds of
buckets 9 % wide (`shared.metrics`).
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from shared.trace import TraceRecord


@dataclass(frozen=True, slots=True)
class StageTime:
    """One stage, in milliseconds."""

    mean_ms: float
    """Of the measured part of the call."""

    p50_ms: float
    p95_ms: float
    p99_ms: float


def stage_time(durations_ms: Sequence[float]) -> StageTime | None:
    """Of durations that were all noted; None for none."""
    if not durations_ms:
        return None
    p50, p95, p99 = np.percentile(durations_ms, (50, 95, 99)).tolist()
    return StageTime(float(np.mean(durations_ms)), p50, p95, p99)


def traced_stage(records: Sequence[TraceRecord], stage: str, *, from_ns: int) -> StageTime | None:
    """Of a trace, oldest record first; None where the stage never ran since `from_ns`."""
    if not records:
        return None
    earlier = [record for record in records if record.time_ns <= from_ns]
    last = records[-1].metrics.stages.get(stage)
    first = earlier[-1].metrics.stages.get(stage) if earlier else None
    if last is None:
        return None
    count = last.count - (first.count if first else 0)
    if count <= 0 or not math.isfinite(last.p99_ms):
        return None
    sum_ms = last.sum_ms - (first.sum_ms if first else 0.0)
    return StageTime(sum_ms / count, last.p50_ms, last.p95_ms, last.p99_ms)
