"""`python -m benchmarks browser`: what a call costs the page that sends it."""

import asyncio
import time
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.progress import Progress
from rich.table import Table

from benchmarks.browser_run import BrowserReport, measure
from benchmarks.json_file import check_writable
from benchmarks.machine import machine_facts
from benchmarks.single_run import write_single_run

_QUICK_FRAMES = 60


def command(
    video: Annotated[
        Path | None, typer.Option(help="What the camera shows; the built-in portrait if absent.")
    ] = None,
    frames: Annotated[int, typer.Option(min=20, help="To track.")] = 200,
    json: Annotated[Path | None, typer.Option(dir_okay=False)] = None,
    quick: Annotated[
        bool, typer.Option("--quick", help="60 frames: the numbers mean little.")
    ] = False,
) -> None:
    """Load the page in Chromium with a film for a camera: weight, first load, time by stage."""
    check_writable(json)
    if quick:
        frames = _QUICK_FRAMES
    begun = time.monotonic()
    console = Console()
    with Progress(console=console, transient=True) as progress:
        task = progress.add_task("Measuring the page", total=None)
        report = asyncio.run(measure(video, frames=frames))
        progress.update(task, completed=1, total=1)
    facts = machine_facts()
    console.print(_table(report))
    console.print(f"{report.browser}, one worker without threads; {facts.cpu}, {facts.cores} cores")
    if json is not None:
        write_single_run(
            json, "browser", report.as_dict(), quick=quick, seconds=time.monotonic() - begun
        )


def _table(report: BrowserReport) -> Table:
    table = Table("", "p50", "p95", title="A page that sends")
    for name, times in report.stages.items():
        table.add_row(f"{name} a frame", _milliseconds(times.p50_ms), _milliseconds(times.p95_ms))
    table.add_row("frames a second, one after the other", f"{report.frames_per_second:.1f}", "")
    table.add_row("page and scripts", f"{report.page_bytes / 1e3:.0f} KB", "")
    table.add_row("networks, model and runtime", f"{report.tracking_bytes / 1e6:.1f} MB", "")
    table.add_row("lobby is there after", f"{report.lobby_seconds:.2f} s", "")
    table.add_row("face is followed after", f"{report.tracked_seconds:.2f} s", "")
    return table


def _milliseconds(value: float) -> str:
    return f"{value:.2f} ms"
