"""The GPU benchmark as one picture: a column for each network, times above, calls below."""

from pathlib import Path

from matplotlib.axes import Axes
from matplotlib.figure import Figure as Drawing
from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter

from benchmarks.call_queue import LIMIT_MS
from benchmarks.gpu_plan import BACK_ENDS, SHOWN_CALLS, GpuPlan
from benchmarks.gpu_tables import Figures

_COLOURS = dict(
    zip(
        BACK_ENDS,
        ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#56b4e9", "#e69f00"),
        strict=True,
    )
)
"""Okabe and Ito's, told apart by all eyes."""

_STYLES = ("o-", "s--", "^:")
"""Of number formats."""

_HIGHEST_MS = 1000.0
"""A queue that falls behind has no p99: what is above is drawn at the edge."""


def draw(plan: GpuPlan, figures: Figures, gpu: str, path: Path) -> None:
    """Write a PNG."""
    drawing = Drawing(figsize=(5.2 * len(plan.networks), 8.5), layout="constrained")
    axes = drawing.subplots(2, len(plan.networks), squeeze=False)
    for column, network in enumerate(plan.networks):
        _draw_times(axes[0, column], plan, figures, network)
        _draw_calls(axes[1, column], plan, figures, network)
    axes[0, 0].set_ylabel("ms a frame")
    axes[1, 0].set_ylabel("ms from arrival to picture, p99")
    notes = [gpu or ("on the CPU" if plan.device == "cpu" else "no GPU")]
    notes += ["networks of tiny sizes"] if plan.sizes else []
    notes += ["QUICK, means little"] if plan.quick else []
    drawing.suptitle(f"Kilocall's networks\n{'; '.join(notes)}", fontsize=11)
    drawing.savefig(path, dpi=90)


def _draw_times(axes: Axes, plan: GpuPlan, figures: Figures, network: str) -> None:
    for style, number_format in zip(_STYLES, plan.number_formats, strict=False):
        place = f"{plan.prefix}/{network}/{number_format}"
        for back_end in plan.back_ends:
            points = [
                (batch, ms / batch)
                for batch in plan.batches
                if (ms := figures[f"{place}/{back_end}/batch{batch}/ms"].median) is not None
            ]
            _line(axes, points, style, _COLOURS[back_end], f"{back_end}, {number_format}")
        floor = [
            (batch, ms / batch)
            for batch in plan.batches
            if (ms := figures[f"{place}/batch{batch}/floor_ms"].median) is not None
        ]
        _line(axes, floor, style[1:], "black", f"floor, {number_format}")
    _finish(axes, plan.batches, f"{network}: time by batch", "frames in a batch")


def _draw_calls(axes: Axes, plan: GpuPlan, figures: Figures, network: str) -> None:
    for style, number_format in zip(_STYLES, plan.number_formats, strict=False):
        place = f"{plan.prefix}/{network}/{number_format}"
        for back_end in plan.back_ends:
            points = [
                (calls, min(ms, _HIGHEST_MS))
                for calls in SHOWN_CALLS
                if (ms := figures[f"{place}/{back_end}/calls{calls}/p99_ms"].median) is not None
            ]
            _line(axes, points, style, _COLOURS[back_end], f"{back_end}, {number_format}")
    if axes.has_data():
        axes.axhline(LIMIT_MS, color="grey", ls=":", lw=1)
    _finish(axes, SHOWN_CALLS, f"{network}: calls at 25 frames a second", "calls")


def _line(axes: Axes, points: list[tuple[int, float]], style: str, colour: str, name: str) -> None:
    if points:
        axes.plot(*zip(*points, strict=True), style, color=colour, label=name, ms=4)


def _finish(axes: Axes, ticks: tuple[int, ...], title: str, x: str) -> None:
    axes.set_title(title, fontsize=10)
    axes.set_xlabel(x)
    if not axes.get_legend_handles_labels()[0]:
        axes.set(xticks=[], yticks=[])
        axes.text(0.5, 0.5, "not measured", ha="center", transform=axes.transAxes)
        return
    axes.set_xscale("log", base=2)
    axes.set_yscale("log")
    axes.set_xticks(ticks)
    axes.yaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
    for axis in (axes.xaxis, axes.yaxis):
        axis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
        axis.set_minor_formatter(NullFormatter())
    axes.grid(alpha=0.3)
    axes.spines[["top", "right"]].set_visible(False)
    axes.legend(
        loc="upper center", bbox_to_anchor=(0.5, -0.13), ncols=3, fontsize=7, edgecolor="none"
    )
