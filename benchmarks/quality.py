"""`python -m benchmarks quality`: how like the rebuilt pictures are to the true ones."""

from collections.abc import Sequence
from dataclasses import asdict, fields
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from benchmarks.clip import Clip
from benchmarks.clip_scores import ClipScores, Scores, mean_scores, measure_clip
from benchmarks.contact_sheet import ContactSheet
from benchmarks.driving import (
    DrivingSource,
    FixedSource,
    PolicySource,
    TrackedClip,
    choose_references,
    first_face,
)
from benchmarks.identity_similarity import IdentityNetwork
from benchmarks.json_file import check_writable, write_json
from benchmarks.machine import machine_facts
from benchmarks.still import StillGenerator
from shared.errors import ArtifactError
from shared.face_model import FaceModel
from shared.face_renderer import FaceRenderer
from shared.generator import Generator, load_generator
from shared.metrics import Metrics
from shared.shipped_generators import WARP


class ReferenceChoice(StrEnum):
    """Where references come from."""

    FIRST = "first"
    """The first frame with a face, from the start."""

    ONE = "1"
    """The frame nearest to all others, known from the future."""

    FOUR = "4"
    """The four that together lie nearest to all others."""

    POLICY = "policy"
    """The sender's own: causal, within its byte budget."""


def reference_source(choice: ReferenceChoice, clip: Clip, model: FaceModel) -> DrivingSource:
    """The clip played with references of that choice."""
    if choice is ReferenceChoice.POLICY:
        return PolicySource(clip, model)
    tracked = TrackedClip.track(clip)
    frames: tuple[int, ...] = (first_face(tracked),)
    if choice is not ReferenceChoice.FIRST:
        frames = choose_references(tracked, model, int(choice.value))
    return FixedSource(tracked, model, frames)


def command(
    data: Annotated[Path, typer.Option(help="A clip, or a folder of clips.")],
    bundle: Annotated[
        list[str] | None, typer.Option(help="Generators beside `still`; may be repeated.")
    ] = None,
    references: Annotated[ReferenceChoice, typer.Option()] = ReferenceChoice.POLICY,
    every: Annotated[int, typer.Option(min=1, help="Measure each so many-th frame.")] = 5,
    identity_weights: Annotated[
        Path | None, typer.Option(help="MobileFaceNet as .npz, for CSIM.")
    ] = None,
    lossless_parameters: Annotated[bool, typer.Option("--lossless-parameters")] = False,
    json_path: Annotated[Path | None, typer.Option("--json", metavar="FILE")] = None,
    sheet_path: Annotated[
        Path | None, typer.Option("--contact-sheet", help="PNG of each clip's worst frame.")
    ] = None,
) -> None:
    """Still reference against generators: L1, PSNR, SSIM, AKD, CSIM and sharpness, clip by clip."""
    check_writable(json_path)
    clips = [Clip.open(path) for path in _clip_paths(data)]
    model, metrics = FaceModel.load(), Metrics()
    identity = None if identity_weights is None else IdentityNetwork(identity_weights)
    generators: list[Generator] = [StillGenerator()]
    generators += [load_generator(name) for name in bundle or [WARP]]
    renderers = [FaceRenderer(model, generator, metrics) for generator in generators]
    for renderer in renderers:
        renderer.warm_up()
    sheet = None if sheet_path is None else ContactSheet()
    rows: list[ClipScores] = []
    for clip in clips:
        source = reference_source(references, clip, model)
        scores = measure_clip(
            source,
            renderers,
            every=every,
            identity=identity,
            sheet=sheet,
            lossless_parameters=lossless_parameters,
        )
        for generator, one in zip(generators, scores, strict=True):
            rows.append(ClipScores(clip.path.stem, generator.name, one))
        typer.echo(f"{clip.path.stem}: {_text(scores[-1])}", err=True)
        if sheet is not None:
            sheet.end_clip()
    means = [
        ClipScores("mean", name, mean_scores([row.scores for row in rows if row.generator == name]))
        for name in dict.fromkeys(generator.name for generator in generators)
    ]
    _print_table([*rows, *means])
    if sheet is not None and sheet_path is not None:
        sheet.save(sheet_path)
    if json_path is not None:
        report = {
            "machine": machine_facts().as_json(),
            "references": references.value,
            "every": every,
            "lossless_parameters": lossless_parameters,
            "clips": [asdict(row) for row in rows],
            "means": [asdict(row) for row in means],
        }
        write_json(json_path, report)


def _clip_paths(data: Path) -> list[Path]:
    paths = sorted(data.glob("*.mp4")) if data.is_dir() else [data]
    if not paths:
        raise ArtifactError(f"{data}: no *.mp4 in it, a clip or a folder of clips is expected")
    return paths


def _print_table(rows: Sequence[ClipScores]) -> None:
    names = [field.name for field in fields(Scores)]
    table = Table("clip", "generator", *names)
    for row in rows:
        values = [getattr(row.scores, name) for name in names]
        table.add_row(row.clip, row.generator, *map(_number, values))
    Console(width=160).print(table)


def _number(value: float) -> str:
    return str(value) if isinstance(value, int) else f"{value:.3f}"


def _text(scores: Scores) -> str:
    return ", ".join(f"{name} {_number(value)}" for name, value in asdict(scores).items())
