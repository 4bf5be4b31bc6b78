"""Tables of the GPU benchmark, and its targets, from its figures."""

from collections.abc import Mapping, Sequence
from itertools import product

from benchmarks.call_queue import LIMIT_MS, MOST_CALLS
from benchmarks.figures import Figure
from benchmarks.gpu_plan import SHOWN_CALLS, GpuPlan
from benchmarks.gpu_targets import (
    BASE_GPU,
    BASE_MS,
    FLOOR_BATCH,
    FLOOR_RATIO,
    STREAMS,
    STREAMS_GPU,
    Target,
    strength,
)
from benchmarks.missing_notes import MissingNotes
from benchmarks.result_table import ResultTable
from benchmarks.roofline import Roof
from shared.number_format import NumberFormat

Figures = Mapping[str, Figure]

_FLOOR = (
    "floor: the larger of arithmetic (MACs over the measured matrix product) and memory (weights, "
    "inputs and pictures once, over the measured copy)."
)
_BEHIND_MS = 1000.0
_TINY = "Networks of tiny sizes: these numbers mean nothing."
_SIMULATED = (
    "Simulated with measured times of service, inputs sent and pictures fetched; the best back end "
    "also in real time with as many calls as the simulation keeps. No frame is dropped; "
    f"{MOST_CALLS} calls are the most that are tried."
)


def result_tables(plan: GpuPlan, figures: Figures, gpu: str) -> list[ResultTable]:
    """Roof, times, calls, targets; `gpu` is its name, empty without one."""
    found = targets(plan, figures, gpu)
    return [_roof(plan, figures), _times(plan, figures), _calls(plan, figures), _targets(found)]


def targets(plan: GpuPlan, figures: Figures, gpu: str) -> list[Target]:
    """What is asked for, scaled to `gpu`, and the best of what was found."""
    strengths = [strength(gpu, _roof_of(plan, figures), name) for name in (BASE_GPU, STREAMS_GPU)]
    of_base, of_half = (1.0 if one is None or not gpu else one for one in strengths)
    found = [
        Target(
            f"base, one frame, ms (3 on {BASE_GPU})",
            BASE_MS / of_base,
            *_best(plan, figures, "base", "batch1/ms", at_most=True),
        ),
        Target(
            f"base-half, calls at p99 < {LIMIT_MS:g} ms ({STREAMS} on {STREAMS_GPU})",
            # More than are simulated cannot be found.
            min(STREAMS * of_half, MOST_CALLS),
            *_best(plan, figures, "base-half", "streams", at_most=False),
        ),
    ]
    for network in ("base", "base-half"):
        name = f"batch{FLOOR_BATCH}/over_floor"
        found.append(
            Target(
                f"{network}, batch {FLOOR_BATCH}, times the floor",
                FLOOR_RATIO,
                *_best(plan, figures, network, name, at_most=True),
            )
        )
    return found


def _best(
    plan: GpuPlan, figures: Figures, network: str, name: str, *, at_most: bool
) -> tuple[float | None, bool, str]:
    """(the best median over formats and back ends, `at_most`, why there is none)."""
    if plan.device != "cuda":
        return None, at_most, "no GPU"
    names = [
        f"{plan.prefix}/{network}/{number_format}/{back_end}/{name}"
        for number_format, back_end in product(plan.number_formats, plan.back_ends)
    ]
    known = [figures[one] for one in names if one in figures]
    values = [one.median for one in known if one.median is not None]
    if values:
        return (min(values) if at_most else max(values)), at_most, ""
    reasons = [one.why for one in known if one.why]
    return None, at_most, reasons[0] if reasons else "left out"


def _roof_of(plan: GpuPlan, figures: Figures) -> Roof | None:
    """As measured in fp16, or in what was measured."""
    gbps = _median(figures, f"{plan.prefix}/roof/copy_gbps")
    for number_format in (NumberFormat.FLOAT16, *plan.number_formats):
        tflops = _median(figures, f"{plan.prefix}/roof/{number_format}/tflops")
        if tflops is not None and gbps is not None:
            return Roof(tflops, gbps)
    return None


def _roof(plan: GpuPlan, figures: Figures) -> ResultTable:
    missing = MissingNotes()
    rows = [
        (
            f"matrix product, {number_format}",
            _cell(figures, f"{plan.prefix}/roof/{number_format}/tflops", "{:.3g} TFLOP/s", missing),
        )
        for number_format in plan.number_formats
    ]
    rows.append(("copy", _cell(figures, f"{plan.prefix}/roof/copy_gbps", "{:.4g} GB/s", missing)))
    return ResultTable(
        "What the processor does at best", ("", "measured"), tuple(rows), missing.notes()
    )


