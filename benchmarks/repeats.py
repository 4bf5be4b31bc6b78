"""`python -m benchmarks repeats`: whether frames sent twice pay, by loss."""

from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from benchmarks.fitted_clips import fitted_clips
from benchmarks.json_file import check_writable, write_json
from benchmarks.machine import machine_facts
from benchmarks.repeat_trial import measure_repeats
from benchmarks.score_table import print_scores
from shared.face_model import FaceModel


def command(
    data: Annotated[Path, typer.Option(help="Folder of clips of faces, one face each.")],
    cache: Annotated[Path, typer.Option(help="Tracked landmarks are kept here.")] = Path(
        ".work/landmarks"
    ),
    json_path: Annotated[Path | None, typer.Option("--json", metavar="FILE")] = None,
) -> None:
    """Bytes of a message and error shown, by loss: each frame sent once, finer, or twice."""
    check_writable(json_path)
    model = FaceModel.load()
    clips, left_out = fitted_clips(model, data, cache)
    rows = measure_repeats(model, clips)
    print_scores(f"one frame a message under loss, {len(clips)} clips", rows)
    if json_path is not None:
        report = {
            "machine": machine_facts().as_json(),
            "data": data.name,
            "clips": len(clips),
            "left_out": left_out,
            "rows": [asdict(row) for row in rows],
        }
        write_json(json_path, report)
