"""The scale benchmark's figures and tables."""

import math
from collections.abc import Sequence
from statistics import median

from benchmarks.figures import Figure, gather
from benchmarks.picture_cost import PictureCost
from benchmarks.result_table import ResultTable
from benchmarks.scale_run import GeneratorRun, ScalePlan, ScaleRun
from benchmarks.scale_scores import (
    LEAST_SHARE,
    MOST_P95_MS,
    StepScores,
    calls_held,
    cost_per_call,
)

_MISSING = "-"
_PORTABLE = frozenset({"of_smallest"})
"""A ratio within a run."""


def figures_of(runs: Sequence[ScaleRun]) -> dict[str, Figure]:
    """One value a run; what a run did not come to has none, and says why."""
    why: dict[str, str] = {}
    values = [_values(run, why) for run in runs]
    found = gather(values, portable=_PORTABLE)
    for name, figure in found.items():
        if None in figure.values:
            reason = why.get(name) or f"runs that lack it {_ended(runs, name.split('/')[1])}"
            found[name] = Figure(figure.values, figure.portable, reason)
    return found


def _ended(runs: Sequence[ScaleRun], generator: str) -> str:
    reasons = {g.ended for run in runs for g in run.generators if g.name == generator and g.ended}
    return "; ".join(sorted(reasons)) or "missed at fewer calls, where they end"


def _values(run: ScaleRun, why: dict[str, str]) -> dict[str, float | None]:
    values: dict[str, float | None] = {}
    for found in run.generators:
        name = f"scale/{found.name}"
        values[f"{name}/calls_held"] = calls_held(found.steps) if found.steps else None
        if found.ended is not None:
            why[f"{name}/calls_held"] = found.ended
        if found.idle is not None:
            values[f"{name}/0calls/receiver_cores"] = found.idle.receiver_cores
            values[f"{name}/0calls/memory_mb"] = found.idle.memory_mb
        if found.idle is not None and found.steps:
            cores, memory = cost_per_call(found.idle, found.steps)
            values[f"{name}/cores_per_call"] = cores
            values[f"{name}/memory_per_call_mb"] = memory
            if memory is None:
                why[f"{name}/memory_per_call_mb"] = "one call missed already"
        for step in found.steps:
            for what, value in _step_values(step).items():
                values[f"{name}/{step.calls}calls/{what}"] = value
    smallest = _smallest(run.pictures)
    for cost in run.pictures:
        name = f"scale/{cost.generator}/{cost.size}px"
        values[f"{name}/of_smallest"] = cost.whole_ms / smallest[cost.generator].whole_ms
        values[f"{name}/condition_ms"] = cost.condition_ms
        values[f"{name}/generate_ms"] = cost.generate_ms
        values[f"{name}/encode_ms"] = cost.encode_ms
        values[f"{name}/picture_ms"] = cost.whole_ms
    for lacking, reason in run.lacking.items():
        values[f"scale/{lacking}/picture_ms"] = None
        why[f"scale/{lacking}/picture_ms"] = reason
    return values


def _smallest(costs: Sequence[PictureCost]) -> dict[str, PictureCost]:
    """The smallest picture of each generator."""
    by_size = sorted(costs, key=lambda cost: cost.size, reverse=True)
    return {cost.generator: cost for cost in by_size}


def _step_values(step: StepScores) -> dict[str, float | None]:
    found = {
        "p50_ms": step.late_ms.p50,
        "p95_ms": step.late_ms.p95,
        "p99_ms": step.late_ms.p99,
        "pictures_hz": step.pictures_hz,
        "dropped_hz": step.dropped_hz,
        "render_ms": step.render_ms,
        "receiver_cores": step.receiver_cores,
        "load_cores": step.load_cores,
        "memory_mb": step.memory_mb,
    }
    return {name: value if math.isfinite(value) else None for name, value in found.items()}


def tables_of(runs: Sequence[ScaleRun], *, plan: ScalePlan, played: str) -> list[ResultTable]:
    """Medians over the runs."""
    figures = figures_of(runs)
    names = dict.fromkeys(found.name for run in runs for found in run.generators)
    tables = [_calls_table(runs, figures, name, plan, played) for name in names]
    return [*tables, _pictures_table(runs, figures)]


