"""The trained tables as the arrays that `shared.frame_kernels` reads."""

from functools import cache
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from shared.codec_tables import LOGARITHMS, CodecTables
from shared.quantization import Precision
from shared.symbol_model import RECIPROCALS

IntArray = NDArray[np.int64]


class ReadingTables(NamedTuple):
    """What is the same for every frame; all int64."""

    order: IntArray
    """Parameters in the order of coding."""

    starts: IntArray
    """Of all tables, one after the other."""

    places: IntArray
    """By scale index and quarter: where a table begins in `starts`."""

    largest: IntArray
    """Of the same."""

    cross_starts: IntArray
    """Where a settled parameter's entries begin in the two below; one more than parameters."""

    cross_later: IntArray
    cross_weights: IntArray
    logarithms: IntArray
    reciprocals: IntArray


@cache
def reading_tables(tables: CodecTables, gap_class: int | None) -> ReadingTables:
    """For frames that lie so far from the one before; None: for intra frames."""
    cross = (tables.intra if gap_class is None else tables.predicted[gap_class]).cross
    flat = [entry.table for row in tables.tables for entry in row]
    shape = (len(tables.tables), len(tables.tables[0]))
    places = np.cumsum([0, *(len(table.starts) for table in flat[:-1])])
    return ReadingTables(
        order=_ints(tables.order),
        starts=_ints([start for table in flat for start in table.starts]),
        places=_ints(places).reshape(shape),
        largest=_ints([table.largest for table in flat]).reshape(shape),
        cross_starts=_ints(np.cumsum([0, *(len(row) for row in cross)])),
        cross_later=_ints([later for row in cross for later, _ in row]),
        cross_weights=_ints([weight for row in cross for _, weight in row]),
        logarithms=_ints(LOGARITHMS),
        reciprocals=_ints(RECIPROCALS),
    )


@cache
def reading_weights(tables: CodecTables, gap_class: int | None, precision: Precision) -> IntArray:
    """(6, SYMBOL_COUNT) rows as `shared.frame_kernels` names them."""
    weights = tables.intra if gap_class is None else tables.predicted[gap_class]
    return np.stack(
        [
            weights.velocity,
            weights.shrink,
            weights.bias * 2 >> precision,
            _ints(weights.scale[precision]),
            _ints(weights.activity),
            _ints(weights.spread),
        ]
    )


def _ints(numbers: object) -> IntArray:
    return np.array(numbers, np.int64)
