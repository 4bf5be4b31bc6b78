"""Clips through the classic codecs and through Kilocall, in parallel processes."""

from collections.abc import Generator, Sequence
from concurrent.futures import Future, as_completed
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import TypeVar

import numpy as np

from benchmarks.classic_codec import Codec, missing
from benchmarks.classic_codec_rates import RateCurve, rate_curve
from benchmarks.clip import Clip
from benchmarks.clip_workers import clip_workers
from benchmarks.driving import PolicySource
from benchmarks.machine import usable_cores
from benchmarks.offline_call import OfflineCall
from benchmarks.picture_metrics import peak_signal_to_noise
from benchmarks.structural_similarity import structural_similarity
from benchmarks.wire_track import LEAST_FRAMES
from sender.crop_image import crop_image
from shared.errors import ArtifactError
from shared.face_model import FaceModel
from shared.face_renderer import FaceRenderer
from shared.generator import load_generator
from shared.parameters import CROP_SIZE

_EVERY = 5
"""Pictures of a clip between two that are compared, as for the codecs."""

_SECONDS_A_PICTURE = 0.55
"""Of one core's time, for all codecs and rates."""

_Result = TypeVar("_Result")


@dataclass(frozen=True, slots=True)
class CodecCell:
    """A codec under one wire rate: means over the clips for which it fits."""

    clips: int
    psnr_db: float | None
    """None for no clip, like the others."""

    ssim: float | None
    wire_bps: float | None
    fps: float | None
    scale: float | None
    """Of each side of the picture."""

    floor_bps: float
    """Median over all clips of the least rate that it reaches."""


@dataclass(frozen=True, slots=True)
class CodecResult:
    """A codec's row."""

    codec: Codec
    cells: dict[int, CodecCell]
    """By total wire rate in bit/s."""

    first_picture_bytes: float | None
    """Mean over clips and rates; not counted in the rates."""

    why: str | None
    """What is lacking for the codec or failed with single clips."""


@dataclass(frozen=True, slots=True)
class RebuiltResult:
    """Kilocall's own row: pictures of an offline call with the sender's own references."""

    generator: str
    clips: int
    psnr_db: float | None
    ssim: float | None
    why: str | None


@dataclass(frozen=True, slots=True)
class PictureResults:
    """Everything on pictures."""

    codecs: tuple[CodecResult, ...]
    rebuilt: RebuiltResult


def estimated_seconds(clips: int, most_pictures: int) -> float:
    """Roughly, as seen; of `run_codecs` at seven rates."""
    return clips * most_pictures * _SECONDS_A_PICTURE / usable_cores()


def run_codecs(
    clips: Sequence[Path],
    wire_rates_bps: Sequence[int],
    generator: str,
    *,
    most_pictures: int,
) -> Generator[tuple[float, PictureResults], None, None]:
    """All clips through all codecs; a clip or codec that fails is named in the result.

    `most_pictures` of each clip, from its start. Yields, after each clip that is through one
    codec, the share of the work that is over and its results so far.
    """
    lacking = {codec: missing(codec) for codec in Codec}
    with clip_workers() as pool:
        rebuilt = {clip: pool.submit(_rebuilt, clip, generator, most_pictures) for clip in clips}
        curves: dict[Codec, dict[Path, Future[RateCurve]]] = {codec: {} for codec in Codec}
        for clip in clips:
            for codec in Codec:
                if lacking[codec] is None:
                    curves[codec][clip] = pool.submit(
                        _curve, codec, clip, tuple(wire_rates_bps), most_pictures
                    )
        everything: list[Future[RateCurve] | Future[tuple[float, float]]] = [
            *(future for of_codec in curves.values() for future in of_codec.values()),
            *rebuilt.values(),
        ]
        for done, _ in enumerate(as_completed(everything), start=1):
            codecs = tuple(
                CodecResult(codec, {}, None, why)
                if (why := lacking[codec]) is not None
                else _codec_result(codec, wire_rates_bps, *gathered(curves[codec]))
                for codec in Codec
            )
            own = _rebuilt_result(generator, *gathered(rebuilt))
            yield done / len(everything), PictureResults(codecs, own)


def gathered(futures: dict[Path, Future[_Result]]) -> tuple[list[_Result], str | None]:
    """What came of the clips that are done, and what did not."""
    results, why = gathered_by_clip(futures)
    return list(results.values()), why


def gathered_by_clip(
    futures: dict[Path, Future[_Result]],
) -> tuple[dict[str, _Result], str | None]:
    """The same by name of the clip."""
    results: dict[str, _Result] = {}
    failures = []
    for clip, future in futures.items():
        if not future.done():
            continue
        if (error := future.exception()) is None:
            results[clip.stem] = future.result()
        else:
            failures.append(f"{clip.stem}: {error}")
    return results, "; ".join(failures) or None


def _curve(
    codec: Codec, path: Path, wire_rates_bps: tuple[int, ...], most_pictures: int
) -> RateCurve:
    clip = Clip.open(path)
    pictures = [frame.image for frame in islice(clip.frames(), most_pictures)]
    if len(pictures) < LEAST_FRAMES:
        raise ArtifactError(f"{len(pictures)} frames, at least {LEAST_FRAMES} are needed")
    return rate_curve(codec, pictures, clip.rate, wire_rates_bps=wire_rates_bps)


def _rebuilt(path: Path, generator: str, most_pictures: int) -> tuple[float, float]:
    """Mean PSNR and SSIM over pictures with a face."""
    model = FaceModel.load()
    call = OfflineCall(FaceRenderer(model, load_generator(generator)))
    scores = []
    for driving in islice(PolicySource(Clip.open(path), model).play(), most_pictures):
        image = call.show(driving).image
        if driving.frame.index % _EVERY or driving.parameters is None:
            continue
        if image is None or driving.crop is None:
            continue
        truth = crop_image(driving.frame.image, driving.crop, CROP_SIZE)
        scores.append(
            (peak_signal_to_noise(image, truth), structural_similarity(image, truth).ssim)
        )
    if not scores:
        raise ArtifactError("no face that could be rebuilt")
    psnr, ssim = np.mean(scores, axis=0)
    return float(psnr), float(ssim)


def _rebuilt_result(
    generator: str, pictures: list[tuple[float, float]], why: str | None
) -> RebuiltResult:
    return RebuiltResult(
        generator=generator,
        clips=len(pictures),
        psnr_db=_mean([psnr for psnr, _ in pictures]),
        ssim=_mean([ssim for _, ssim in pictures]),
        why=why,
    )


def _codec_result(
    codec: Codec, wire_rates_bps: Sequence[int], curves: list[RateCurve], why: str | None
) -> CodecResult:
    if not curves:
        return CodecResult(codec, {}, None, why or "no clip is through yet")
    floor = float(np.median([curve.floor_bps for curve in curves]))
    cells = {}
    for rate in wire_rates_bps:
        points = [point for curve in curves if (point := curve.points[rate]) is not None]
        cells[rate] = CodecCell(
            clips=len(points),
            psnr_db=_mean([point.psnr_db for point in points]),
            ssim=_mean([point.ssim for point in points]),
            wire_bps=_mean([point.wire_bps for point in points]),
            fps=_mean([point.fps for point in points]),
            scale=_mean([point.scale for point in points]),
            floor_bps=floor,
        )
    firsts = [
        point.first_picture_bytes
        for curve in curves
        for point in curve.points.values()
        if point is not None
    ]
    return CodecResult(codec, cells, _mean(firsts), why)


def _mean(values: Sequence[float]) -> float | None:
    return float(np.mean(values)) if values else None
