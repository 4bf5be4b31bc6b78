"""`python -m benchmarks wire`: what a call costs on the wire, and what a bad wire costs a call."""

import asyncio
import os
import tempfile
import time
from collections.abc import Callable
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

from benchmarks.classic_codec_rates import WIRE_RATES_BPS
from benchmarks.classic_codec_run import PictureResults, estimated_seconds, run_codecs
from benchmarks.json_file import check_writable
from benchmarks.machine import machine_facts
from benchmarks.plot_file import check_plot
from benchmarks.single_run import write_single_run
from benchmarks.wire_actor import Actor, record_actors
from benchmarks.wire_lane import why_no_tun_link
from benchmarks.wire_plan import WirePlan, full_plan, quick_plan
from benchmarks.wire_report import WireReport
from benchmarks.wire_run import WireRun
from shared.errors import ArtifactError
from shared.face_model import FaceModel
from shared.shipped_generators import default_generator

_QUICK_RATES_BPS = (12_000, 24_000, 60_000)
_QUICK_PICTURES = 75
_PICTURES = 125
"""Of each clip through the codecs, from its start: whole clips would take twice as long."""

_START_MINUTES = 0.5
"""Tracking the clips that are played, and starting."""

_INTERRUPTED = 130
"""Exit status, as shells have it."""


def command(
    data: Annotated[Path, typer.Option(help="Folder of clips of faces, one face each.")],
    json_path: Annotated[Path | None, typer.Option("--json", metavar="FILE")] = None,
    plot: Annotated[
        Path | None, typer.Option(metavar="PNG", help="Plots; beside the JSON unless told.")
    ] = None,
    quick: Annotated[
        bool,
        typer.Option("--quick", help="One clip, few calls, about 90 s: the numbers mean little."),
    ] = False,
    codecs: Annotated[
        bool, typer.Option(help="The same clips through x264, VP9 and AV1 as well.")
    ] = True,
    bundle: Annotated[
        str, typer.Option(help="Generator of Kilocall's own row beside the codecs.")
    ] = default_generator(),
) -> None:
    """Bytes, losses, latency and opening of real calls over an emulated link; codecs beside it.

    Some 35 minutes on two cores, which should have nothing else to do. As root on Linux the link
    lies between two network namespaces; elsewhere datagrams go through a relay. The JSON file is
    written anew after each call: one that is interrupted keeps what was measured. A run with the
    same file starts anew.
    """
    check_writable(json_path)
    if plot is None and json_path is not None:
        plot = json_path.with_suffix(".png")
    check_plot(plot)
    paths = sorted(data.glob("*.mp4"))
    if not paths:
        raise ArtifactError(f"{data}: no *.mp4 in it, a folder of clips is expected")
    console = Console()
    lacking = why_no_tun_link()
    if lacking is not None:
        console.print(f"{lacking}: a UDP relay instead", soft_wrap=True)
    plan = quick_plan() if quick else full_plan()
    run = _Run(data, paths, plan, lacking, json_path, quick=quick)
    run.announce(console, codecs=codecs)
    try:
        with Progress(
            TextColumn("{task.description}"),
            BarColumn(),
            TextColumn("{task.percentage:3.0f} %"),
            TimeElapsedColumn(),
            console=console,
            refresh_per_second=2,
        ) as progress:
            run.make_calls(_bar(progress, "tracking"), _bar(progress, "calls"))
            if codecs:
                run.make_pictures(bundle, _bar(progress, "codecs"))
        run.finished = True
    except KeyboardInterrupt:
        if run.calls is None:
            raise
    report = run.report()
    report.print(Console(width=max(console.width, 190)))
    run.save()
    if plot is not None:
        from benchmarks import wire_plot  # of an extra, and slow to load

        wire_plot.draw(report, plot)
        console.print(f"{plot}", highlight=False)
    if not run.finished:
        raise typer.Exit(_INTERRUPTED)


