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
from benchmarks.result_table import ResultTable
from benchmarks.roofline import Roof
from shared.number_format import NumberFormat

Figures = Mapping[str, Figure]

_FLOOR = (
    "floor: the larger of arithmetic (MACs over the measured matrix product) and memory (weights, "
    "inputs and pictures once, over the measured copy)."
)
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
    names = [f"roof/{number_format}/tflops" for number_format in plan.number_formats]
    rows = [
        (
            f"matrix product, {number_format}",
            _cell(figures, f"{plan.prefix}/{name}", "{:.3g} TFLOP/s"),
        )
        for name, number_format in zip(names, plan.number_formats, strict=True)
    ]
    rows.append(("copy", _cell(figures, f"{plan.prefix}/roof/copy_gbps", "{:.4g} GB/s")))
    return ResultTable("What the processor does at best", ("", "measured"), tuple(rows))


def _times(plan: GpuPlan, figures: Figures) -> ResultTable:
    rows: list[tuple[str, ...]] = []
    for network, number_format in product(plan.networks, plan.number_formats):
        place = f"{plan.prefix}/{network}/{number_format}"
        floor = [_cell(figures, f"{place}/batch{b}/floor_ms", "{:.3g}") for b in plan.batches]
        rows.append((network, number_format, "floor", *floor, "", ""))
        rows += [
            (network, number_format, back_end, *_row(plan, figures, place, back_end))
            for back_end in plan.back_ends
        ]
    columns = [f"batch {batch}, ms (floors)" for batch in plan.batches]
    last = plan.batches[-1]
    return ResultTable(
        "A batch of frames: median time, and how many times the floor it is",
        ("network", "format", "back end", *columns, "frames/s at best", f"MB at {last}"),
        tuple(rows),
        (_FLOOR, *([_TINY] if plan.sizes else [])),
    )


def _row(plan: GpuPlan, figures: Figures, place: str, back_end: str) -> Sequence[str]:
    batches = [f"{place}/{back_end}/batch{batch}" for batch in plan.batches]
    first = figures[f"{batches[0]}/ms"]
    if first.median is None:
        return (first.why or "not measured", *[""] * (len(batches) + 1))
    cells = []
    for batch in batches:
        ms, over = _median(figures, f"{batch}/ms"), _median(figures, f"{batch}/over_floor")
        known = ms is not None and over is not None
        cells.append(
            f"{ms:.3g} ({over:.1f})" if known else figures[f"{batch}/ms"].why or "not measured"
        )
    rates = [_median(figures, f"{batch}/frames_per_second") for batch in batches]
    best = max(rate for rate in rates if rate is not None)
    memory = _median(figures, f"{batches[-1]}/memory_mb")
    return (*cells, f"{best:.4g}", "-" if memory is None else f"{memory:.0f}")


def _calls(plan: GpuPlan, figures: Figures) -> ResultTable:
    rows: list[tuple[str, ...]] = []
    for network, number_format in product(plan.networks, plan.number_formats):
        place = f"{plan.prefix}/{network}/{number_format}"
        for back_end in plan.back_ends:
            streams = figures[f"{place}/{back_end}/streams"]
            cells = (
                [streams.why or "not measured", *[""] * len(SHOWN_CALLS)]
                if streams.median is None
                else [
                    *(
                        _cell(figures, f"{place}/{back_end}/calls{calls}/p99_ms", "{:.3g}")
                        for calls in SHOWN_CALLS
                    ),
                    f"{streams.median:g}",
                ]
            )
            rows.append((network, number_format, back_end, *cells))
        real = _cell(figures, f"{place}/best/real_p99_ms", "{:.3g} ms")
        most = _cell(figures, f"{place}/best/streams", "{:g}")
        blank = [""] * (len(SHOWN_CALLS) - 1)
        rows.append((network, number_format, "best, in real time", *blank, real, most))
    return ResultTable(
        f"Calls at 25 frames a second: p99 of wait and service, ms, and calls under {LIMIT_MS:g}",
        ("network", "format", "back end", *(f"{calls}" for calls in SHOWN_CALLS), "calls kept"),
        tuple(rows),
        (_SIMULATED,),
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


def _cell(figures: Figures, name: str, form: str) -> str:
    value = _median(figures, name)
    if value is not None:
        return form.format(value)
    return figures[name].why or "not measured" if name in figures else "-"
