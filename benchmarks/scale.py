"""`python -m benchmarks scale`: how many calls one receiver carries, and what one more costs."""

import tempfile
import time
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

from benchmarks.clip import Clip
from benchmarks.json_file import check_writable
from benchmarks.plot_file import check_plot
from benchmarks.portrait_film import write_portrait_film
from benchmarks.result_file import write_result
from benchmarks.scale_report import figures_of, tables_of
from benchmarks.scale_run import (
    ScalePlan,
    ScaleRun,
    full_plan,
    quick_plan,
    run_calls,
    run_pictures,
)
from benchmarks.wire_actor import Actor, record_actors
from benchmarks.wire_track import RecordedTrack
from shared.errors import ArtifactError
from shared.face_model import FaceModel
from shared.generator import load_generator
from shared.shipped_generators import WARP, default_generator

_CLIPS = 4
"""Of a folder; calls take them in turn."""

_WIDTH = 160


def command(
    data: Annotated[
        Path | None, typer.Option(help="Folder of clips of faces; else the built-in portrait.")
    ] = None,
    bundle: Annotated[
        list[str] | None,
        typer.Option(help="Generator; may be given more than once. Else warp and the default."),
    ] = None,
    most_calls: Annotated[int, typer.Option(min=1, max=256, help="Where to stop.")] = 48,
    repeat: Annotated[
        int | None, typer.Option(min=1, help="Run everything so often; 2, quick 1.")
    ] = None,
    json_path: Annotated[Path | None, typer.Option("--json", metavar="FILE")] = None,
    plot: Annotated[Path | None, typer.Option(metavar="PNG")] = None,
    quick: Annotated[
        bool, typer.Option("--quick", help="One and two calls, about a minute: means little.")
    ] = False,
) -> None:
    """Calls added to one receiver until its pictures are late; then one picture by its size.

    Some 3 minutes a run on two cores, which should have nothing else to do: senders and viewers
    run on them too, and their own use is told apart. Calls send what was tracked before, over
    loopback. A step is the first too many when more than 5 % of its pictures are complete at
    their viewer later than 40 ms after they were due, or a call gets less than 24 of 25.
    """
    check_writable(json_path)
    check_plot(plot)
    names = tuple(dict.fromkeys(bundle or (WARP, default_generator())))
    for name in names:  # one that is none is told now, not after the others were measured
        load_generator(name).close()
    plan = quick_plan(names) if quick else full_plan(names, most_calls)
    started = time.monotonic()
    runs: list[ScaleRun] = []
    with (
        tempfile.TemporaryDirectory(prefix="kilocall-scale-") as folder,
        Progress(
            TextColumn("{task.description}"),
            BarColumn(),
            TextColumn("{task.percentage:3.0f} %"),
            TimeElapsedColumn(),
            refresh_per_second=2,
        ) as progress,
    ):
        model = FaceModel.load()
        actors, left_out = _actors(data, Path(folder), model, _bar(progress, "tracking"))
        for number in range(repeat or (1 if quick else 2)):
            runs.append(ScaleRun())
            label = "" if number == 0 else f" {number + 1}"
            run_calls(plan, actors, runs[-1], _bar(progress, f"calls{label}"))
            run_pictures(plan, actors[0], model, runs[-1], _bar(progress, f"pictures{label}"))
    played = "the built-in portrait" if data is None else f"clips of {data.name} ({len(actors)})"
    tables = tables_of(runs, plan=plan, played=played)
    console = Console(width=max(Console().width, _WIDTH))
    for table in tables:
        console.print(table.rich())
    for name, why in left_out.items():
        console.print(f"left out: {name}, {why}", soft_wrap=True, highlight=False)
    if json_path is not None:
        write_result(
            json_path,
            benchmark="scale",
            quick=quick,
            seconds=time.monotonic() - started,
            figures=figures_of(runs),
            tables=tables,
            details=_details(plan, runs, played, left_out),
        )
    if plot is not None:
        from benchmarks import scale_plot  # of an extra, and slow to load

        scale_plot.draw(runs, plot, quick=quick)
        console.print(f"{plot}", highlight=False)


def _actors(
    data: Path | None, folder: Path, model: FaceModel, on_progress: Callable[[float], None]
) -> tuple[list[Actor], dict[str, str]]:
    if data is not None:
        paths = sorted(data.glob("*.mp4"))
        if not paths:
            raise ArtifactError(f"{data}: no *.mp4 in it, a folder of clips is expected")
        return record_actors(paths, _CLIPS, model, on_progress)
    film = write_portrait_film(folder / "portrait.mp4")
    on_progress(0.3)
    actor = Actor(RecordedTrack.record(Clip.open(film), model), film, has_sound=True)
    on_progress(1.0)
    return [actor], {}


def _details(
    plan: ScalePlan, runs: list[ScaleRun], played: str, left_out: dict[str, str]
) -> dict[str, object]:
    return {
        "plan": asdict(plan),
        "played": played,
        "left_out": left_out,
        "runs": [asdict(run) for run in runs],
    }


def _bar(progress: Progress, name: str) -> Callable[[float], None]:
    task = progress.add_task(name, total=1.0)
    return lambda share: progress.update(task, completed=share)