class _Run:
    """A run as it grows: what is asked for, and what has been found."""

    def __init__(
        self,
        data: Path,
        paths: list[Path],
        plan: WirePlan,
        lacking: str | None,
        json_path: Path | None,
        *,
        quick: bool,
    ) -> None:
        self._data = data
        self._paths = paths
        self._plan = plan
        self._lacking = lacking
        self._json_path = json_path
        self._quick = quick
        self._codec_paths = paths[:1] if quick else paths
        self._most_pictures = _QUICK_PICTURES if quick else _PICTURES
        self._machine = machine_facts()
        self._started, self._load = time.monotonic(), os.getloadavg()[0]
        self._actors: list[Actor] = []
        self._left_out: dict[str, str] = {}
        self._pictures: PictureResults | None = None
        self.calls: WireRun | None = None
        """None before any call could be made."""
        self.finished = False

    def announce(self, console: Console, *, codecs: bool) -> None:
        """How long it will take."""
        calls = self._plan.estimated_seconds / 60
        pictures = 0.0
        if codecs:
            pictures = estimated_seconds(len(self._codec_paths), self._most_pictures) / 60
        console.print(
            f"about {calls + pictures + _START_MINUTES:.0f} minutes: {calls:.0f} of "
            f"{self._plan.call_count} calls, {pictures:.0f} of codecs; "
            f"begun {datetime.now(UTC):%H:%M} UTC",
            highlight=False,
        )

    def make_calls(
        self, on_tracked: Callable[[float], None], on_done: Callable[[float], None]
    ) -> None:
        """Raises ArtifactError when no clip can be played."""
        model = FaceModel.load()
        self._actors, self._left_out = record_actors(
            self._paths, self._plan.calls_per_cell, model, on_tracked
        )
        self.calls = WireRun(self._plan, self._actors, model)

        def done(share: float) -> None:
            on_done(share)
            self.save()

        with tempfile.TemporaryDirectory(prefix="kilocall-wire-") as folder:
            asyncio.run(
                self.calls.make_calls(
                    with_tun=self._lacking is None, folder=Path(folder), on_done=done
                )
            )

    def make_pictures(self, bundle: str, on_progress: Callable[[float], None]) -> None:
        rates = _QUICK_RATES_BPS if self._quick else WIRE_RATES_BPS
        with closing(
            run_codecs(self._codec_paths, rates, bundle, most_pictures=self._most_pictures)
        ) as found:
            for share, self._pictures in found:
                on_progress(share)
                self.save()

    def report(self) -> WireReport:
        """Of what there is; calls were begun."""
        assert self.calls is not None
        return WireReport(
            machine=self._machine,
            data=self._data.name,
            emulator="tun" if self._lacking is None else f"relay ({self._lacking})",
            quick=self._quick,
            finished=self.finished,
            plan=self._plan,
            actors=tuple(actor.track.name for actor in self._actors),
            left_out=self._left_out,
            cells=self.calls.cells,
            openings=self.calls.openings,
            pictures=self._pictures,
            most_pictures=self._most_pictures,
            seconds=time.monotonic() - self._started,
            load_average=(self._load, os.getloadavg()[0]),
        )

    def save(self) -> None:
        """Never half a file, whenever the run is ended."""
        if self._json_path is None:
            return
        if self._json_path.exists() and not self._json_path.is_file():
            if self.finished:  # a pipe is told once
                self._write(self._json_path)
            return
        beside = self._json_path.with_name(self._json_path.name + ".part")
        self._write(beside)
        beside.replace(self._json_path)

    def _write(self, path: Path) -> None:
        report = self.report()
        write_single_run(path, "wire", report.as_json(), quick=self._quick, seconds=report.seconds)


def _bar(progress: Progress, name: str) -> Callable[[float], None]:
    task = progress.add_task(name, total=1.0)
    return lambda share: progress.update(task, completed=share)
