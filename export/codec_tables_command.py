"""`python -m export codec-tables`: trains the parameter codec's weights and tables from clips."""

import json
from pathlib import Path
from typing import Annotated

import numpy as np
import typer
from rich.console import Console

from export.codec_tables import (
    FittedClip,
    effect_products,
    encoder_fields,
    fit_clip,
    pixel_effects,
    steps_from_effects,
)
from export.landmarks import clip_paths, tracked_landmarks
from export.training.codec_training import train_codec
from shared.codec_tables import BITSTREAM_VERSION, TABLES_PATH
from shared.errors import ArtifactError
from shared.face_model import FaceModel
from shared.quantization import PARAMETER_QUANTIZERS, Precision

_LEAST_FRAMES = 25


def command(
    data: Annotated[Path, typer.Option(help="Folder of clips of faces, one face each.")],
    out: Annotated[Path, typer.Option(help="File to write.")] = TABLES_PATH,
    cache: Annotated[Path, typer.Option(help="Tracked landmarks are kept here.")] = Path(
        ".work/landmarks"
    ),
) -> None:
    """Train the parameter codec's tables, 5 minutes for 262 clips on one core.

    The committed file is what this makes of ../shared/faces/train: the same bytes each time on one
    machine. Prints the steps too, which stand in code as numbers.
    """
    console = Console(stderr=True)
    model = FaceModel.load()
    clips: list[FittedClip] = []
    for path in clip_paths(data):
        points = tracked_landmarks(path, cache)
        if len(points) >= _LEAST_FRAMES:
            clips.append(fit_clip(model, points))
    if not clips:
        raise ArtifactError(
            f"{data}: no clip with {_LEAST_FRAMES} frames of a face, clips of faces are expected"
        )
    wanted = steps_from_effects(pixel_effects(model, clips), Precision.STANDARD.budget_px)
    steps = PARAMETER_QUANTIZERS[Precision.STANDARD].steps
    differing = np.flatnonzero(wanted != steps).tolist()
    console.print(f"log2 of the steps: {np.log2(wanted).astype(int).tolist()}")
    console.print(f"parameters whose step in code differs: {differing or 'none'}")
    start = {
        "version": BITSTREAM_VERSION,
        **encoder_fields(effect_products(model, clips, steps)),
    }
    fields = train_codec(clips, start, report=console.print)
    out.write_text(json.dumps(fields, separators=(",", ":")) + "\n")
    console.print(f"{out}: {out.stat().st_size} bytes from {len(clips)} clips")
