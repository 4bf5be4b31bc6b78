"""`python -m benchmarks codec`: bytes, error and milliseconds of the parameter codec on clips."""

from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console
from rich.table import Table

from benchmarks.codec_scores import CodecScores, measure_codec, measure_parts
from benchmarks.json_file import check_writable, write_json
from benchmarks.machine import machine_facts
from benchmarks.repeat_trial import measure_repeats
from benchmarks.still_face import measure_still
from export.codec_calls import Way
from export.codec_tables import FittedClip, fit_clip
from export.landmarks import clip_paths, tracked_landmarks
from shared.errors import ArtifactError
from shared.face_model import FaceModel
from shared.limits import FRAMES_PER_MESSAGE_MAX
from shared.quantization import Precision

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

_LEAST_FRAMES = 25
_TABLE_WIDTH = 160


def command(
    data: Annotated[Path, typer.Option(help="Folder of clips of faces, one face each.")],
    report_interval_ms: Annotated[
        float, typer.Option(min=1, help="Between receiver reports.")
    ] = 330.0,
    round_trip_ms: Annotated[float, typer.Option(min=0, help="Of the link.")] = 60.0,
    parts: Annotated[
        bool, typer.Option(help="Also what each part of the codec saves, and repeats under loss.")
    ] = False,
    cache: Annotated[Path, typer.Option(help="Tracked landmarks are kept here.")] = Path(
        ".work/landmarks"
    ),
    json_path: Annotated[Path | None, typer.Option("--json", metavar="FILE")] = None,
) -> None:
    """Bytes, error and milliseconds of the parameter codec, and what a still face costs."""
    check_writable(json_path)
    model, way = FaceModel.load(), Way(report_interval_ms, round_trip_ms)
    paths = clip_paths(data)
    tracked = (tracked_landmarks(path, cache) for path in paths)
    clips = [fit_clip(model, points) for points in tracked if len(points) >= _LEAST_FRAMES]
    if not clips:
        raise ArtifactError(
            f"{data}: no clip with {_LEAST_FRAMES} frames of a face, clips of faces are expected"
        )
    console = Console(width=max(Console().width, _TABLE_WIDTH))
    rows = _rates(model, clips, way)
    _print(console, f"parameter codec, {len(clips)} clips", rows)
    still = [measure_still(model, paths)]
    _print(console, "a still face", still)
    saved = measure_parts(model, clips, way) if parts else []
    _print(console, "bits of a frame without one part, two frames a message", saved)
    repeats = measure_repeats(model, clips) if parts else []
    _print(console, "one frame a message under loss", repeats)
    if json_path is not None:
        report = {
            "machine": machine_facts().as_json(),
            "data": data.name,
            "report_interval_ms": report_interval_ms,
            "round_trip_ms": round_trip_ms,
            "rows": [asdict(row) for row in rows],
            "still": asdict(still[0]),
            "parts": [asdict(row) for row in saved],
            "repeats": [asdict(row) for row in repeats],
        }
        write_json(json_path, report)


def _rates(model: FaceModel, clips: Sequence[FittedClip], way: Way) -> list[CodecScores]:
    """The rate-error curve at each number of frames a message, and repeats."""
    rows = [
        measure_codec(model, clips, way, precision=precision, frames_per_message=count)
        for precision in Precision
        for count in range(1, FRAMES_PER_MESSAGE_MAX + 1)
    ]
    repeating = measure_codec(
        model, clips, way, precision=Precision.STANDARD, frames_per_message=1, repeated=1
    )
    return [*rows, repeating]


def _print(console: Console, title: str, rows: Sequence["DataclassInstance"]) -> None:
    if not rows:
        return
    table = Table(title=title)
    for name in asdict(rows[0]):
        table.add_column(name.replace("_", " "), justify="right")
    for row in rows:
        cells = asdict(row).values()
        table.add_row(*(value if isinstance(value, str) else f"{value:.4g}" for value in cells))
    console.print(table)
