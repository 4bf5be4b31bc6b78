"""`python -m benchmarks wire`: what a call costs on the wire, and what a bad wire costs a call."""

import asyncio
import os
import tempfile
import time
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

from benchmarks.classic_codec_rates import WIRE_RATES_BPS
from benchmarks.classic_codec_run import run_codecs
from benchmarks.clip import Clip
from benchmarks.json_file import check_writable, write_json
from benchmarks.machine import machine_facts
from benchmarks.wire_lane import why_no_tun_link
from benchmarks.wire_plan import full_plan, quick_plan
from benchmarks.wire_report import WireReport
from benchmarks.wire_run import Actor, run_calls
from benchmarks.wire_track import RecordedTrack
from shared.errors import ArtifactError, ConfigError, KilocallError
from shared.face_model import FaceModel
from shared.shipped_generators import default_generator

_QUICK_RATES_BPS = (12_000, 24_000, 60_000)
_QUICK_PICTURES = 75


def command(
    data: Annotated[Path, typer.Option(help="Folder of clips of faces, one face each.")],
    json_path: Annotated[Path | None, typer.Option("--json", metavar="FILE")] = None,
    plot: Annotated[
        Path | None, typer.Option(metavar="PNG", help="Plots; beside the JSON unless told.")
    ] = None,
    quick: Annotated[
        bool,
        typer.Option("--quick", help="One clip, few calls, under 90 s: the numbers mean little."),
    ] = False,
    codecs: Annotated[
        bool, typer.Option(help="The same clips through x264, VP9 and AV1 as well.")
    ] = True,
    bundle: Annotated[
        str, typer.Option(help="Generator of Kilocall's own row beside the codecs.")
    ] = default_generator(),
) -> None:
    """Bytes, losses, latency and opening of real calls over an emulated link; codecs beside it.

    About 40 minutes on two cores, which should have nothing else to do. As root on Linux the link
    lies between two network namespaces; elsewhere datagrams go through a relay.
    """
    check_writable(json_path)
    if plot is None and json_path is not None:
        plot = json_path.with_suffix(".png")
    check_writable(plot)
    if plot is not None and find_spec("matplotlib") is None:
        raise ConfigError("matplotlib is not installed: pip install kilocall[bench]")
    paths = sorted(data.glob("*.mp4"))
    if not paths:
        raise ArtifactError(f"{data}: no *.mp4 in it, a folder of clips is expected")
    console = Console()
    started, load = time.monotonic(), os.getloadavg()[0]
    lacking = why_no_tun_link()
    if lacking is not None:
        console.print(f"{lacking}: a UDP relay instead", soft_wrap=True)
    plan = quick_plan() if quick else full_plan()
    model = FaceModel.load()
    with Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        TextColumn("{task.percentage:3.0f} %"),
        TimeElapsedColumn(),
        console=console,
        refresh_per_second=2,
    ) as progress:
        actors, left_out = _record(paths, plan.calls_per_cell, model, _bar(progress, "tracking"))
        with tempfile.TemporaryDirectory(prefix="kilocall-wire-") as folder:
            minutes = plan.estimated_seconds / 60
            try:
                cells, openings = asyncio.run(
                    run_calls(
                        plan,
                        actors,
                        model,
                        with_tun=lacking is None,
                        folder=Path(folder),
                        on_progress=_bar(progress, f"calls, about {minutes:.0f} min"),
                    )
                )
            except* KilocallError as group:
                raise group.exceptions[0] from None
        pictures = None
        if codecs:
            chosen = paths[:1] if quick else paths
            rates = _QUICK_RATES_BPS if quick else WIRE_RATES_BPS
            pictures = run_codecs(
                chosen,
                rates,
                bundle,
                most_pictures=_QUICK_PICTURES if quick else None,
                on_progress=_bar(progress, "codecs"),
            )
    report = WireReport(
        machine=machine_facts(),
        data=data.name,
        emulator="tun" if lacking is None else f"relay ({lacking})",
        quick=quick,
        plan=plan,
        actors=tuple(actor.track.name for actor in actors),
        left_out=left_out,
        cells=tuple(cells),
        openings=tuple(openings),
        pictures=pictures,
        seconds=time.monotonic() - started,
        load_average=(load, os.getloadavg()[0]),
    )
    report.print(Console(width=max(console.width, 190)))
    if json_path is not None:
        write_json(json_path, report.as_json())
    if plot is not None:
        from benchmarks import wire_plot  # of an extra, and slow to load

        wire_plot.draw(report, plot)
        console.print(f"{plot}", highlight=False)


def _bar(progress: Progress, name: str) -> Callable[[float], None]:
    task = progress.add_task(name, total=1.0)
    return lambda share: progress.update(task, completed=share)


def _record(
    paths: list[Path], count: int, model: FaceModel, on_progress: Callable[[float], None]
) -> tuple[list[Actor], dict[str, str]]:
    """Recordings of `count` clips spread over the folder, of those with sound where there are
    enough; and why others were left out. Raises ArtifactError when none can be used."""
    actors: list[Actor] = []
    left_out: dict[str, str] = {}
    clips = []
    for path in paths:
        try:
            clips.append(Clip.open(path))
        except ArtifactError as error:
            left_out[path.stem] = str(error)
    speaking = [clip for clip in clips if clip.has_audio]
    step = max(len(speaking) // count, 1)
    spread = [clip for start in range(step) for clip in speaking[start::step]]
    for clip in [*spread, *(clip for clip in clips if not clip.has_audio)]:
        if len(actors) == count:
            break
        try:
            track = RecordedTrack.record(clip, model)
        except ArtifactError as error:
            left_out[clip.path.stem] = str(error)
            continue
        actors.append(Actor(track, clip.path.resolve(), clip.has_audio))
        on_progress(len(actors) / count)
    on_progress(1.0)
    if not actors:
        why = "; ".join(left_out.values())
        raise ArtifactError(f"no clip that can be played, one with a face is needed: {why}")
    return actors, left_out
