"""Stages, counters and gauges of one process.

`/metrics`, the page and the benchmarks read one snapshot. Thread-safe: capture, tracking
and rendering run in worker threads.
"""

import math
import threading
import time
from bisect import bisect_left
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from enum import StrEnum


class Stage(StrEnum):
    """The way of a frame, in pipeline order."""

    CAPTURE = "capture"
    TRACK = "track"
    FIT = "fit"
    ENCODE = "encode"
    DECODE = "decode"
    PLAYOUT = "playout"
    CONDITION = "condition"
    BATCH = "batch"
    """Waiting for the generator, and for frames of other calls."""

    GENERATE = "generate"
    """Of the batch that a frame is generated in."""

    VIDEO = "video"
    LATENCY = "latency"
    """Not a stage: capture to rebuilt frame handed to the encoder, clocks of both ends compared."""


_BUCKETS_PER_OCTAVE = 8
_BUCKET_BOUNDS_MS: tuple[float, ...] = tuple(
    0.01 * 2 ** (i / _BUCKETS_PER_OCTAVE) for i in range(20 * _BUCKETS_PER_OCTAVE + 1)
)
"""0.01 ms to about 10.5 s; a percentile is off by at most 9 % (one bucket)."""


@dataclass(frozen=True, slots=True)
class DurationSummary:
    """Percentiles of one stage since the process began (or since `Metrics.reset`)."""

    count: int
    sum_ms: float
    p50_ms: float
    p95_ms: float
    p99_ms: float


@dataclass(frozen=True, slots=True)
class MetricsSnapshot:
    """A consistent copy of everything counted so far."""

    stages: dict[str, DurationSummary]
    counters: dict[tuple[str, str], int]
    """(name, label) -> count; the label is a reason or a kind, "" where there is none."""

    gauges: dict[str, float]


class Histogram:
    """Durations in fixed logarithmic buckets; constant memory. Not thread-safe by itself."""

    def __init__(self) -> None:
        self._counts = [0] * (len(_BUCKET_BOUNDS_MS) + 1)
        self._count = 0
        self._sum_ms = 0.0

    def observe_ms(self, milliseconds: float) -> None:
        """Count one duration; negative ones count as 0, ones that are no number not at all."""
        if math.isnan(milliseconds):
            return
        milliseconds = max(milliseconds, 0.0)
        self._counts[bisect_left(_BUCKET_BOUNDS_MS, milliseconds)] += 1
        self._count += 1
        self._sum_ms += milliseconds

    def percentile_ms(self, percent: float) -> float:
        """Upper bound of the bucket that holds the percentile; NaN when nothing was observed."""
        if self._count == 0:
            return math.nan
        rank = max(1, math.ceil(self._count * percent / 100))
        seen = 0
        for bound, count in zip((*_BUCKET_BOUNDS_MS, math.inf), self._counts, strict=True):
            seen += count
            if seen >= rank:
                return bound
        return math.inf

    def summary(self) -> DurationSummary:
        return DurationSummary(
            count=self._count,
            sum_ms=self._sum_ms,
            p50_ms=self.percentile_ms(50),
            p95_ms=self.percentile_ms(95),
            p99_ms=self.percentile_ms(99),
        )


class Metrics:
    """Everything one process counts."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._stages: dict[str, Histogram] = defaultdict(Histogram)
        self._counters: dict[tuple[str, str], int] = defaultdict(int)
        self._gauges: dict[str, float] = {}

    def observe_ms(self, stage: Stage, milliseconds: float) -> None:
        """Add one duration of a stage."""
        with self._lock:
            # `value` is a slow property, and this is asked some hundred times a second.
            self._stages[stage._value_].observe_ms(milliseconds)

    @contextmanager
    def timed(self, stage: Stage) -> Iterator[None]:
        """Time the body of a `with` as one duration of a stage."""
        start_ns = time.perf_counter_ns()
        try:
            yield
        finally:
            self.observe_ms(stage, (time.perf_counter_ns() - start_ns) / 1e6)

    def count(self, name: str, label: str = "", increment: int = 1) -> None:
        """Add to a counter. Labels come from our own code, never from a peer's bytes."""
        with self._lock:
            self._counters[name, label] += increment

    def set_gauge(self, name: str, value: float) -> None:
        with self._lock:
            self._gauges[name] = value

    def snapshot(self) -> MetricsSnapshot:
        with self._lock:
            return MetricsSnapshot(
                stages={
                    stage.value: self._stages[stage.value].summary()
                    for stage in Stage
                    if stage.value in self._stages
                },
                counters=dict(self._counters),
                gauges=dict(self._gauges),
            )

    def reset(self) -> None:
        """Forget everything; a benchmark does so after its warm-up."""
        with self._lock:
            self._stages.clear()
            self._counters.clear()
            self._gauges.clear()
