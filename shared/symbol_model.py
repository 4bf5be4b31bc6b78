"""How likely each symbol of a frame is, given what both ends know; integers only.

For every symbol a place mu and a scale b, from which a table follows (`shared.codec_tables`):

    mu = velocity_w v + shrink_w q + bias + sum over this frame's earlier residuals d: cross_w d
    log2 b = scale + activity_w log2 a + spread_w log2 f

q the symbol in the frame that is predicted from, v its velocity and a its mean change lately
there, f how much larger than their scales the residuals of this frame have been so far. The
weights depend on the time to that frame by half octaves. A velocity weight is the damping of a
second-order prediction: about 1 for the translation, near 0 for what the tracker's noise moves.
Context depends on nothing but the frame that is predicted from, so no lost message harms it.

Fixed point: mu in 1/1024 symbol, velocities in 1/64 symbol per 40 ms, activities in 1/256 symbol,
logarithms in 1/16 octave, their weights in 1/64; >> and // round down.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from shared.codec_tables import CODEC_TABLES, CodecTables, log2_16
from shared.entropy import SignedTable
from shared.frame_kernels import (
    ACTIVITY_OFFSET,
    PLACE_MAX,
    RATIO_MAX,
    RATIO_ONE,
    RATIO_PRIOR,
    SCALE_INDEX_MAX,
    SHIFTED_FROM,
    advance,
)
from shared.quantization import SYMBOL_COUNT, Precision, Symbols

IntArray = NDArray[np.int64]

RECIPROCALS = tuple(
    (RATIO_ONE << 12) // ((1 << (index + 2) // 2) * (91 if index % 2 else 64) // 64 + 6)
    for index in range(SCALE_INDEX_MAX + 1)
)
"""64 * 4096 / (64 b + 6) by scale index."""


@dataclass(frozen=True, slots=True, eq=False)
class FrameState:
    """What a prediction may use of an earlier frame; (SYMBOL_COUNT,) each."""

    symbols: Symbols
    velocity: IntArray
    """1/64 symbol per 40 ms."""

    activity: IntArray
    """Mean magnitude of the residual of a 40 ms prediction, lately, in 1/256 symbol."""

    precision: Precision

    @classmethod
    def intra(
        cls, symbols: Symbols, precision: Precision, tables: CodecTables = CODEC_TABLES
    ) -> "FrameState":
        """Of a frame before which nothing is known."""
        activity = tables.start_activity * 2 >> precision
        return cls(symbols, np.zeros(SYMBOL_COUNT, np.int64), activity, precision)

    def next(self, residuals: Symbols, interval_ms: int) -> "FrameState":
        """Of the frame `interval_ms` >= 1 later whose symbols are these plus `residuals`."""
        norm = CodecTables.gap_norm(interval_ms)
        symbols, velocity, activity = advance(
            residuals, self.symbols, self.activity, interval_ms, norm
        )
        return FrameState(symbols, velocity, activity, self.precision)


@dataclass(slots=True)
class SymbolChoice:
    """Where one residual is coded: `table` for (residual - centre), mirrored or shifted."""

    table: SignedTable
    costs: tuple[int, ...]
    """Of -largest .. largest of the table, in 1/64 bits."""

    centre: int
    is_mirrored: bool
    shift: int
    """Low bits that are coded as they are."""


class FramePrediction:
    """The running context of one frame: `choice` of a symbol, then `settle` it, in order."""

    def __init__(
        self,
        base: FrameState | None,
        precision: Precision,
        interval_ms: int,
        tables: CodecTables = CODEC_TABLES,
    ) -> None:
        """`base`: the frame that is predicted from, `interval_ms` ago; None: intra."""
        self._tables = tables.tables
        weights = tables.intra if base is None else tables.predicted[tables.gap_class(interval_ms)]
        self._weights = weights
        bias = weights.bias * 2 >> precision
        if base is None:
            self._places: list[int] = bias.tolist()
            logs = [0] * SYMBOL_COUNT
        else:
            places = (weights.velocity * base.velocity >> 6) + weights.shrink * base.symbols + bias
            self._places = places.tolist()
            logs = [log2_16(value + ACTIVITY_OFFSET) - 128 for value in base.activity.tolist()]
        self._scales: list[int] = [
            scale + (weight * log >> 6)
            for scale, weight, log in zip(
                weights.scale[precision], weights.activity, logs, strict=True
            )
        ]
        self._excess = RATIO_PRIOR * RATIO_ONE
        self._settled = 0
        self._place = 0
        self._reciprocal = 0

    def choice(self, index: int) -> SymbolChoice:
        """Of the residual of parameter `index`."""
        place = min(max((self._places[index] + 128) >> 8, -PLACE_MAX), PLACE_MAX)
        scale = self._scales[index]
        self._reciprocal = RECIPROCALS[_scale_index(scale)]
        ratio = self._excess // (RATIO_PRIOR + self._settled)
        scale_index = _scale_index(
            scale + (self._weights.spread[index] * (log2_16(ratio) - 96) >> 6)
        )
        self._place = place
        centre = (place + 2) >> 2
        if scale_index > SHIFTED_FROM:
            shift = (scale_index - SHIFTED_FROM + 1) // 2
            entry = self._tables[scale_index - 2 * shift][0]
            return SymbolChoice(entry.table, entry.costs, centre, False, shift)
        offset = place - 4 * centre
        entry = self._tables[scale_index][abs(offset)]
        return SymbolChoice(entry.table, entry.costs, centre, offset < 0, 0)

    def settle(self, index: int, residual: int) -> None:
        """`index` as in the `choice` before: what came."""
        distance = abs(4 * residual - self._place)
        ratio = (distance * 16 + 6) * self._reciprocal >> 12
        self._excess += min(ratio, RATIO_MAX)
        self._settled += 1
        if residual:
            places = self._places
            for later, weight in self._weights.cross[index]:
                places[later] += weight * residual


def _scale_index(scale: int) -> int:
    """Half octaves from 2^-5 of a scale in 1/16 octaves."""
    return min(max((scale + 84) >> 3, 0), SCALE_INDEX_MAX)
