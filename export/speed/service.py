"""Times of one network by one back end, and of its service to calls."""

import time
from collections.abc import Mapping
from dataclasses import dataclass

from export.speed.back_ends import open_runner
from export.speed.runner import Runner
from export.speed.subject import Subject
from export.speed.unavailable import explained


@dataclass(frozen=True, slots=True)
class Speed:
    """At one batch."""

    run_ms: tuple[float, ...]
    """Of the network alone, on inputs that lie on the processor."""

    service_ms: tuple[float, ...]
    """With what is new with each frame sent there, and pictures sent back."""

    memory_mb: float | None
    """2^20 bytes at most, weights and inputs too; None where they are not counted."""


def measure_speed(back_end: str, subject: Subject, batch: int, *, seconds: float) -> Speed:
    """Raises UnavailableError where this cannot be run."""
    processor = subject.processor
    processor.begin_memory()
    with explained():
        runner = open_runner(back_end, subject, batch)
        run_ms = processor.times_ms(runner.run, seconds=seconds)
        return Speed(run_ms, _service_ms(runner, seconds=seconds), processor.peak_memory_mb())


def open_runners(back_end: str, subject: Subject, batches: tuple[int, ...]) -> Mapping[int, Runner]:
    """Of all batches at once, warm. Raises UnavailableError where they cannot be."""
    with explained():
        runners = {batch: open_runner(back_end, subject, batch) for batch in batches}
        for runner in runners.values():
            for _ in range(3):
                runner.serve()
        return runners


def _service_ms(runner: Runner, *, seconds: float) -> tuple[float, ...]:
    """By the clock, as `serve` waits for the processor itself."""
    times: list[float] = []
    runner.serve()
    end = time.perf_counter() + seconds
    while len(times) < 5 or time.perf_counter() < end:
        started = time.perf_counter()
        runner.serve()
        times.append(1e3 * (time.perf_counter() - started))
    return tuple(times)
