"""`python -m benchmarks rate-distortion`: Kilocall's pictures beside codecs at equal wire rate."""

import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

from benchmarks.classic_codec import CODECS
from benchmarks.identity_similarity import IdentityNetwork
from benchmarks.identity_weights import find_identity_weights
from benchmarks.json_file import check_writable
from benchmarks.machine import machine_facts, usable_cores
from benchmarks.plot_file import check_plot
from benchmarks.rate_distortion_calls import USUAL, CallResults, CallSize, make_calls
from benchmarks.rate_distortion_figures import figures
from benchmarks.rate_distortion_jobs import ClipJob
from benchmarks.rate_distortion_pictures import PictureRun, run_pictures
from benchmarks.rate_distortion_result import PictureMeans
from benchmarks.rate_distortion_sheet import save_sheet
from benchmarks.rate_distortion_tables import tables
from benchmarks.result_file import write_result
from benchmarks.wire_actor import record_actors
from benchmarks.wire_lane import why_no_tun_link
from benchmarks.wire_track import LEAST_FRAMES
from shared.errors import ArtifactError, ConfigError
from shared.face_model import FaceModel
from shared.generator import load_generator
from shared.shipped_generators import WARP, default_generator

_TABLE_WIDTH = 200
_SECONDS_A_PICTURE = 0.95
"""Of one core's time, as seen: all codecs, rates and measures."""

_AGAIN = 0.35
"""Share of it that a further run takes: it searches no quantizers."""

_CALL_SECONDS = 6.0
"""Of each call: opening, settling, the end."""


@dataclass(frozen=True, slots=True)
class _Plan:
    """How much is measured."""

    clips: int | None
    """None: all."""

    pictures: int
    """Of each clip, from its start."""

    wire_rates_bps: tuple[int, ...]
    callers: int
    """Clips that are called with, in each way once."""

    calls: CallSize


_FULL = _Plan(
    clips=None,
    pictures=100,
    wire_rates_bps=(8_000, 12_000, 20_000, 30_000, 40_000, 60_000, 100_000),
    callers=6,
    calls=CallSize(seconds=8.0, lanes=4),
)
_QUICK = _Plan(
    clips=2,
    pictures=50,
    wire_rates_bps=(12_000, 30_000, 60_000),
    callers=1,
    calls=CallSize(seconds=4.0, lanes=2),
)


