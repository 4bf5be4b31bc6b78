"""One run of the GPU benchmark: numbers by name, and why some are missing."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import product
from statistics import median
from typing import TYPE_CHECKING

from benchmarks.call_queue import (
    RealTime,
    batch_for,
    frame_arrivals,
    most_calls,
    p99,
    serve_calls,
    simulated_p99_ms,
)
from benchmarks.gpu_plan import SHOWN_CALLS, GpuPlan
from benchmarks.roofline import Roof, Work
from shared.number_format import NumberFormat

if TYPE_CHECKING:
    from export.speed.processor import Processor
    from export.speed.subject import Subject

Tell = Callable[[str], None]
"""Of each step, before it is taken."""

_SEED = 1
_TIMES = ("ms", "p95_ms", "frames_per_second", "memory_mb", "over_floor")


@dataclass(slots=True)
class GpuRun:
    """What one run found."""

    values: dict[str, float | None] = field(default_factory=dict)
    """By name of figure."""

    why: dict[str, str] = field(default_factory=dict)
    """Of values that are None."""

    facts: dict[str, object] = field(default_factory=dict)
    """Of the processor."""

    def miss(self, names: Sequence[str], reason: str) -> None:
        """Note numbers that cannot be had."""
        for name in names:
            self.values[name] = None
            self.why[name] = reason


def steps(plan: GpuPlan) -> int:
    """How often a run tells that it goes on."""
    pairs = len(plan.networks) * len(plan.number_formats)
    return len(plan.number_formats) + 1 + pairs * (len(plan.back_ends) * len(plan.batches) + 1)


def measure(plan: GpuPlan, tell: Tell) -> GpuRun:
    """One run; what cannot be measured is missing with a reason, and the rest goes on."""
    run = GpuRun()
    try:
        from export.speed.processor import open_processor
        from export.speed.unavailable import UnavailableError
    except ImportError as err:
        run.miss(list(_all_names(plan)), f"{err.name} is not installed")
        return run
    try:
        processor = open_processor(plan.device)
    except UnavailableError as err:
        run.miss(list(_all_names(plan)), str(err))
        return run
    run.facts = processor.facts()
    roofs = _measure_roofs(plan, processor, run, tell)
    for network, number_format in product(plan.networks, plan.number_formats):
        _measure_network(plan, network, number_format, processor, roofs[number_format], run, tell)
    return run


def _measure_roofs(
    plan: GpuPlan, processor: "Processor", run: GpuRun, tell: Tell
) -> dict[NumberFormat, Roof]:
    from export.speed.roof import copy_gbps, matrix_tflops

    tell("copy")
    gbps = copy_gbps(processor, seconds=plan.seconds)
    run.values[f"{plan.prefix}/roof/copy_gbps"] = gbps
    roofs = {}
    for number_format in plan.number_formats:
        tell(f"matrix product, {number_format}")
        tflops = matrix_tflops(processor, number_format, seconds=plan.seconds)
        run.values[f"{plan.prefix}/roof/{number_format}/tflops"] = tflops
        roofs[number_format] = Roof(tflops, gbps)
    return roofs


def _measure_network(
    plan: GpuPlan,
    network: str,
    number_format: NumberFormat,
    processor: "Processor",
    roof: Roof,
    run: GpuRun,
    tell: Tell,
) -> None:
    from export.speed.subject import Subject

    subject = Subject.build(network, plan.sizes.get(network, {}), number_format, processor)
    place, macs = f"{plan.prefix}/{network}/{number_format}", subject.frame_macs()
    floors = {
        batch: Work(batch * macs, subject.bytes_moved(batch)).floor_ms(roof)
        for batch in plan.batches
    }
    for batch, floor_ms in floors.items():
        run.values[f"{place}/batch{batch}/floor_ms"] = floor_ms
    kept: dict[str, tuple[int, ...]] = {}
    for back_end in plan.back_ends:
        service = _measure_back_end(
            plan, back_end, subject, floors, f"{place}/{back_end}", run, tell
        )
        if service:
            kept[back_end] = tuple(service)
    tell(f"{network}, {number_format}: calls in real time")
    _measure_calls(plan, subject, kept, place, run)


def _measure_back_end(
    plan: GpuPlan,
    back_end: str,
    subject: "Subject",
    floors: dict[int, float],
    place: str,
    run: GpuRun,
    tell: Tell,
) -> dict[int, tuple[float, ...]]:
    """Times of service by batch; none where the back end is not there."""
    from export.speed.service import measure_speed
    from export.speed.unavailable import UnavailableError

    service: dict[int, tuple[float, ...]] = {}
    reason = ""
    for batch, floor_ms in floors.items():
        tell(f"{place}, batch {batch}")
        names = [f"{place}/batch{batch}/{name}" for name in _TIMES]
        if batch > 1 and not service:  # one frame failed, so that more need not be tried
            run.miss(names, reason)
            continue
        try:
            speed = measure_speed(back_end, subject, batch, seconds=plan.seconds)
        except UnavailableError as err:
            reason = str(err)
            run.miss(names, reason)
            continue
        service[batch] = speed.service_ms
        ms = median(speed.run_ms)
        ordered = sorted(speed.run_ms)
        p95_ms = ordered[int(0.95 * (len(ordered) - 1))]
        found = (ms, p95_ms, 1e3 * batch / ms, speed.memory_mb, ms / floor_ms)
        run.values |= dict(zip(names, found, strict=True))
        if speed.memory_mb is None:
            run.why[f"{place}/batch{batch}/memory_mb"] = "counted on GPUs only"
    _note_calls(plan, service, place, reason, run)
    return service


def _note_calls(
    plan: GpuPlan, service: dict[int, tuple[float, ...]], place: str, reason: str, run: GpuRun
) -> None:
    names = [*(f"{place}/calls{calls}/p99_ms" for calls in SHOWN_CALLS), f"{place}/streams"]
    if not service:
        run.miss(names, reason)
        return
    by_calls = simulated_p99_ms(service, seconds=plan.call_seconds, seed=_SEED)
    found = [*(by_calls[calls] for calls in SHOWN_CALLS), float(most_calls(by_calls))]
    run.values |= dict(zip(names, found, strict=True))


def _measure_calls(
    plan: GpuPlan, subject: "Subject", kept: dict[str, tuple[int, ...]], place: str, run: GpuRun
) -> None:
    """As many calls as the simulation says to be kept, once in real time."""
    from export.speed.service import open_runners
    from export.speed.unavailable import UnavailableError

    names = [f"{place}/best/{name}" for name in ("streams", "real_p99_ms")]
    if not kept:
        run.miss(names, "no back end ran")
        return
    streams = {name: run.values[f"{place}/{name}/streams"] or 0.0 for name in kept}
    best = max(streams, key=lambda name: streams[name])
    run.values[names[0]] = streams[best]
    if streams[best] < 1:
        run.miss(names[1:], "no call keeps the limit")
        return
    batches = kept[best]
    try:
        runners = open_runners(best, subject, batches)
    except UnavailableError as err:
        run.miss(names[1:], str(err))
        return
    time = RealTime()
    arrivals = frame_arrivals(
        int(streams[best]), seconds=plan.call_seconds, seed=_SEED + 1, start_s=time.now_s() + 0.1
    )
    waits = serve_calls(
        arrivals,
        lambda count: runners[batch_for(count, batches)].serve(),
        time,
        largest_batch=batches[-1],
    )
    run.values[names[1]] = p99(waits)


def _all_names(plan: GpuPlan) -> Iterator[str]:
    """Of everything that a run measures."""
    yield f"{plan.prefix}/roof/copy_gbps"
    for number_format in plan.number_formats:
        yield f"{plan.prefix}/roof/{number_format}/tflops"
    for network, number_format in product(plan.networks, plan.number_formats):
        place = f"{plan.prefix}/{network}/{number_format}"
        for batch in plan.batches:
            yield f"{place}/batch{batch}/floor_ms"
        for back_end in plan.back_ends:
            for batch, name in product(plan.batches, _TIMES):
                yield f"{place}/{back_end}/batch{batch}/{name}"
            for calls in SHOWN_CALLS:
                yield f"{place}/{back_end}/calls{calls}/p99_ms"
            yield f"{place}/{back_end}/streams"
        for name in ("streams", "real_p99_ms"):
            yield f"{place}/best/{name}"
