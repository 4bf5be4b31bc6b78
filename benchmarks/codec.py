"""`python -m benchmarks codec`: bytes, error and milliseconds of the parameter codec on clips."""

import time
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from benchmarks.codec_scores import CodecScores, measure_codec, measure_parts
from benchmarks.fitted_clips import fitted_clips
from benchmarks.json_file import check_writable
from benchmarks.score_table import print_scores
from benchmarks.single_run import write_single_run
from benchmarks.still_face import measure_still
from export.codec_calls import Way
from export.codec_tables import FittedClip
from export.landmarks import clip_paths
from shared.face_model import FaceModel
from shared.limits import FRAMES_PER_MESSAGE_MAX
from shared.quantization import Precision

_QUICK_CLIPS = 2


def command(
    data: Annotated[Path, typer.Option(help="Folder of clips of faces, one face each.")],
    report_interval_ms: Annotated[
        float, typer.Option(min=1, help="Between receiver reports.")
    ] = 330.0,
    round_trip_ms: Annotated[float, typer.Option(min=0, help="Of the link.")] = 60.0,
    parts: Annotated[bool, typer.Option(help="Also what each part of the codec saves.")] = False,
    cache: Annotated[Path, typer.Option(help="Tracked landmarks are kept here.")] = Path(
        ".work/landmarks"
    ),
    quick: Annotated[
        bool, typer.Option("--quick", help="Two clips: the numbers mean little.")
    ] = False,
    json_path: Annotated[Path | None, typer.Option("--json", metavar="FILE")] = None,
) -> None:
    """Bytes, error and milliseconds of the parameter codec, and what a still face costs."""
    check_writable(json_path)
    begun = time.monotonic()
    model, way = FaceModel.load(), Way(report_interval_ms, round_trip_ms)
    most = _QUICK_CLIPS if quick else None
    clips, left_out = fitted_clips(model, data, cache, most=most)
    rows = _rates(model, clips, way)
    print_scores(f"parameter codec, {len(clips)} clips", rows)
    still = [measure_still(model, clip_paths(data)[:most])]
    print_scores("a still face", still)
    saved = measure_parts(model, clips, way) if parts else []
    print_scores("bits of a frame without one part, two frames a message", saved)
    if json_path is not None:
        details = {
            "data": data.name,
            "left_out": left_out,
            "report_interval_ms": report_interval_ms,
            "round_trip_ms": round_trip_ms,
            "rows": [asdict(row) for row in rows],
            "still": asdict(still[0]),
            "parts": [asdict(row) for row in saved],
        }
        write_single_run(json_path, "codec", details, quick=quick, seconds=time.monotonic() - begun)


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
