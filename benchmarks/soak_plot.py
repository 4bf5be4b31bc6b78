"""A soak as one picture of six plots along its time."""

from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from benchmarks.machine import machine_facts
from benchmarks.plot_axes import finish
from benchmarks.plot_colours import PALETTE
from benchmarks.soak_run import SoakRun
from benchmarks.soak_sample import ProcessSample, SoakSample
from benchmarks.soak_scores import score_soak

_RECEIVER, _SENDER = PALETTE[:2]

_RUN_STYLES = ("-", "--", ":", "-.")

Value = Callable[[SoakSample], float | None]


def draw(runs: Sequence[SoakRun], path: Path, *, quick: bool) -> None:
    """Write a PNG."""
    figure = Figure(figsize=(15, 8), layout="constrained")
    axes = figure.subplots(2, 3)
    _draw_processes(axes[0, 0], runs, "MB", "Resident memory", lambda p: p.resident_mb)
    _mark_slopes(axes[0, 0], runs)
    _draw_processes(axes[0, 1], runs, "", "Threads", lambda p: p.threads)
    _draw_processes(axes[0, 2], runs, "", "Open files and sockets", lambda p: p.open_files)
    _draw_processes(
        axes[1, 0], runs, "seconds of processor a second", "Processor", lambda p: p.cores
    )
    _draw(
        axes[1, 1], runs, "a second", "Pictures at the viewer, and frames dropped",
        ("pictures", _RECEIVER, lambda s: s.pictures_hz),
        ("dropped", _SENDER, lambda s: s.dropped_hz),
    )  # fmt: skip
    _draw(
        axes[1, 2], runs, "kbit/s", "Wire between sender and receiver, both ways",
        ("all", _RECEIVER, lambda s: s.wire_kbps),
        ("sound, parameters in it", _SENDER, lambda s: s.sound_kbps),
    )  # fmt: skip
    machine = machine_facts()
    figure.suptitle(
        f"Kilocall, one long call: {machine.cpu}, {machine.cores} cores; "
        f"{machine.commit}, {machine.date[:10]}" + ("; QUICK, means little" if quick else "")
    )
    figure.savefig(path, dpi=90)


def _draw_processes(
    axes: Axes,
    runs: Sequence[SoakRun],
    y: str,
    title: str,
    of: Callable[[ProcessSample], float | None],
) -> None:
    _draw(
        axes, runs, y, title,
        ("receiver", _RECEIVER, lambda s: of(s.receiver)),
        ("sender", _SENDER, lambda s: of(s.sender)),
    )  # fmt: skip


def _draw(
    axes: Axes, runs: Sequence[SoakRun], y: str, title: str, *lines: tuple[str, str, Value]
) -> None:
    for number, run in enumerate(runs):
        style = _RUN_STYLES[number % len(_RUN_STYLES)]
        for name, colour, value in lines:
            known = [(s.seconds / 60, v) for s in run.samples if (v := value(s)) is not None]
            if known:
                label = name if number == 0 else None
                axes.plot(*zip(*known, strict=True), style, color=colour, label=label, lw=1.2)
    axes.set(xlabel="minutes", ylabel=y)
    finish(axes, title, legend_columns=2)


def _mark_slopes(axes: Axes, runs: Sequence[SoakRun]) -> None:
    """The lines of the second halves, with their slopes: a receiver's above, a sender's below."""
    for number, run in enumerate(runs):
        scores = score_soak(run.samples)
        if scores is None:
            continue
        late = run.samples[len(run.samples) // 2 :]
        minutes = np.array([sample.seconds / 60 for sample in late])
        for found, memory, offset in (
            (scores.receiver, [sample.receiver.resident_mb for sample in late], 4 + 10 * number),
            (scores.sender, [sample.sender.resident_mb for sample in late], -12 - 10 * number),
        ):
            slope = found.slope_mb_per_hour
            if slope is None:
                continue
            middle = float(np.mean(memory))
            line = middle + slope.value * (minutes - minutes.mean()) / 60
            axes.plot(minutes, line, color="black", lw=0.8)
            axes.annotate(
                f"run {number + 1}: {slope.value:+.1f} +- {slope.half_width:.1f} MB/h",
                (minutes[-1], line[-1]),
                xytext=(0, offset), textcoords="offset points", ha="right", fontsize=8,
            )  # fmt: skip
