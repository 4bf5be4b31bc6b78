"""A run of the latency benchmark as one picture: what a latency is made of, and its spread."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from benchmarks.latency_plan import Cell, SenderKind
from benchmarks.latency_scores import PARTS
from benchmarks.latency_tables import CellRuns, mean_parts
from benchmarks.machine import MachineFacts
from shared.shipped_generators import LITE, WARP

_COLOURS = (
    "#999999", "#dddddd", "#0072b2", "#56b4e9", "#004c6d", "#f0e442", "#b35806", "#e69f00",
    "#d55e00", "#cc79a7", "#009e73",
)  # fmt: skip
"""Of PARTS: sender blue, waiting yellow, receiver orange, the hop green."""

_LABELS = {
    "stamp": "camera to stamp", "page": "page, worker", "wait": "packing, network, playout",
    "video": "to YUV", "hop": "VP8, packets, decoder",
}  # fmt: skip
_SENDER_COLOURS = {
    SenderKind.PROCESS: "#0072b2",
    SenderKind.PROCESS_SILENT: "#009e73",
    SenderKind.PROCESS_SINGLE: "#cc79a7",
    SenderKind.BROWSER: "#d55e00",
}
_LINES = {(WARP, False): ":", (WARP, True): "-.", (LITE, False): "-", (LITE, True): "--"}
"""By generator and whether the machine was loaded."""


def draw(results: Sequence[CellRuns], path: Path, machine: MachineFacts, *, quick: bool) -> None:
    """Write a PNG."""
    figure = Figure(figsize=(15, 1.5 + max(4.5, 0.42 * len(results))), layout="constrained")
    bars, spread = figure.subplots(1, 2, width_ratios=(1.25, 1))
    _draw_parts(bars, results)
    _draw_spread(spread, results)
    figure.suptitle(
        f"Kilocall, from the camera to the player's decoded picture: {machine.cores} cores of "
        f"{machine.cpu}; {machine.commit}, {machine.date[:10]}"
        + ("; QUICK, means little" if quick else ""),
        fontsize=11,
    )
    figure.savefig(path, dpi=90)


def _draw_parts(axes: Axes, results: Sequence[CellRuns]) -> None:
    rows = [mean_parts(result) for result in results]
    places = np.arange(len(results))
    left = np.zeros(len(results))
    for part, colour in zip(PARTS, _COLOURS, strict=True):
        values = np.array([max(row.get(part, 0.0), 0.0) for row in rows])
        if values.any():
            label = _LABELS.get(part, part)
            axes.barh(places, values, left=left, color=colour, label=label, height=0.7)
            left += values
    for place, total in enumerate(left.tolist()):
        text = f" {total:.0f}" if total else " not measured"
        axes.text(total, place, text, va="center", fontsize=9)
    axes.set_yticks(places, [_name(result.cell) for result in results], fontsize=9)
    axes.invert_yaxis()
    axes.set_xlim(0, 1.1 * max(float(left.max()), 1.0))
    axes.set_xlabel("ms, means")
    axes.set_title("What it is made of", fontsize=10)
    axes.grid(axis="x", alpha=0.3)
    axes.set_axisbelow(True)
    axes.spines[["top", "right"]].set_visible(False)
    axes.legend(loc="upper center", bbox_to_anchor=(0.5, -0.09), ncols=4, fontsize=8, frameon=False)


def _draw_spread(axes: Axes, results: Sequence[CellRuns]) -> None:
    longest = 1.0
    for result in results:
        claimed = np.sort([ms for run in result.runs if run is not None for ms in run.claimed_ms])
        if len(claimed) == 0:
            continue
        share = np.arange(1, len(claimed) + 1) / len(claimed)
        cell = result.cell
        line, colour = _LINES[cell.generator, cell.is_loaded], _SENDER_COLOURS[cell.sender]
        axes.plot(claimed, 100 * share, line, color=colour, label=_name(cell), lw=1.4)
        longest = max(longest, float(np.percentile(claimed, 99.5)))
    axes.set(xlabel="ms, capture to decoded by the bar code", ylabel="% of the pictures")
    axes.set_xlim(0, 1.05 * longest)
    axes.set_ylim(0, 101)
    axes.set_title("How it is spread", fontsize=10)
    axes.grid(alpha=0.3)
    axes.spines[["top", "right"]].set_visible(False)
    if axes.has_data():
        axes.legend(
            loc="upper center", bbox_to_anchor=(0.5, -0.09), ncols=2, fontsize=8, frameon=False
        )


def _name(cell: Cell) -> str:
    return f"{cell.sender.description}, {cell.generator}, {cell.load}"
