"""The runs of a scale benchmark as one picture of four plots."""

from collections.abc import Callable, Sequence
from pathlib import Path
from statistics import median

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from benchmarks.machine import machine_facts
from benchmarks.picture_cost import PictureCost
from benchmarks.plot_axes import finish
from benchmarks.plot_colours import PALETTE
from benchmarks.scale_run import ScaleRun
from benchmarks.scale_scores import LEAST_SHARE, MOST_P95_MS, StepScores

Value = Callable[[StepScores], float]
Steps = dict[str, dict[int, list[StepScores]]]
"""By generator, then by number of calls, of all runs."""


def draw(runs: Sequence[ScaleRun], path: Path, *, quick: bool) -> None:
    """Write a PNG."""
    steps = _steps(runs)
    figure = Figure(figsize=(13, 9), layout="constrained")
    axes = figure.subplots(2, 2)
    _lines(
        axes[0, 0], steps, "ms", "A picture, from due to complete at the viewer: p95 —●, p50 - -○",
        lambda s: s.late_ms.p95, lambda s: s.late_ms.p50,
    )  # fmt: skip
    axes[0, 0].axhline(MOST_P95_MS, color="grey", ls=":", lw=1)
    _lines(
        axes[0, 1], steps, "seconds of processor a second",
        "Processor: receiver —●, senders and viewers - -○",
        lambda s: s.receiver_cores, lambda s: s.load_cores,
    )  # fmt: skip
    _lines(
        axes[1, 0], steps, "pictures a second", "Pictures of the call that got the fewest",
        lambda s: s.pictures_hz,
    )  # fmt: skip
    rates = [s.fps for found in steps.values() for many in found.values() for s in many]
    if rates:
        axes[1, 0].axhline(LEAST_SHARE * max(rates), color="grey", ls=":", lw=1)
    _draw_sizes(axes[1, 1], [cost for run in runs for cost in run.pictures])
    machine = machine_facts()
    figure.suptitle(
        f"Kilocall, calls through one receiver: {machine.cpu}, {machine.cores} cores; "
        f"{machine.commit}, {machine.date[:10]}" + ("; QUICK, means little" if quick else "")
    )
    figure.savefig(path, dpi=90)


def _steps(runs: Sequence[ScaleRun]) -> Steps:
    steps: Steps = {}
    for run in runs:
        for found in run.generators:
            of_generator = steps.setdefault(found.name, {})
            for step in found.steps:
                of_generator.setdefault(step.calls, []).append(step)
    return steps


def _lines(axes: Axes, steps: Steps, y: str, title: str, solid: Value, *dashed: Value) -> None:
    """Medians as lines, each run as a small dot."""
    for colour, (name, by_calls) in zip(PALETTE, sorted(steps.items()), strict=False):
        calls = sorted(by_calls)
        for value, style in ((solid, "-"), *((one, "--") for one in dashed)):
            middles = [median(map(value, by_calls[number])) for number in calls]
            label = name if value is solid else None
            fill = colour if value is solid else "white"
            # A single number of calls draws no line: the colour is told by its dot.
            axes.plot(
                calls, middles, f"{style}o", color=colour, mfc=fill, label=label, lw=1.5, ms=5
            )
            dots = [(number, value(step)) for number in calls for step in by_calls[number]]
            axes.plot(*zip(*dots, strict=True), "o", color=colour, mfc=fill, ms=3, alpha=0.7)
    axes.set(xlabel="calls", ylabel=y)
    if steps:
        axes.set_xlim(0.5, max(2, *(max(found, default=1) for found in steps.values())) + 0.5)
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    finish(axes, title, legend_columns=3)


def _draw_sizes(axes: Axes, costs: Sequence[PictureCost]) -> None:
    """One bar a generator and size, its parts on each other."""
    bars: dict[tuple[str, int], list[PictureCost]] = {}
    for cost in costs:
        bars.setdefault((cost.generator, cost.size), []).append(cost)
    names = [f"{generator}\n{size}" for generator, size in bars]
    places = range(len(names))
    bottom = [0.0] * len(names)
    parts: tuple[tuple[str, Callable[[PictureCost], float]], ...] = (
        ("conditions", lambda cost: cost.condition_ms),
        ("generator", lambda cost: cost.generate_ms),
        ("VP8", lambda cost: cost.encode_ms),
    )
    for colour, (label, part) in zip(PALETTE, parts, strict=False):
        heights = [median(map(part, found)) for found in bars.values()]
        if heights:
            axes.bar(places, heights, bottom=bottom, color=colour, label=label, width=0.6)
        bottom = [low + height for low, height in zip(bottom, heights, strict=True)]
    axes.set_xticks(list(places), names)
    axes.set_ylabel("ms, one thread")
    finish(axes, "One picture by the side of its square, pixels", legend_columns=3)
