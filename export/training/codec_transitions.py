"""What the parameter codec's context weights are trained on: what calls code of fitted clips."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray

from export.codec_calls import Way, coded_frames
from export.codec_tables import FittedClip
from shared.codec_tables import CodecTables
from shared.entropy import RangeEncoder
from shared.quantization import SYMBOL_COUNT, Precision, parameters_in_steps
from shared.residual_coder import encode_frame
from shared.symbol_model import FrameState

USUAL_WAY = Way(330, 60)
_WAYS = (USUAL_WAY, Way(160, 60), Way(330, 250), Way(1000, 60))


@dataclass(frozen=True, slots=True, eq=False)
class Transitions:
    """What was coded, N frames: float32 but where said."""

    residuals: torch.Tensor
    """(N, SYMBOL_COUNT)."""

    symbols: torch.Tensor
    """Of the frames that were predicted from; zeros for intra."""

    velocities: torch.Tensor
    """Symbols per 40 ms."""

    activities: torch.Tensor
    classes: torch.Tensor
    """(N,) int64, of gaps."""

    precisions: torch.Tensor
    """(N,) int64."""


def transitions(clips: Sequence[FittedClip], tables: CodecTables) -> Transitions:
    """Of the clips at each number of frames a message and each delay; each precision in turn."""
    rows = []
    for number, clip in enumerate(clips):
        for frames_per_message in (1, 2, 3):
            for way in _WAYS:
                precision = Precision.STANDARD
                if (number + frames_per_message) % 2:
                    precision = Precision(number // 2 % len(Precision))
                for frame in coded_frames(
                    clip, tables, precision, frames_per_message=frames_per_message, way=way
                ):
                    if frame.base is not None:
                        row = _row(frame.base, frame.gap_ms, frame.residuals)
                        rows.append(row)
    return _stack(rows)


def intra_frames(clips: Sequence[FittedClip], tables: CodecTables) -> Transitions:
    """Every fifth frame of the clips coded from nothing, each precision in turn."""
    rows = []
    zeros = np.zeros(SYMBOL_COUNT, np.int64)
    for clip in clips:
        for number, frame in enumerate(clip.frames[::5]):
            precision = Precision(number % len(Precision))
            goal = parameters_in_steps(frame, precision)
            symbols = encode_frame(RangeEncoder(), goal, None, precision=precision, tables=tables)
            nothing = FrameState(zeros.astype(np.int32), zeros, zeros, precision)
            rows.append(_row(nothing, 0, symbols))
    return _stack(rows)


def _row(
    state: FrameState, gap_ms: int, residuals: NDArray[np.int32]
) -> tuple[NDArray, NDArray, NDArray, NDArray, int, int]:
    gap_class = CodecTables.gap_class(gap_ms)
    velocity, activity = state.velocity / 64, state.activity / 256
    return residuals, state.symbols, velocity, activity, gap_class, int(state.precision)


def _stack(rows: Sequence[tuple[NDArray, NDArray, NDArray, NDArray, int, int]]) -> Transitions:
    columns = list(zip(*rows, strict=True))
    wide = [torch.tensor(np.array(column), dtype=torch.float32) for column in columns[:4]]
    residuals, symbols, velocities, activities = wide
    return Transitions(
        residuals,
        symbols,
        velocities,
        activities,
        torch.tensor(columns[4]),
        torch.tensor(columns[5]),
    )
