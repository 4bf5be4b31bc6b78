"""`python -m benchmarks reconstruct`: a clip as the other side of a call would see it."""

import time
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Annotated

import typer

from benchmarks.clip import Clip, ClipWriter
from benchmarks.driving import (
    DrivingSource,
    FixedSource,
    PolicySource,
    TrackedClip,
    choose_references,
)
from benchmarks.json_file import check_writable, write_json
from benchmarks.offline_call import OfflineCall, RebuiltFrame
from shared.errors import ArtifactError, ConfigError
from shared.face_model import FaceModel
from shared.face_renderer import FaceRenderer
from shared.generator import load_generator
from shared.metrics import Metrics, Stage
from shared.parameters import Crop, Image


@dataclass(frozen=True, slots=True)
class ReconstructionReport:
    """What was done to a clip."""

    input: str
    output: str
    generator: str
    references: str
    """policy, or the frames that were told or chosen."""

    frames_in: int
    frames_out: int
    frames_repeated: int
    """Without a face or before the first reference: the picture before, or the first, again."""

    references_used: int
    crop_moves: int
    crop: str
    """Of the first picture: whole picture, or the window of the input that was rebuilt."""

    parameter_bytes_per_frame: float
    """Of the clip's frames, packed into messages as a call does; 0 with lossless parameters."""

    condition_ms: float
    generate_ms: float
    """Medians."""

    frames_per_second: float
    """Of the whole work, tracking and writing included."""


def reconstruct(
    clip: Clip,
    output: Path,
    source: DrivingSource,
    renderer: FaceRenderer,
    metrics: Metrics,
    *,
    references: str = "policy",
    lossless_parameters: bool = False,
) -> ReconstructionReport:
    """Rebuild every frame of `clip` into `output`, of the same length, times and sound.

    Raises ArtifactError when the clip shows no face, ConfigError when `output` is its file.
    """
    call = OfflineCall(renderer, lossless_parameters=lossless_parameters)
    size = renderer.generator.size
    start = time.monotonic()
    waiting: list[RebuiltFrame] = []
    shown = ""
    written = repeated = used = 0
    set_ids: set[int] = set()
    message_bytes = 0
    if output.resolve() == clip.path.resolve():
        raise ConfigError(f"{output} is the input, another file to write is expected")
    writer: ClipWriter | None = None
    try:
        for driving in source.play():
            rebuilt = call.show(driving)
            used += len(rebuilt.references)
            set_ids |= {reference.set_id for reference in rebuilt.references}
            repeated += rebuilt.parameters is None
            message_bytes += rebuilt.message_bytes
            if rebuilt.image is None:
                waiting.append(rebuilt)
                continue
            if writer is None:
                writer = ClipWriter(output, clip, width=size, height=size)
                writer.copy_audio()
                shown = _describe(rebuilt.crop, rebuilt.frame.image)
            for frame in (*waiting, rebuilt):
                writer.write(rebuilt.image, frame.frame)
                written += 1
            waiting.clear()
    except BaseException:
        if writer is not None:
            writer.discard()
        raise
    if writer is None:
        raise ArtifactError(f"{clip.path}: no face in {len(waiting)} frames, one is needed")
    writer.close()
    stages = metrics.snapshot().stages
    return ReconstructionReport(
        input=str(clip.path),
        output=str(output),
        generator=renderer.generator.name,
        references=references,
        frames_in=written,
        frames_out=written,
        frames_repeated=repeated,
        references_used=used,
        crop_moves=max(len(set_ids) - 1, 0),
        crop=shown,
        parameter_bytes_per_frame=message_bytes / written,
        condition_ms=stages[Stage.CONDITION].p50_ms,
        generate_ms=stages[Stage.GENERATE].p50_ms,
        frames_per_second=written / (time.monotonic() - start),
    )


def command(
    clip_path: Annotated[Path, typer.Argument(metavar="IN.mp4")],
    output: Annotated[Path, typer.Argument(metavar="OUT.mp4")],
    bundle: Annotated[str, typer.Option(help="Generator: warp, a name or a folder.")] = "warp",
    reference: Annotated[
        int | None, typer.Option(help="Only this frame as reference, from the start.")
    ] = None,
    references: Annotated[
        int | None, typer.Option(min=1, max=4, help="So many, chosen knowing the whole clip.")
    ] = None,
    lossless_parameters: Annotated[
        bool, typer.Option("--lossless-parameters", help="Leave the codec out.")
    ] = False,
    json_path: Annotated[Path | None, typer.Option("--json", metavar="FILE")] = None,
) -> None:
    """Rebuild a clip frame for frame; references by the sender's causal policy unless told."""
    if reference is not None and references is not None:
        raise ConfigError("--reference and --references, one of them is allowed")
    check_writable(json_path)
    clip, model, metrics = Clip.open(clip_path), FaceModel.load(), Metrics()
    renderer = FaceRenderer(model, load_generator(bundle), metrics)
    renderer.warm_up()
    metrics.reset()
    source: DrivingSource = PolicySource(clip, model)
    chosen = "policy"
    if reference is not None or references is not None:
        tracked = TrackedClip.track(clip)
        frames: tuple[int, ...] = () if reference is None else (reference,)
        if references is not None:
            frames = choose_references(tracked, model, references)
        source = FixedSource(tracked, model, frames)
        chosen = "frames " + ", ".join(str(frame) for frame in frames)
    report = reconstruct(
        clip,
        output,
        source,
        renderer,
        metrics,
        references=chosen,
        lossless_parameters=lossless_parameters,
    )
    typer.echo(
        f"{report.output}: {report.frames_out} frames by {report.generator}, "
        f"{report.references_used} references ({report.references}), {report.crop}"
    )
    if json_path is not None:
        write_json(json_path, asdict(report))


def _describe(crop: Crop | None, image: Image) -> str:
    height, width = image.shape[:2]
    if crop is None or crop.size == width == height:
        return "whole picture"
    return f"crop of {crop.size:g} pixels at ({crop.x:g}, {crop.y:g}) of {width} x {height}"
