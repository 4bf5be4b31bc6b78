"""`python -m benchmarks soak`: whether a call of half an hour stays as it began."""

import asyncio
import tempfile
import time
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.progress import (
    BarColumn,
    Progress,
    TaskID,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)

from benchmarks.json_file import check_writable
from benchmarks.plot_file import check_plot
from benchmarks.portrait_film import write_portrait_film
from benchmarks.result_file import write_result
from benchmarks.soak_report import figures_of, tables_of
from benchmarks.soak_run import Soak, SoakRun, SoakSettings
from sender.media_file import MediaFile
from shared.errors import KilocallError
from shared.generator import load_generator
from shared.shipped_generators import default_generator

_PERIOD_SECONDS = 5.0
_QUICK_SECONDS = 40.0
_QUICK_PERIOD_SECONDS = 2.0
_SAVE_SECONDS = 30.0
_INTERRUPTED = 130
"""Exit status, as shells have it."""

_WIDTH = 160


def command(
    minutes: Annotated[
        float, typer.Option(min=1.0, max=7 * 24 * 60, help="Of real time, a run.")
    ] = 30.0,
    video: Annotated[
        Path | None, typer.Option(help="A clip, looped, with its sound; else the portrait.")
    ] = None,
    bundle: Annotated[
        str, typer.Option(help="warp, an embedded bundle's name, or a bundle's folder.")
    ] = default_generator(),
    repeat: Annotated[int, typer.Option(min=1, help="Make so many such calls.")] = 1,
    json_path: Annotated[Path | None, typer.Option("--json", metavar="FILE")] = None,
    plot: Annotated[Path | None, typer.Option(metavar="PNG")] = None,
    quick: Annotated[
        bool, typer.Option("--quick", help="40 seconds, about a minute: means little.")
    ] = False,
) -> None:
    """One call in real time: memory, threads, files, processor, pictures and wire every 5 s.

    Sender and receiver are the product's own processes on this machine. The JSON file is written
    anew every half minute and at the end: a soak that is interrupted leaves what it has.
    """
    check_writable(json_path)
    check_plot(plot)
    load_generator(bundle).close()
    if video is not None:
        MediaFile.probe(video)
    with tempfile.TemporaryDirectory(prefix="kilocall-soak-") as folder:
        settings = SoakSettings(
            video=video or write_portrait_film(Path(folder) / "portrait.mp4"),
            bundle=bundle,
            seconds=_QUICK_SECONDS if quick else 60 * minutes,
            period_seconds=_QUICK_PERIOD_SECONDS if quick else _PERIOD_SECONDS,
        )
        played = "The built-in portrait" if video is None else video.name
        result = SoakResult(settings, played, json_path, quick=quick)
        failure = _make_calls(settings, result, repeat, Path(folder))
    result.print()
    result.save()
    if plot is not None:
        from benchmarks import soak_plot  # of an extra, and slow to load

        soak_plot.draw(result.runs, plot, quick=quick)
        typer.echo(str(plot))
    if isinstance(failure, KilocallError):
        raise failure
    if failure is not None:
        raise typer.Exit(_INTERRUPTED)


class SoakResult:
    """What was found so far."""

    def __init__(
        self, settings: SoakSettings, played: str, json_path: Path | None, *, quick: bool
    ) -> None:
        self.runs: list[SoakRun] = []
        self._settings = settings
        self._played = played
        self._json_path = json_path
        self._quick = quick
        self._started = self._saved = time.monotonic()

    def print(self) -> None:
        console = Console(width=max(Console().width, _WIDTH))
        for table in tables_of(self.runs, played=self._played, bundle=self._settings.bundle):
            console.print(table.rich())

    def save_if_due(self) -> None:
        """Every half minute."""
        if time.monotonic() - self._saved >= _SAVE_SECONDS:
            self.save()

    def save(self) -> None:
        """Never half a file, whenever the soak is ended."""
        self._saved = time.monotonic()
        path = self._json_path
        if path is None:
            return
        # A pipe or a device is written as it is.
        is_file = path.is_file() or not path.exists()
        part = path.with_name(path.name + ".part") if is_file else path
        write_result(
            part,
            benchmark="soak",
            quick=self._quick,
            seconds=self._saved - self._started,
            figures=figures_of(self.runs),
            tables=tables_of(self.runs, played=self._played, bundle=self._settings.bundle),
            details={
                "played": self._played,
                "bundle": self._settings.bundle,
                "seconds_asked": self._settings.seconds,
                "period_seconds": self._settings.period_seconds,
                "runs": [asdict(run) for run in self.runs],
            },
        )
        if is_file:
            part.replace(path)


def _make_calls(
    settings: SoakSettings, result: SoakResult, repeat: int, folder: Path
) -> KilocallError | KeyboardInterrupt | None:
    """What ended them before their time, if anything did."""
    with Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        TextColumn("{task.percentage:3.0f} %"),
        TimeElapsedColumn(),
        TimeRemainingColumn(),
        refresh_per_second=2,
    ) as progress:
        for number in range(repeat):
            run = SoakRun()
            result.runs.append(run)
            task = progress.add_task(f"call {number + 1}", total=settings.seconds)

            def on_sample(run: SoakRun = run, task: TaskID = task) -> None:
                progress.update(task, completed=run.samples[-1].seconds)
                result.save_if_due()

            # Of its own: a trace of the call before would be read as this one's.
            traces = folder / f"call-{number + 1}"
            traces.mkdir()
            try:
                asyncio.run(Soak(settings, traces, run, on_sample).make())
            except (KilocallError, KeyboardInterrupt) as failure:
                return failure
    return None
