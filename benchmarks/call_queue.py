"""Calls whose frames are rebuilt by one network: when each picture is ready.

    call 1  frame . . . frame . . . frame        every 40 ms, each call at a phase of its own
    call 2    . frame . . . frame . . . frame     -> one queue -> batches, one after another

The server is never idle while frames wait; it takes those that wait, oldest first, up to its
largest batch. No frame is dropped, so that a server that cannot keep up is seen to fall behind.
Time is an argument: the same queue is served in simulated time, by service times that were
measured, and in real time, by the network itself.
"""

import random
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Protocol

FRAMES_PER_SECOND = 25
JITTER_S = 0.004
"""Standard deviation of a frame's arrival about its due time: networks and renderers of
conditions are no clockwork."""

LIMIT_MS = 33.0
"""p99 of a frame's wait and service that a call may have."""

MOST_CALLS = 64


class Timeline(Protocol):
    """What time it is, in seconds from any beginning, and waiting."""

    def now_s(self) -> float: ...

    def wait_until(self, moment_s: float) -> None:
        """At once for a moment that is past."""


class RealTime:
    """The machine's own."""

    def now_s(self) -> float:
        return time.perf_counter()

    def wait_until(self, moment_s: float) -> None:
        while (left := moment_s - time.perf_counter()) > 0:
            if left > 2e-3:  # a sleep may last a millisecond longer
                time.sleep(left - 1.5e-3)


class SimulatedTime:
    """Stands still unless it is moved."""

    def __init__(self) -> None:
        self._now_s = 0.0

    def now_s(self) -> float:
        return self._now_s

    def wait_until(self, moment_s: float) -> None:
        self._now_s = max(self._now_s, moment_s)


def frame_arrivals(calls: int, *, seconds: float, seed: int, start_s: float = 0.0) -> list[float]:
    """Moments at which frames of all calls arrive, in order."""
    rng = random.Random(seed)
    period = 1 / FRAMES_PER_SECOND
    moments = []
    for _ in range(calls):
        phase = rng.uniform(0, period)
        for number in range(int(seconds * FRAMES_PER_SECOND)):
            late = min(abs(rng.gauss(0, JITTER_S)), period)
            moments.append(start_s + phase + number * period + late)
    return sorted(moments)


def serve_calls(
    arrivals: Sequence[float],
    serve: Callable[[int], None],
    timeline: Timeline,
    *,
    largest_batch: int,
) -> list[float]:
    """Milliseconds from each frame's arrival to its picture, in the order of arrival.

    `serve` rebuilds so many frames as one batch and returns when their pictures are there.
    """
    waits: list[float] = []
    while len(waits) < len(arrivals):
        first = len(waits)
        timeline.wait_until(arrivals[first])
        now = timeline.now_s()
        count = 1
        while (
            count < largest_batch
            and first + count < len(arrivals)
            and arrivals[first + count] <= now
        ):
            count += 1
        serve(count)
        done = timeline.now_s()
        waits += [1e3 * (done - moment) for moment in arrivals[first : first + count]]
    return waits


def batch_for(count: int, batches: Sequence[int]) -> int:
    """The smallest of the batches, in rising order, that holds `count` frames."""
    return next(batch for batch in batches if batch >= count)


def simulated_waits_ms(
    calls: int, service_ms: Mapping[int, Sequence[float]], *, seconds: float, seed: int
) -> list[float]:
    """As `serve_calls` in simulated time: a batch takes one of the times measured at the next size.

    `service_ms`: times by batch, at least one of each.
    """
    rng = random.Random(seed)
    batches = sorted(service_ms)
    timeline = SimulatedTime()

    def serve(count: int) -> None:
        taken = rng.choice(service_ms[batch_for(count, batches)])
        timeline.wait_until(timeline.now_s() + taken / 1e3)

    arrivals = frame_arrivals(calls, seconds=seconds, seed=seed)
    return serve_calls(arrivals, serve, timeline, largest_batch=batches[-1])


def p99(values: Sequence[float]) -> float:
    """The smallest value that at most 1 % are above; nan of none."""
    ordered = sorted(values)
    return ordered[max(0, -(-99 * len(ordered) // 100) - 1)] if ordered else float("nan")


def simulated_p99_ms(
    service_ms: Mapping[int, Sequence[float]], *, seconds: float, seed: int
) -> dict[int, float]:
    """By calls, 1 to MOST_CALLS."""
    return {
        calls: p99(simulated_waits_ms(calls, service_ms, seconds=seconds, seed=seed))
        for calls in range(1, MOST_CALLS + 1)
    }


def most_calls(p99_ms: Mapping[int, float], limit_ms: float = LIMIT_MS) -> int:
    """Calls up to which each number of them keeps the limit; 0 where one call does not."""
    kept = 0
    for calls in sorted(p99_ms):
        if not p99_ms[calls] < limit_ms:
            break
        kept = calls
    return kept