def _times(plan: GpuPlan, figures: Figures) -> ResultTable:
    missing = MissingNotes()
    rows: list[tuple[str, ...]] = []
    for network, number_format in product(plan.networks, plan.number_formats):
        place = f"{plan.prefix}/{network}/{number_format}"
        floor = (
            _cell(figures, f"{place}/batch{batch}/floor_ms", "{:.3g}", missing)
            for batch in plan.batches
        )
        rows.append((f"{network} {number_format} floor", *floor, "", ""))
        rows += [
            (
                f"{network} {number_format} {back_end}",
                *_times_row(plan, figures, f"{place}/{back_end}", missing),
            )
            for back_end in plan.back_ends
        ]
    return ResultTable(
        "Median ms of a batch of frames, and how many times the floor that is",
        (
            "",
            *(f"batch {batch}" for batch in plan.batches),
            "frames/s at best",
            f"MB at {plan.batches[-1]}",
        ),
        tuple(rows),
        (_FLOOR, *([_TINY] if plan.sizes else []), *missing.notes()),
    )


def _times_row(
    plan: GpuPlan, figures: Figures, place: str, missing: MissingNotes
) -> tuple[str, ...]:
    cells, rates = [], []
    for batch in plan.batches:
        ms = figures[f"{place}/batch{batch}/ms"]
        over = _median(figures, f"{place}/batch{batch}/over_floor")
        rate = _median(figures, f"{place}/batch{batch}/frames_per_second")
        if ms.median is None or over is None or rate is None:
            cells.append(missing.cell(ms.why))
        else:
            cells.append(f"{ms.median:.3g} x{over:.1f}")
            rates.append(rate)
    memory = f"{place}/batch{plan.batches[-1]}/memory_mb"
    return (
        *cells,
        f"{max(rates):.4g}" if rates else "",
        _cell(figures, memory, "{:.0f}", missing),
    )


def _calls(plan: GpuPlan, figures: Figures) -> ResultTable:
    missing = MissingNotes()
    rows: list[tuple[str, ...]] = []
    for network, number_format in product(plan.networks, plan.number_formats):
        place = f"{plan.prefix}/{network}/{number_format}"
        rows += [
            (
                f"{network} {number_format} {back_end}",
                *(
                    _wait(figures, f"{place}/{back_end}/calls{calls}/p99_ms", missing)
                    for calls in SHOWN_CALLS
                ),
                _cell(figures, f"{place}/{back_end}/streams", "{:g}", missing),
                "",
            )
            for back_end in plan.back_ends
        ]
        rows.append(
            (
                f"{network} {number_format}, the best",
                *[""] * len(SHOWN_CALLS),
                _cell(figures, f"{place}/best/streams", "{:g}", missing),
                _wait(figures, f"{place}/best/real_p99_ms", missing),
            )
        )
    return ResultTable(
        f"Calls at 25 frames a second: p99 of wait and service, ms; calls that keep {LIMIT_MS:g}",
        ("calls", *(f"{calls}" for calls in SHOWN_CALLS), "kept", "p99 in real time"),
        tuple(rows),
        (_SIMULATED, *missing.notes()),
    )


def _targets(found: Sequence[Target]) -> ResultTable:
    rows = tuple(
        (
            target.what,
            f"{'<=' if target.at_most else '>='} {target.allowed:.3g}",
            "-" if target.found is None else f"{target.found:.3g}",
            target.verdict(),
        )
        for target in found
    )
    return ResultTable(
        "Targets, scaled to this GPU by the lower of its fp16 rate's and bandwidth's ratios",
        ("target", "allowed", "found", ""),
        rows,
    )


def _median(figures: Figures, name: str) -> float | None:
    return figures[name].median if name in figures else None


def _cell(figures: Figures, name: str, form: str, missing: MissingNotes) -> str:
    value = _median(figures, name)
    return missing.cell(figures[name].why) if value is None else form.format(value)


def _wait(figures: Figures, name: str, missing: MissingNotes) -> str:
    """Of a queue that falls behind only that it does: its waits grow with the calls' length."""
    value = _median(figures, name)
    return (
        "behind"
        if value is not None and value > _BEHIND_MS
        else _cell(figures, name, "{:.3g}", missing)
    )
