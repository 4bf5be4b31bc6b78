"""What the latency benchmark found, as tables: a row a kind of call, and stages by call."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from benchmarks.figures import Figure, gather
from benchmarks.latency_plan import Cell, LatencyPlan, SenderKind
from benchmarks.latency_scores import HOP, PAGE, PARTS, STAMP, WAITING, LatencyScores
from benchmarks.machine import usable_cores
from benchmarks.result_table import ResultTable
from shared.metrics import Stage

_STAGES = (STAMP, PAGE, *(stage.value for stage in Stage))
_WORDS = {
    STAMP: "camera's time of a frame to the page's stamp",
    PAGE: "page: frame to worker and back, beside the next three",
    Stage.CAPTURE.value: "capture: decode and convert, before the time stamp",
    Stage.PLAYOUT.value: "playout: delay against the fastest message",
    Stage.VIDEO.value: "video: cross-fade and conversion to YUV",
    Stage.LATENCY.value: "all from time stamp to the VP8 encoder",
}
_MEANS = {
    f"part_{WAITING}": "wait: packing, threads' turns, network, playout",
    "in_band_wait": "of it, for a packet of sound to ride in",
    f"part_{HOP}": "hop: VP8 encoder, packets, decoder",
}
_SENDERS_NOTE = (
    "in the sound: parameters in its packets, a frame a message; 1 or 2 a message: frames on the "
    "data channel, of a process without sound"
)
_STEPS_NOTE = (
    "steps: of a mouth or a head, half done, as the tracker finds them before the camera and in "
    "the player's pictures"
)
_CONDITIONS_NOTE = (
    "{seconds:g} s a call after {warm_up:g} s of warm-up from the first picture; loaded: {loops} "
    "loops that never rest, of the call's own priority"
)
_STAGES_NOTE = (
    "of processes: the whole call, its start included, upper bounds of buckets 9 % wide; track, "
    "fit, encode and the page's own of a browser: exact, after the warm-up"
)
_NONE = "-"


@dataclass(frozen=True, slots=True)
class CellRuns:
    """A kind of call and what each run of it found."""

    cell: Cell
    runs: list[LatencyScores | None] = field(default_factory=list)
    """None where a call came to nothing."""

    whys: list[str] = field(default_factory=list)
    """What kept those from it."""

    @property
    def why(self) -> str | None:
        """In one line; None where every run made its call."""
        return "; ".join(dict.fromkeys(self.whys)) or None

    def figures(self) -> dict[str, Figure]:
        """Of all runs. A kind of call of which none came off has its headline alone, and why."""
        found = [{} if run is None else run.figures(self.cell) for run in self.runs]
        headline = {f"{self.cell.name}/p{percent}_ms" for percent in (50, 95, 99)}
        found = [dict.fromkeys(headline) | run for run in found]
        why = self.why
        return gather(
            found, why={} if why is None else {name: why for run in found for name in run}
        )


def overview_table(results: Sequence[CellRuns], plan: LatencyPlan) -> ResultTable:
    """From the camera to the player, in two ways."""
    columns = (
        "sender", "generator", "machine", "capture to decoded, p50 / p95 / p99 ms",
        "steps seen", "by steps, ms", "of it beyond the bar code (single steps), ms",
        "pictures/s", "frozen", "sound early, ms",
    )  # fmt: skip
    rows: list[tuple[str, ...]] = []
    notes: list[str] = []
    for result in results:
        cell, figures = result.cell, result.figures()
        head = (cell.sender.description, cell.generator, cell.load)
        if result.why is not None:
            notes.append(f"{', '.join(head)}: {result.why}")
        rows.append((*head, *_overview_cells(cell, figures, result.runs)))
    notes += [
        _SENDERS_NOTE,
        "capture to decoded: by the bar code, of each picture",
        _STEPS_NOTE,
        _CONDITIONS_NOTE.format(
            seconds=plan.seconds, warm_up=plan.warm_up_seconds, loops=usable_cores()
        ),
    ]
    return ResultTable(
        "From the camera to the player's picture", columns, tuple(rows), tuple(notes)
    )


def stage_tables(results: Sequence[CellRuns]) -> list[ResultTable]:
    """A table for each kind of sender: percentiles of its stages."""
    tables = []
    for sender in SenderKind:
        columns = [one for one in results if one.cell.sender is sender]
        if not columns:
            continue
        found = [one.figures() for one in columns]
        rows = []
        for stage in _STAGES:
            cells = [
                _joined(one.cell, figures, [f"{stage}_p{p}_ms" for p in (50, 95, 99)], 1)
                for one, figures in zip(columns, found, strict=True)
            ]
            if any(cell != _NONE for cell in cells):
                rows.append((_WORDS.get(stage, stage), *cells))
        for part, words in _MEANS.items():
            cells = [
                _joined(one.cell, figures, [f"{part}_mean_ms"], 1)
                for one, figures in zip(columns, found, strict=True)
            ]
            if any(cell != _NONE for cell in cells):
                rows.append((f"{words}; mean", *cells))
        tables.append(
            ResultTable(
                title=f"Stages, p50 / p95 / p99 ms: {sender.description}",
                columns=("stage", *(f"{one.cell.generator}, {one.cell.load}" for one in columns)),
                rows=tuple(rows),
                notes=(_STAGES_NOTE,),
            )
        )
    return tables


def mean_parts(result: CellRuns) -> dict[str, float]:
    """Medians over the runs of the means of PARTS; empty where no run made its call."""
    figures = result.figures()
    found = {name: _median(result.cell, figures, f"part_{name}_mean_ms") for name in PARTS}
    return {name: value for name, value in found.items() if value is not None}


def _overview_cells(
    cell: Cell, figures: Mapping[str, Figure], runs: Sequence[LatencyScores | None]
) -> tuple[str, ...]:
    steps = [step for run in runs if run is not None for step in run.steps]
    differences = [step.difference_ms for step in steps if step.difference_ms is not None]
    mean = _median(cell, figures, "steps_less_claim_mean_ms")
    seen = sum(step.measured_ms is not None for step in steps)
    frozen = _median(cell, figures, "frozen_share")
    early = _median(cell, figures, "sound_early_ms")
    return (
        _joined(cell, figures, ["p50_ms", "p95_ms", "p99_ms"], 0),
        f"{seen} of {len(steps)}" if steps else _NONE,
        _joined(cell, figures, ["steps_mean_ms"], 0),
        _NONE
        if mean is None
        else f"{mean:+.0f} ({min(differences):+.0f} to {max(differences):+.0f})",
        _joined(cell, figures, ["pictures_per_second"], 1),
        _NONE if frozen is None else f"{100 * frozen:.1f} %",
        _NONE if early is None else f"{early:+.0f}",
    )


def _joined(cell: Cell, figures: Mapping[str, Figure], names: Sequence[str], decimals: int) -> str:
    values = [_median(cell, figures, name) for name in names]
    if all(value is None for value in values):
        return _NONE
    return " / ".join(_NONE if value is None else f"{value:.{decimals}f}" for value in values)


def _median(cell: Cell, figures: Mapping[str, Figure], name: str) -> float | None:
    figure = figures.get(f"{cell.name}/{name}")
    return None if figure is None else figure.median
