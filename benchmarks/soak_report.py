"""The soak's figures and tables."""

import math
from collections.abc import Sequence

from benchmarks.figures import Figure, gather
from benchmarks.line_fit import Slope
from benchmarks.result_table import ResultTable
from benchmarks.soak_run import SoakRun
from benchmarks.soak_scores import (
    FLAT_MB_PER_HOUR,
    ProcessScores,
    SoakScores,
    score_soak,
    why_no_slope,
)

_MISSING = "-"
_RULE = (
    "Slopes by least squares, +- what holds the true one with 95 %, widened for what is alike "
    "from sample to sample; flat: all of that is below the limit. Judged from 20 minutes on."
)
_PORTABLE = frozenset({"wire_kbps", "sound_kbps", "render_last_of_first"})
"""Bytes, and a ratio within a run."""


def figures_of(runs: Sequence[SoakRun]) -> dict[str, Figure]:
    """One value a run; what a run did not come to has none, and says why."""
    why: dict[str, str] = {}
    return gather([_values(run, why) for run in runs], portable=_PORTABLE, why=why)


def _values(run: SoakRun, why: dict[str, str]) -> dict[str, float | None]:
    scores = score_soak(run.samples)
    if scores is None:
        why["soak/minutes"] = run.ended or f"{len(run.samples)} samples, at least 3 are needed"
        return {"soak/minutes": None}
    values: dict[str, float | None] = {
        "soak/minutes": scores.minutes,
        "soak/call/pictures_hz": scores.pictures_hz,
        "soak/call/dropped_hz": scores.dropped_hz,
        "soak/call/wire_kbps": scores.wire_kbps,
        "soak/call/sound_kbps": scores.sound_kbps,
        "soak/receiver/render_first_third_ms": scores.render_first_ms,
        "soak/receiver/render_last_third_ms": scores.render_last_ms,
        "soak/receiver/render_last_of_first": scores.render_last_ms / scores.render_first_ms,
    }
    for name, found in (("receiver", scores.receiver), ("sender", scores.sender)):
        values |= {f"soak/{name}/{what}": v for what, v in _process_values(found).items()}
        for what in ("memory_slope", "memory_slope_half_width"):
            why[f"soak/{name}/{what}_mb_per_hour"] = why_no_slope(scores.samples)
        why[f"soak/{name}/own_memory_slope_mb_per_hour"] = (
            f"the system does not tell, or {why_no_slope(scores.samples)}"
        )
    known = {name: v if v is None or math.isfinite(v) else None for name, v in values.items()}
    for name in [name for name in why if known.get(name) is not None]:
        del why[name]
    return known


def _process_values(found: ProcessScores) -> dict[str, float | None]:
    slope, own = found.slope_mb_per_hour, found.own_slope_mb_per_hour
    return {
        "memory_first_third_mb": found.memory_first_mb,
        "memory_last_third_mb": found.memory_last_mb,
        "memory_slope_mb_per_hour": None if slope is None else slope.value,
        "memory_slope_half_width_mb_per_hour": None if slope is None else slope.half_width,
        "own_memory_slope_mb_per_hour": None if own is None else own.value,
        "threads": found.threads_last,
        "open_files": found.files_last,
        "cores_first_third": found.cores_first,
        "cores_last_third": found.cores_last,
    }


def tables_of(runs: Sequence[SoakRun], *, played: str, bundle: str) -> list[ResultTable]:
    """Two: what the processes use, what the call was; a row a run."""
    scores = [(number, score_soak(run.samples)) for number, run in enumerate(runs, 1)]
    measured = [(number, found) for number, found in scores if found is not None]
    ended = tuple(
        f"run {number} ended after {run.samples[-1].seconds / 60 if run.samples else 0:.1f} "
        f"minutes: {run.ended}"
        for number, run in enumerate(runs, 1)
        if run.ended is not None
    )
    return [_process_table(measured), _call_table(measured, played, bundle, ended)]


def _process_table(measured: Sequence[tuple[int, SoakScores]]) -> ResultTable:
    rows = [
        (f"{name}, run {number}", *_process_cells(process))
        for number, found in measured
        for name, process in (("receiver", found.receiver), ("sender", found.sender))
    ]
    return ResultTable(
        title="A long call: what its processes use",
        columns=(
            "",
            "memory, first -> last third, MB",
            "slope of the second half, MB an hour",
            "of memory in no file",
            f"at most {FLAT_MB_PER_HOUR:g} an hour",
            "threads, second -> last third",
            "open files",
            "no more of them",
            "cores, first -> last third",
        ),
        rows=tuple(rows),
        notes=(_RULE,),
    )


def _process_cells(found: ProcessScores) -> tuple[str, ...]:
    return (
        f"{found.memory_first_mb:.1f} -> {found.memory_last_mb:.1f}",
        _slope_text(found.slope_mb_per_hour),
        _slope_text(found.own_slope_mb_per_hour),
        found.memory.value,
        f"{_count(found.threads_middle)} -> {_count(found.threads_last)}",
        f"{_count(found.files_middle)} -> {_count(found.files_last)}",
        found.counts.value,
        f"{found.cores_first:.2f} -> {found.cores_last:.2f}",
    )


def _call_table(
    measured: Sequence[tuple[int, SoakScores]], played: str, bundle: str, ended: tuple[str, ...]
) -> ResultTable:
    rows = [
        (
            str(number),
            f"{found.minutes:.1f}",
            f"{found.pictures_hz:.2f}",
            f"{found.dropped_hz:.3f}",
            f"{found.wire_kbps:.1f}",
            f"{found.sound_kbps:.1f}",
            f"{_number(found.render_first_ms)} -> {_number(found.render_last_ms)}",
        )
        for number, found in measured
    ]
    return ResultTable(
        title="The call",
        columns=(
            "run",
            "minutes",
            "pictures/s",
            "frames dropped/s",
            "wire, both ways, kbit/s",
            "of it sound",
            "render, first -> last third, ms a picture",
        ),
        rows=tuple(rows),
        notes=(f"{played}, tracked and sent by the sender itself; rebuilt by {bundle}.", *ended),
    )


def _slope_text(slope: Slope | None) -> str:
    return _MISSING if slope is None else f"{slope.value:+.1f} +- {slope.half_width:.1f}"


def _count(value: int | None) -> str:
    return _MISSING if value is None else str(value)


def _number(value: float) -> str:
    return f"{value:.1f}" if math.isfinite(value) else _MISSING
