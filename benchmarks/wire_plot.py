"""The run of a wire benchmark as one picture of eight plots."""

from collections.abc import Callable
from pathlib import Path
from typing import Literal

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import NullFormatter, ScalarFormatter

from benchmarks.plot_colours import OURS, PALETTE
from benchmarks.wire_plan import Cell, Sweep
from benchmarks.wire_report import WireReport
from benchmarks.wire_scores import WireScores

_LOSS_RANGE = (-2, 52)
_RATE_RANGE = (6, 34)
_MOST_FROZEN_PERCENT = 1.0
"""The target at 30 % loss."""

Value = Callable[[WireScores], float]
Series = list[tuple[str, list[tuple[float, WireScores]]]]


def draw(report: WireReport, path: Path) -> None:
    """Write a PNG."""
    figure = Figure(figsize=(19, 9), layout="constrained")
    axes = figure.subplots(2, 4)
    by_loss = [
        *_series(report, Sweep.LOSS, _loss_percent),
        *_series(report, Sweep.VOICE_LOSS, _loss_percent),
    ]
    _lines(
        axes[0, 0], by_loss, "packets lost each way, %", "kbit/s of IP packets",
        "Wire: forward —, back - -", lambda s: s.forward_bps / 1e3, lambda s: s.back_bps / 1e3,
    )  # fmt: skip
    _lines(
        axes[0, 1], by_loss, "packets lost each way, %", "ms beyond the link's delay",
        "Capture to shown: p95 —, p50 - -", lambda s: s.shown_ms.p95, lambda s: s.shown_ms.p50,
    )  # fmt: skip
    _lines(
        axes[0, 2], by_loss, "packets lost each way, %", "px at 256 x 256",
        "Shown face against the driver's: mean —, p95 - -",
        lambda s: s.error_px, lambda s: s.error_p95_px,
    )  # fmt: skip
    _lines(
        axes[0, 3], by_loss, "packets lost each way, %", "% of the time",
        "Frozen while the driver moves", lambda s: 100 * s.frozen,
    )  # fmt: skip
    axes[0, 3].set_ylim(top=max(2.0, axes[0, 3].get_ylim()[1]))
    axes[0, 3].axhline(_MOST_FROZEN_PERCENT, color="grey", ls=":", lw=1)
    for loss_axes in axes[0]:
        loss_axes.set_xlim(*_LOSS_RANGE)
    by_rate = [
        *_series(report, Sweep.RATE, _rate_kbps),
        *_series(report, Sweep.VOICE_RATE, _rate_kbps),
    ]
    _lines(
        axes[1, 0], by_rate, "rate of the link each way, kbit/s", "ms beyond the link's delay",
        "Thin links, capture to shown: p95 —, p50 - -",
        lambda s: s.shown_ms.p95, lambda s: s.shown_ms.p50,
    )  # fmt: skip
    axes[1, 0].set_xlim(*_RATE_RANGE)
    _draw_openings(axes[1, 1], report)
    _draw_pictures(axes[1, 2], report, "PSNR, dB")
    _draw_pictures(axes[1, 3], report, "SSIM")
    machine = report.machine
    figure.suptitle(
        f"Kilocall on the wire: {report.data}, {report.plan.calls_per_cell} calls of "
        f"{report.plan.call_seconds:g} s a point, link by {report.emulator.split()[0]}; "
        f"{machine.commit}, {machine.date[:10]}" + ("; QUICK, means little" if report.quick else "")
    )
    figure.savefig(path, dpi=90)


def _loss_percent(cell: Cell) -> float:
    return 100 * cell.conditions.loss


def _rate_kbps(cell: Cell) -> float:
    return cell.conditions.rate_bps / 1e3


def _series(report: WireReport, sweep: Sweep, place: Callable[[Cell], float]) -> Series:
    """Cells of a sweep by what they share, along what is varied."""
    found: dict[str, list[tuple[float, WireScores]]] = {}
    for result in report.cells:
        cell = result.cell
        if cell.sweep is not sweep or result.scores is None:
            continue
        if sweep is Sweep.LOSS:
            name = f"{cell.frames_per_message} to a message"
        else:
            name = f"voice, {cell.transport.value}" if cell.voice else "no voice"
        found.setdefault(name, []).append((place(cell), result.scores))
    return [(name, sorted(points, key=lambda point: point[0])) for name, points in found.items()]


