"""The parameter codec's frequency tables: what was counted in each context, and before that."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from export.codec_calls import coded_frames
from export.codec_tables import FittedClip
from export.training.codec_transitions import USUAL_WAY
from shared.codec_tables import CodecTables
from shared.entropy import frequencies_of
from shared.quantization import Precision
from shared.symbol_model import FramePrediction

_TABLE_SCALES = tuple(2.0 ** (index / 2 - 5) for index in range(15))
_PRIOR_COUNT = 400.0
"""Residuals that the Laplace law counts for."""

_LARGEST_SCALES = 6.0
"""A table reaches this many scales."""


def laplace_weights(scale: float, offset: float) -> NDArray[np.float64]:
    """Of -largest .. largest and of what lies beyond, for a law whose place is `offset`."""
    largest = max(2, int(np.ceil(_LARGEST_SCALES * scale)))
    edges = np.arange(-largest, largest + 2) - 0.5 - offset
    below = np.where(edges < 0, 0.5 * np.exp(edges / scale), 1 - 0.5 * np.exp(-edges / scale))
    weights = np.diff(below)
    return np.append(weights, 1 - weights.sum())


def counted_tables(clips: Sequence[FittedClip], tables: CodecTables) -> list[list[list[int]]]:
    """Frequencies in each context of what these tables' encoder codes."""
    counts = [
        [laplace_weights(scale, quarter / 4) * _PRIOR_COUNT for quarter in range(3)]
        for scale in _TABLE_SCALES
    ]
    contexts = {
        id(entry.table): counted
        for entries, row in zip(tables.tables, counts, strict=True)
        for entry, counted in zip(entries, row, strict=True)
    }
    precision = Precision.STANDARD
    for clip in clips:
        for frames_per_message in (1, 2, 3):
            for frame in coded_frames(
                clip, tables, precision, frames_per_message=frames_per_message, way=USUAL_WAY
            ):
                prediction = FramePrediction(frame.base, precision, frame.gap_ms, tables)
                for index in tables.order:
                    choice = prediction.choice(index)
                    residual = int(frame.residuals[index])
                    value = residual - choice.centre
                    if choice.shift:
                        value = value + (1 << choice.shift - 1) >> choice.shift
                    elif choice.is_mirrored:
                        value = -value
                    counted = contexts[id(choice.table)]
                    slot = value + choice.table.largest
                    inside = 0 <= slot < len(counted) - 1
                    counted[slot if inside else -1] += 1
                    prediction.settle(index, residual)
    return [
        [frequencies_of(np.ceil(weights * 64).astype(int).tolist()) for weights in row]
        for row in counts
    ]


def laplace_tables() -> list[list[list[int]]]:
    """Frequencies in each context before anything was counted."""
    return [
        [
            frequencies_of(
                np.ceil(laplace_weights(scale, quarter / 4) * 2**24).astype(int).tolist()
            )
            for quarter in range(3)
        ]
        for scale in _TABLE_SCALES
    ]
