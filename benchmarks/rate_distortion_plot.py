"""Curves of codecs over the wire rate, one plot a measure, and Kilocall's points."""

from math import isfinite
from pathlib import Path

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import NullFormatter, ScalarFormatter

from benchmarks.classic_codec import Codec
from benchmarks.plot_colours import OURS, PALETTE
from benchmarks.rate_distortion_calls import CallResults, Way
from benchmarks.rate_distortion_measures import MEASURES, Better, Measure
from benchmarks.rate_distortion_result import PictureMeans

_MARKERS = {Way.ONE: "s", Way.TWO: "*", Way.THREE: "^", Way.IN_BAND: "D"}
_TICKS_KBPS = (4, 8, 12, 20, 40, 60, 100)
_DIRECTION = {
    Better.HIGHER: "higher is better",
    Better.LOWER: "lower is better",
    Better.ONE: "1 is as the driving clip",
}


def draw(calls: CallResults, means: PictureMeans, subtitle: str, path: Path) -> None:
    """Write a PNG."""
    figure = Figure(figsize=(19, 9.5), layout="constrained")
    axes = figure.subplots(2, 4).flat
    for one, measure in zip(axes, MEASURES, strict=True):
        _draw_measure(one, calls, means, measure)
    handles, labels = axes[0].get_legend_handles_labels()
    if handles:
        figure.legend(handles, labels, loc="outside lower center", ncols=6, frameon=False)
    figure.suptitle(f"Pictures at equal wire rate: {means.clip_count} clips; {subtitle}")
    figure.savefig(path, dpi=90)


def _draw_measure(axes: Axes, calls: CallResults, means: PictureMeans, measure: Measure) -> None:
    for codec, colour in zip(Codec, PALETTE, strict=False):
        points = [
            (mean.wire_bps / 1e3, value)
            for mean in means.codecs[codec].values()
            if mean is not None and mean.clips == means.clip_count
            if isfinite(value := getattr(mean.scores, measure.field))
        ]
        if points:
            axes.plot(*zip(*sorted(points), strict=True), "o-", color=colour, ms=4, label=codec)
    for (generator, own), fill in zip(means.own.items(), ("full", "none"), strict=False):
        value = getattr(own.scores, measure.field)
        if not isfinite(value):
            continue
        rates: list[float] = []
        for way, marker in _MARKERS.items():
            rate = calls.rates[way]
            if rate is not None:
                rates.append(rate.total_bps / 1e3)
                axes.plot(
                    [rates[-1]], [value], marker, color=OURS, fillstyle=fill, ms=8, ls="none",
                    label=f"Kilocall {generator}, {way.value}",
                )  # fmt: skip
        axes.axhline(value, color=OURS, lw=0.7, ls=":" if fill == "none" else "--", alpha=0.6)
    _finish(axes, measure)


def _finish(axes: Axes, measure: Measure) -> None:
    axes.set_title(f"{measure.label} ({_DIRECTION[measure.better]})", fontsize=10)
    axes.set(xlabel="wire rate, kbit/s")
    axes.grid(alpha=0.3)
    axes.spines[["top", "right"]].set_visible(False)
    if not axes.has_data():
        axes.set(xticks=[], yticks=[])
        axes.text(0.5, 0.5, "not measured", ha="center", transform=axes.transAxes)
        return
    axes.set_xscale("log")
    if measure.better is Better.LOWER:
        axes.set_yscale("log")
        axes.yaxis.set_major_formatter(ScalarFormatter())
        axes.yaxis.set_minor_formatter(NullFormatter())
    axes.set_xticks(_TICKS_KBPS)
    axes.xaxis.set_major_formatter(ScalarFormatter())
    axes.xaxis.set_minor_formatter(NullFormatter())
    axes.set_xlim(_TICKS_KBPS[0] * 0.85, _TICKS_KBPS[-1] * 1.1)