def _lines(
    axes: Axes,
    series: Series,
    x: str,
    y: str,
    title: str,
    solid: Value,
    dashed: Value | None = None,
) -> None:
    for number, (name, points) in enumerate(series):
        colour = PALETTE[number % len(PALETTE)]
        places = [place for place, _ in points]
        axes.plot(places, [solid(s) for _, s in points], "o-", color=colour, label=name, ms=4)
        if dashed is not None:
            axes.plot(places, [dashed(s) for _, s in points], "o--", color=colour, ms=3, lw=1)
    _finish(axes, x, y, title)


def _finish(
    axes: Axes,
    x: str,
    y: str,
    title: str,
    *,
    legend: Literal["upper left", "lower right"] = "upper left",
) -> None:
    axes.set(xlabel=x, ylabel=y)
    axes.set_title(title, fontsize=10)
    # What is written at the top, and the legend there, lie on no line.
    highest = axes.dataLim.y1 if axes.has_data() else 0.0
    axes.set_ylim(0, 1.35 * highest if highest > 0 else 1.0)
    axes.grid(alpha=0.3)
    axes.spines[["top", "right"]].set_visible(False)
    if axes.has_data():
        axes.legend(
            loc=legend, ncols=2, fontsize=8, framealpha=0.7, edgecolor="none",
            handlelength=1.5, columnspacing=1.0,
        )  # fmt: skip
    else:
        axes.set(xticks=[], yticks=[])
        axes.text(0.5, 0.5, "not measured", ha="center", transform=axes.transAxes)


def _draw_openings(axes: Axes, report: WireReport) -> None:
    rows = report.openings
    for name, style, values in (
        ("95 %", "o-", [row.p95_s for row in rows]),
        ("median", "o--", [row.median_s for row in rows]),
        ("WHIP alone, median", ":", [row.signaling_median_s for row in rows]),
    ):
        known = [
            (100 * row.loss, value)
            for row, value in zip(rows, values, strict=True)
            if value is not None
        ]
        if known:
            axes.plot(*zip(*known, strict=True), style, color=PALETTE[0], label=name, ms=4)
    for row in rows:
        if row.never:
            axes.annotate(
                f"{row.never} of {row.seeds} never",
                (100 * row.loss, 0.78),
                xycoords=("data", "axes fraction"),
                fontsize=8, ha="right", va="top", annotation_clip=True,
            )  # fmt: skip
    axes.set_xlim(*_LOSS_RANGE)
    _finish(axes, "packets lost each way, %", "s", "Seconds to open both channels")


def _draw_pictures(axes: Axes, report: WireReport, what: str) -> None:
    pictures = report.pictures
    is_psnr = what.startswith("PSNR")
    if pictures is not None:
        for row, colour in zip(pictures.codecs, PALETTE, strict=False):
            points = [
                (cell.wire_bps / 1e3, value)
                for cell in row.cells.values()
                if cell.wire_bps is not None
                and (value := cell.psnr_db if is_psnr else cell.ssim) is not None
            ]
            if points:
                axes.plot(
                    *zip(*points, strict=True), "o-", color=colour, label=row.codec.value, ms=4
                )
        rebuilt, usual = pictures.rebuilt, report.usual_scores
        value = rebuilt.psnr_db if is_psnr else rebuilt.ssim
        if usual is not None and value is not None:
            name = f"Kilocall {rebuilt.generator}"
            axes.plot([usual.forward_bps / 1e3], [value], "*", color=OURS, ms=13, label=name)
    _finish(
        axes,
        "total wire rate, kbit/s",
        what,
        "Pictures, no loss: the nearest to the clip",
        legend="lower right",
    )
    if axes.has_data():
        axes.set_xscale("log")
        axes.set_xticks([8, 12, 16, 24, 40, 60])
        axes.xaxis.set_major_formatter(ScalarFormatter())
        axes.xaxis.set_minor_formatter(NullFormatter())
        axes.set_ylim((15, 40) if is_psnr else (0.5, 1))
