"""The parameter codec on clips: bytes, error and time of a call without loss."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from time import perf_counter_ns

import numpy as np

from export.codec_calls import FRAME_MS, Way, bases_of_call, coded_frames
from export.codec_tables import FittedClip
from shared.codec import FaceDecoder, FaceEncoder
from shared.codec_tables import CODEC_TABLES, CodecTables, GapWeights
from shared.face_model import FaceModel
from shared.parameters import CROP_SIZE, FaceParameters
from shared.quantization import Precision
from shared.receiver_report import ReceiverReport

_PX = CROP_SIZE / 2
_ERROR_EVERY = 5
"""Frames between two whose error is measured."""


@dataclass(frozen=True, slots=True)
class CodecScores:
    """Over all clips, at 25 fps."""

    precision: str
    frames_per_message: int
    repeated: int
    """Frames of the message before that each message begins with."""

    predicted_bytes: float
    """Mean of a predicted message, header included."""

    predicted_bytes_p95: float
    intra_bytes: float
    intra_bytes_max: int
    payload_bps: float
    """Of all messages; no transport."""

    error_px: float
    """Mean distance that coding moves a vertex by, in x and y of a 256-pixel crop."""

    error_px_p95: float
    """Of frames' means."""

    encode_ms: float
    """Median of a frame, like `decode_ms`."""

    decode_ms: float


def measure_codec(
    model: FaceModel,
    clips: Sequence[FittedClip],
    way: Way,
    *,
    precision: Precision,
    frames_per_message: int,
    repeated: int = 0,
) -> CodecScores:
    """Send every clip through a lossless link; reports come back as the way has it."""
    predicted: list[int] = []
    intra: list[int] = []
    errors: list[float] = []
    encode_ns: list[float] = []
    decode_ns: list[float] = []
    for clip in clips:
        encoder, decoder = FaceEncoder(precision=precision), FaceDecoder()
        message_count = len(clip.frames) // frames_per_message
        bases = bases_of_call(message_count, frames_per_message, way)
        for number, base in enumerate(bases):
            if base is not None:
                report = ReceiverReport(base, held=0, delay_ms=0, transit_ms=0)
                encoder.acknowledge(report)
            first = number * frames_per_message
            again = min(repeated, first)
            frames = clip.frames[first - again : first + frames_per_message]
            begun_ns = perf_counter_ns()
            message = encoder.encode(frames, set_id=0, repeated=again)
            encoded_ns = perf_counter_ns()
            decoded = decoder.decode(message)
            decode_ns.append((perf_counter_ns() - encoded_ns) / len(decoded.frames))
            encode_ns.append((encoded_ns - begun_ns) / len(decoded.frames))
            (intra if decoded.intra else predicted).append(len(message))
            if number % _ERROR_EVERY == 0:
                errors.append(distance_px(model, clip, frames[-1], decoded.frames[-1]))
    seconds = (len(predicted) + len(intra)) * frames_per_message * FRAME_MS / 1e3
    return CodecScores(
        precision=precision.name.lower(),
        frames_per_message=frames_per_message,
        repeated=repeated,
        predicted_bytes=float(np.mean(predicted)),
        predicted_bytes_p95=float(np.percentile(predicted, 95)),
        intra_bytes=float(np.mean(intra)),
        intra_bytes_max=max(intra),
        payload_bps=8 * (sum(predicted) + sum(intra)) / seconds,
        error_px=float(np.mean(errors)),
        error_px_p95=float(np.percentile(errors, 95)),
        encode_ms=float(np.median(encode_ns)) / 1e6,
        decode_ms=float(np.median(decode_ns)) / 1e6,
    )


def distance_px(
    model: FaceModel, clip: FittedClip, sent: FaceParameters, shown: FaceParameters
) -> float:
    """Mean distance of a face's vertices in x and y, pixels of a 256-pixel crop."""
    moved = model.vertices(clip.neutral, shown) - model.vertices(clip.neutral, sent)
    return float(np.linalg.norm(moved[:, :2], axis=1).mean()) * _PX


@dataclass(frozen=True, slots=True)
class PartScores:
    """The codec with one of its parts left out; the rest as trained with it."""

    left_out: str
    first_frame_bits: float
    """Ideal length of the first frame of a message of two, from its base; no time, no header."""

    second_frame_bits: float
    error_px: float


def measure_parts(model: FaceModel, clips: Sequence[FittedClip], way: Way) -> list[PartScores]:
    """What each part of the codec saves, at the standard precision and two frames a message."""
    variants = {
        "nothing": CODEC_TABLES,
        "second order: velocity": _without(velocity=True),
        "return to the mean": _without(shrink=True),
        "residuals of earlier parameters": _without(cross=True),
        "activity": _without(activity=True),
        "spread of this frame's residuals": _without(spread=True),
        "choice of symbols by their price": replace(
            CODEC_TABLES,
            feedback=((),) * len(CODEC_TABLES.feedback),
            error_prices=(1e9,) * len(CODEC_TABLES.error_prices),
        ),
    }
    return [_part(model, clips, way, name, tables) for name, tables in variants.items()]


def _part(
    model: FaceModel, clips: Sequence[FittedClip], way: Way, name: str, tables: CodecTables
) -> PartScores:
    first: list[float] = []
    second: list[float] = []
    errors: list[float] = []
    for clip in clips:
        frames = coded_frames(clip, tables, Precision.STANDARD, frames_per_message=2, way=way)
        for number, frame in enumerate(frames):
            if frame.base is not None:
                (second if number % 2 else first).append(frame.bits)
            if number % _ERROR_EVERY == 0:
                errors.append(distance_px(model, clip, clip.frames[number], frame.parameters()))
    return PartScores(
        left_out=name,
        first_frame_bits=float(np.mean(first)),
        second_frame_bits=float(np.mean(second)),
        error_px=float(np.mean(errors)),
    )


def _without(
    *,
    velocity: bool = False,
    shrink: bool = False,
    cross: bool = False,
    activity: bool = False,
    spread: bool = False,
) -> CodecTables:
    def lame(weights: GapWeights) -> GapWeights:
        zeros = (0,) * len(weights.activity)
        return replace(
            weights,
            velocity=weights.velocity * (not velocity),
            shrink=weights.shrink * (not shrink),
            bias=weights.bias * (not shrink),
            cross=((),) * len(zeros) if cross else weights.cross,
            activity=zeros if activity else weights.activity,
            spread=zeros if spread else weights.spread,
        )

    return replace(CODEC_TABLES, predicted=tuple(map(lame, CODEC_TABLES.predicted)))