def _calls_table(
    runs: Sequence[ScaleRun],
    figures: dict[str, Figure],
    name: str,
    plan: ScalePlan,
    played: str,
) -> ResultTable:
    counts = sorted({s.calls for run in runs for g in _named(run, name) for s in g.steps})
    rows = []
    for calls in counts:
        found = {what: _middle(figures, f"scale/{name}/{calls}calls/{what}") for what in _WHATS}
        missed = [
            step.why_missed
            for run in runs
            for g in _named(run, name)
            for step in g.steps
            if step.calls == calls
        ]
        rows.append(
            (
                str(calls),
                " / ".join(_text(found[what], 1) for what in ("p50_ms", "p95_ms", "p99_ms")),
                _text(found["pictures_hz"], 1),
                _text(found["dropped_hz"], 1),
                _text(found["render_ms"], 1),
                _text(found["receiver_cores"], 2),
                _text(found["load_cores"], 2),
                _text(found["memory_mb"], 0),
                _verdict(missed),
            )
        )
    held = figures.get(f"scale/{name}/calls_held")
    ended = sorted({g.ended for run in runs for g in _named(run, name) if g.ended})
    return ResultTable(
        title=f"{name}: calls through one receiver, {plan.step_seconds:g} s each",
        columns=(
            "calls",
            "late, p50 / p95 / p99 ms",
            "pictures/s",
            "dropped/s",
            "render, ms",
            "receiver, cores",
            "load, cores",
            "memory, MB",
            f"p95 of {MOST_P95_MS:g} ms",
        ),
        rows=tuple(rows),
        notes=(
            _cost_note(held, figures, name),
            _MEANING,
            _RULE,
            _played_note(plan, played),
            *ended,
        ),
    )


def _cost_note(held: Figure | None, figures: dict[str, Figure], name: str) -> str:
    known = [value for value in held.values if value is not None] if held else []
    cost = _middle(figures, f"scale/{name}/cores_per_call")
    memory = _middle(figures, f"scale/{name}/memory_per_call_mb")
    return (
        f"held: {_text(min(known, default=None), 0)} calls in every run; one more call costs "
        f"{_text(cost, 2)} cores and {_text(memory, 1)} MB"
    )


def _played_note(plan: ScalePlan, played: str) -> str:
    return (
        f"Replayed parameters and sound of {played}, measured from {plan.settle_seconds:g} s after "
        f"the last call was added. {_LOAD}"
    )


_MEANING = (
    "Late: from when a picture was due to when it was complete at its viewer, all pictures; "
    "pictures/s: of the call that got the fewest; dropped: frames that the receiver gave up, all "
    "calls; render: mean of conditions, network and colours; load: senders and viewers."
)

_RULE = (
    f"A step holds with p95 of at most {MOST_P95_MS:g} ms and at least {LEAST_SHARE:.0%} of the "
    "frames in each call; the first that does not is the last."
)

_LOAD = (
    "One reference a call and no cross-fade; senders and viewers share the machine, viewers date "
    "pictures and decode none."
)

_WHATS = (
    "p50_ms",
    "p95_ms",
    "p99_ms",
    "pictures_hz",
    "dropped_hz",
    "render_ms",
    "receiver_cores",
    "load_cores",
    "memory_mb",
)


def _pictures_table(runs: Sequence[ScaleRun], figures: dict[str, Figure]) -> ResultTable:
    rows = []
    for generator, size in dict.fromkeys((c.generator, c.size) for r in runs for c in r.pictures):
        name = f"scale/{generator}/{size}px"
        rows.append(
            (
                f"{generator}, {size} x {size}",
                *(
                    _text(_middle(figures, f"{name}/{what}"), 2)
                    for what in ("condition_ms", "generate_ms", "encode_ms")
                ),
                _text(_middle(figures, f"{name}/picture_ms"), 2),
                _text(_middle(figures, f"{name}/of_smallest"), 2),
            )
        )
    lacking = {name: why for run in runs for name, why in run.lacking.items()}
    return ResultTable(
        title="One picture by its size, one thread, median",
        columns=(
            "picture", "conditions, ms", "generator, ms", "VP8, ms", "whole, ms",
            "of the smallest",
        ),
        rows=tuple(rows),
        notes=tuple(f"{name}: {why}" for name, why in lacking.items()),
    )  # fmt: skip


def _named(run: ScaleRun, name: str) -> list[GeneratorRun]:
    return [found for found in run.generators if found.name == name]


def _verdict(missed: Sequence[str | None]) -> str:
    """Of one number of calls in all runs that came to it."""
    reasons = [why for why in missed if why is not None]
    if not reasons:
        return "held"
    if len(reasons) == len(missed):
        return f"missed: {reasons[0]}"
    return f"missed in {len(reasons)} of {len(missed)} runs: {reasons[0]}"


def _middle(figures: dict[str, Figure], name: str) -> float | None:
    figure = figures.get(name)
    known = [] if figure is None else [value for value in figure.values if value is not None]
    return median(known) if known else None


def _text(value: float | None, digits: int) -> str:
    return _MISSING if value is None else f"{value:.{digits}f}"