def command(
    data: Annotated[Path, typer.Option(help="Folder of clips of faces, one face each.")],
    bundle: Annotated[
        str, typer.Option(help="Generator of Kilocall's pictures; warp is always beside it.")
    ] = default_generator(),
    every: Annotated[
        int, typer.Option(min=1, help="Networks look at each so many-th instant.")
    ] = 7,
    pictures: Annotated[
        int | None,
        typer.Option(
            min=LEAST_FRAMES, help="Of each clip, from its start; 100, or 50 with --quick."
        ),
    ] = None,
    identity_weights: Annotated[
        Path | None, typer.Option(help="MobileFaceNet as .npz, for CSIM; else KILOCALL_DATA's.")
    ] = None,
    repeat: Annotated[
        int | None, typer.Option(min=1, help="Runs; 2 unless told, 1 with --quick.")
    ] = None,
    quick: Annotated[
        bool,
        typer.Option("--quick", help="Two clips of 2 s, about 75 s: the numbers mean little."),
    ] = False,
    json_path: Annotated[Path | None, typer.Option("--json", metavar="FILE")] = None,
    plot: Annotated[
        Path | None, typer.Option(metavar="PNG", help="A plot for each measure.")
    ] = None,
    sheet_path: Annotated[
        Path | None, typer.Option("--contact-sheet", metavar="PNG", help="Pictures to look at.")
    ] = None,
) -> None:
    """Kilocall against x264, VP8, VP9 and AV1 at total wire rates (docs/rate_distortion.md).

    Some 20 minutes on two cores. Clips go through real calls for the rate, and through the
    generators and the codecs for the picture, all of them from the same crops of 256 x 256.
    """
    for path in (json_path, sheet_path):
        check_writable(path)
    check_plot(plot)
    if every % 2 == 0 or every % 3 == 0:
        raise ConfigError(
            f"--every {every}, a number that neither 2 nor 3 divides is allowed: codecs that show "
            "each second or third picture would be seen at fresh ones only"
        )
    plan = _QUICK if quick else _FULL
    plan = replace(plan, pictures=pictures or plan.pictures)
    runs = repeat or (1 if quick else 2)
    paths = _chosen(data, plan.clips)
    weights = find_identity_weights(identity_weights)
    if weights is not None:
        IdentityNetwork(weights)  # what is wrong with it is said before the work
    generators = tuple(dict.fromkeys((bundle, WARP)))
    for name in generators:
        load_generator(name).close()
    jobs = [ClipJob(path, plan.pictures, every, weights) for path in paths]
    console = Console()
    console.print(f"about {_minutes(plan, len(paths), runs):.0f} minutes", highlight=False)
    begun = time.monotonic()
    calls, found = _run(plan, jobs, generators, runs, console)
    last_calls, last_pictures = calls[-1], found[-1]
    made = tables(last_calls, last_pictures)
    if json_path is not None:
        write_result(
            json_path,
            benchmark="rate-distortion",
            quick=quick,
            seconds=time.monotonic() - begun,
            figures=figures(calls, found),
            tables=made,
            details={
                "clips": list(last_pictures.run.rebuilt),
                "pictures": plan.pictures,
                "every": every,
                "codec_settings": {codec.value: one.describe() for codec, one in CODECS.items()},
            },
        )
    wide = Console(width=max(console.width, _TABLE_WIDTH))
    for table in made:
        wide.print(table.rich())
    own = last_calls.rates[USUAL]
    if sheet_path is not None:
        own_bps = plan.wire_rates_bps[0] if own is None else own.total_bps
        save_sheet(last_pictures.run, own_bps, sheet_path)
    if plot is not None:
        from benchmarks import rate_distortion_plot  # of an extra, and slow to load

        facts = machine_facts()
        note = f"{facts.commit}, {facts.date[:10]}{'; QUICK, means little' if quick else ''}"
        rate_distortion_plot.draw(last_calls, last_pictures, note, plot)


def _run(
    plan: _Plan, jobs: list[ClipJob], generators: tuple[str, ...], runs: int, console: Console
) -> tuple[list[CallResults], list[PictureMeans]]:
    model = FaceModel.load()
    lacking = why_no_tun_link()
    if lacking is not None:
        console.print(f"{lacking}: a UDP relay instead", soft_wrap=True)
    pictures: list[PictureMeans] = []
    with Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        TextColumn("{task.percentage:3.0f} %"),
        TimeElapsedColumn(),
        console=console,
        refresh_per_second=2,
    ) as progress:
        tracking = _bar(progress, "tracking")
        called = [_bar(progress, f"calls, run {number}") for number in range(1, runs + 1)]
        shown = [_bar(progress, f"pictures, run {number}") for number in range(1, runs + 1)]
        actors, _ = record_actors([job.path for job in jobs], plan.callers, model, tracking)
        calls = [
            make_calls(actors, model, plan.calls, with_tun=lacking is None, on_done=on_done)
            for on_done in called
        ]
        earlier: PictureRun | None = None
        for on_done in shown:
            earlier = run_pictures(
                jobs, generators, plan.wire_rates_bps, earlier=earlier, on_done=on_done
            )
            pictures.append(PictureMeans(earlier, plan.wire_rates_bps))
    return calls, pictures


def _chosen(data: Path, count: int | None) -> list[Path]:
    """All clips of a folder, or so many spread over it. Raises ArtifactError for none."""
    paths = sorted(data.glob("*.mp4"))
    if not paths:
        raise ArtifactError(f"{data}: no *.mp4 in it, a folder of clips is expected")
    return paths if count is None else paths[:: max(len(paths) // count, 1)][:count]


def _minutes(plan: _Plan, clips: int, runs: int) -> float:
    """Roughly, as seen."""
    work = clips * plan.pictures * _SECONDS_A_PICTURE / usable_cores()
    call = (plan.calls.seconds + _CALL_SECONDS) * -(-4 * plan.callers // plan.calls.lanes)
    return (work * (1 + _AGAIN * (runs - 1)) + call * runs) / 60 + 0.3


def _bar(progress: Progress, name: str) -> Callable[[float], None]:
    task = progress.add_task(name, total=1.0)
    return lambda share: progress.update(task, completed=share)
