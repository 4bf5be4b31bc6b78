"""The residuals of one frame's symbols to bytes and back, by fixed Laplace tables.

Each parameter has a base table; a frame's scale of 3 bits for the expression and one of
3 bits for the camera shift the tables of all their parameters by half octaves, so that a still
face costs a few bits and a fast one no escapes, however far back the base lies.
"""

import numpy as np

from shared.entropy import LAPLACE_TABLES, LaplaceTable, RangeDecoder, RangeEncoder
from shared.parameters import EXPRESSION_SIZE
from shared.quantization import SYMBOL_COUNT, Symbols

RESIDUAL_LIMIT = 1 << 16
"""Magnitude of any residual; what it adds up to is checked against the parameter's levels."""

_SCALE_BITS = 3
_COST_MAGNITUDE_MAX = 256

_COSTS = np.array(
    [[table.cost(m) for m in range(_COST_MAGNITUDE_MAX + 1)] for table in LAPLACE_TABLES],
    np.int32,
)
"""(tables, magnitudes) in 1/64 bits; larger magnitudes are priced as the largest."""


class ResidualCoder:
    """A frame's SYMBOL_COUNT residuals with a base table for each."""

    def __init__(self, table_indices: tuple[int, ...]) -> None:
        assert len(table_indices) == SYMBOL_COUNT
        last = len(LAPLACE_TABLES) - 1
        self._indices = np.array(
            [
                [min(index + scale, last) for index in table_indices]
                for scale in range(1 << _SCALE_BITS)
            ]
        )
        self._tables = [[LAPLACE_TABLES[index] for index in row] for row in self._indices.tolist()]

    def encode(self, encoder: RangeEncoder, residuals: Symbols) -> None:
        """Encode (SYMBOL_COUNT,) residuals of magnitude <= RESIDUAL_LIMIT."""
        costs = _COSTS[self._indices, np.minimum(np.abs(residuals), _COST_MAGNITUDE_MAX)]
        expression_scale = int(costs[:, :EXPRESSION_SIZE].sum(axis=1).argmin())
        camera_scale = int(costs[:, EXPRESSION_SIZE:].sum(axis=1).argmin())
        encoder.encode_bits(expression_scale << _SCALE_BITS | camera_scale, 2 * _SCALE_BITS)
        tables = self._frame_tables(expression_scale, camera_scale)
        for table, value in zip(tables, residuals.tolist(), strict=True):
            table.encode(encoder, value)

    def decode(self, decoder: RangeDecoder) -> Symbols:
        """The next (SYMBOL_COUNT,) residuals.

        Raises BitstreamError for bytes that no encoder writes.
        """
        scales = decoder.decode_bits(2 * _SCALE_BITS)
        tables = self._frame_tables(scales >> _SCALE_BITS, scales & (1 << _SCALE_BITS) - 1)
        return np.array([table.decode(decoder, RESIDUAL_LIMIT) for table in tables], np.int32)

    def _frame_tables(self, expression_scale: int, camera_scale: int) -> list[LaplaceTable]:
        expression = self._tables[expression_scale][:EXPRESSION_SIZE]
        return expression + self._tables[camera_scale][EXPRESSION_SIZE:]


INTRA_CODER = ResidualCoder(
    (7, 7, 5, 5, 4, 4, 5, 4, 4, 3, 2, 3) + (2,) * 8 + (0,) * 8 + (14, 7, 8, 10, 14, 14)
)
"""For symbols themselves. The tables are those with the shortest code on the training clips
(`python -m export codec-tables`)."""

PREDICTED_CODER = ResidualCoder(
    (5, 4, 3, 3, 2, 3, 3, 3, 3, 2, 1, 2, 1, 2, 2, 1, 1, 1, 1, 2) + (0,) * 8 + (2, 0, 0, 2, 6, 6)
)
"""For differences to an earlier frame's symbols, 1 to 5 frames back."""
